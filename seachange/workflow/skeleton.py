"""Begin a revision that is filled in by hand, as the options of a run say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.errors import ConfigError
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.generate import GeneratedRevision

__all__ = ["write_skeleton"]


def write_skeleton(run: Run) -> GeneratedRevision:
    """Write an empty revision (option ``empty``) or a data migration (option ``data``, with ``table`` or one ``fill``).

    :raises ConfigError: the options contradict each other, or one is missing.
    """
    from seachange.revisions.answers import read_answers
    from seachange.revisions.skeletons import Batches, write_data, write_empty

    options = run.options
    place = {"name": options["name"], "location": options["location"], "dry_run": run.dry_run}
    fills = read_answers(fills=options["fill"] or ()).fills
    if options["empty"] and (options["data"] or options["table"] or fills):
        raise ConfigError("--empty writes a revision without operations", hint="leave out --data, --table and --fill")
    if options["empty"]:
        return write_empty(run.settings, run.history, **place)
    table = options["table"] or (fills[0].column.rpartition(".")[0] if fills else "")
    if not options["data"] or not table or len(fills) > 1:
        raise ConfigError(
            "a data migration is about one table and at most one column",
            hint='pass --data with --table TABLE, or with one --fill "table.column=SQL expression"',
        )
    batches = Batches(table=table, filling=fills[0] if fills else None)
    return write_data(run.settings, run.history, batches, **place, progress=run.progress)
