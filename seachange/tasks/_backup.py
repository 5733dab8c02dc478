"""Make a backup."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.tasks._task import Face, task

__all__ = ["backup"]


@task(
    changes=True,
    collection="db",
    iterable=("schema", "table"),
    help={
        "schema": "take only this schema, by its exact name (repeatable)",
        "table": "take only this table and its partitions, written as in SQL (repeatable)",
        "schema_only": "take the schema and no rows",
        "dump_format": "custom, directory or physical (default: setting backup_format)",
    },
)
def backup(
    face: Face,
    *,
    schema: Sequence[str] | None = None,
    table: Sequence[str] | None = None,
    schema_only: bool = False,
    dump_format: str = "",
) -> None:
    """Back the database up: dump, digests, manifest."""
    from seachange.backup.selection import Selection
    from seachange.workflow import Step, pipeline, steps
    from seachange.workflow.steps._backup import dump

    selection = Selection(schemas=tuple(schema or ()), tables=tuple(table or ()), schema_only=schema_only)
    step = Step(name="backup", run=dump, title=steps.backup.title)
    face.run(pipeline(step, name="db.backup"), selection=selection, dump_format=dump_format, in_full=True)
