"""What a rehearsal may cost at most, and where it cost more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from seachange.config import Settings
from seachange.workflow._rehearsal.values import Overrun, Projection, RevisionRehearsal, TableStalls

__all__ = ["find_overruns"]

_StallMeasure: TypeAlias = Literal["max_reader_stall", "max_writer_stall"]


def find_overruns(
    settings: Settings, revisions: Sequence[RevisionRehearsal], projections: Sequence[Projection] = ()
) -> tuple[Overrun, ...]:
    """Return which budgets were not kept; where a copy is smaller than the real database, what is projected counts.

    :param settings: the budgets ``rehearsal_max_*``; 0 sets none.
    :param revisions: what was measured.
    :param projections: what the measures would be on the real database.
    """
    projected = {(each.revision, each.measure): each.projected for each in projections}
    found = [each for revision in revisions for each in _stalls(settings, revision, projected)]
    return (*found, *_totals(settings, revisions, projected))


def _stalls(settings: Settings, revision: RevisionRehearsal, projected: dict[tuple[str, str], float]) -> Iterator[Overrun]:
    budgets: tuple[tuple[_StallMeasure, str, int, TableStalls | None], ...] = (
        ("max_reader_stall", "reader_stall_ms", settings.rehearsal_max_reader_stall, revision.reader_table),
        ("max_writer_stall", "writer_stall_ms", settings.rehearsal_max_writer_stall, revision.writer_table),
    )
    for measure, name, limit, table in budgets:
        if limit and revision.not_probed and revision.duration_ms > limit:
            # Nobody saw who waited there; it may have been for all of the revision.
            yield Overrun(
                measure=measure,
                limit=limit,
                value=revision.duration_ms,
                revision=revision.revision,
                table=revision.not_probed[0],
                projected=True,
            )
        if table is None:
            continue
        stall = table.reader if measure == "max_reader_stall" else table.writer
        value = projected.get((revision.revision, name), stall.wait_ms)
        if limit and value > limit:
            yield Overrun(
                measure=measure,
                limit=limit,
                value=value,
                revision=revision.revision,
                table=table.table,
                where=stall.cause,
                projected=value != stall.wait_ms,
            )


def _totals(
    settings: Settings, revisions: Sequence[RevisionRehearsal], projected: dict[tuple[str, str], float]
) -> Iterator[Overrun]:
    if not revisions:
        return
    times = [projected.get((each.revision, "duration_ms"), each.duration_ms) for each in revisions]
    limit, value = settings.rehearsal_max_duration, sum(times)
    slowest = revisions[times.index(max(times))].revision
    if limit and value > limit:
        measured = sum(each.duration_ms for each in revisions)
        yield Overrun(measure="max_duration", limit=limit, value=value, revision=slowest, projected=value != measured)
    # The peak of a revision stands on what the ones before it have left.
    growths = [
        projected.get((each.revision, "growth_bytes"), each.growth_bytes)
        + each.size_before_bytes
        - revisions[0].size_before_bytes
        for each in revisions
    ]
    limit, value = settings.rehearsal_max_disk_growth, max(growths)
    if limit and value > limit:
        worst = revisions[growths.index(value)]
        yield Overrun(
            measure="max_disk_growth",
            limit=limit,
            value=value,
            revision=worst.revision,
            projected=(worst.revision, "growth_bytes") in projected,
        )
