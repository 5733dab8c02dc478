"""schema.dbml: the schema in the language of dbdiagram.io and dbdocs."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target, header
from seachange.sync.targets.dbml._enums import Labels
from seachange.sync.targets.dbml._references import references
from seachange.sync.targets.dbml._tables import left_out, table_lines
from seachange.sync.targets.dbml._words import comment, named, settings

__all__ = ["TARGET", "dbml"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    del request
    yield Artefact(text=dbml(schema))


def dbml(schema: Schema) -> str:
    """Return the schema as DBML.

    :param schema: the schema.
    """
    return "\n".join(_lines(schema)).rstrip("\n") + "\n"


def _lines(schema: Schema) -> Iterator[str]:
    yield from map(comment, header(schema, target="dbml"))
    yield from ("", 'Project "schema" {', "  database_type: 'PostgreSQL'", "}", "")
    labels = Labels.of(schema)
    for enum in schema.enums:
        yield from labels.block(enum)
    drawn = [table for table in schema.tables if table.columns and not table.is_partition]
    for table in drawn:
        yield from table_lines(table, labels)
    refs = list(references(schema))
    if refs:
        yield from (*refs, "")
    names = [name for name in schema.schemas if any(table.schema == name for table in drawn)]
    for name in names if len(names) > 1 else ():
        note = settings(note=schema.comments.get(name, ""))
        yield f"TableGroup {named(name)}{note} {{"
        yield from (f"  {named(table.schema, table.name)}" for table in drawn if table.schema == name)
        yield from ("}", "")
    yield from left_out(schema)


TARGET = Target(name="dbml", summary="DBML for dbdiagram.io and the like", path="schema.dbml", emit=_emit)
