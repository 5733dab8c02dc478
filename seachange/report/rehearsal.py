"""A rehearsal as text: what each revision cost, who would have to wait for which statement, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seachange.config import Settings
from seachange.plan import PlannedRevision
from seachange.report.marks import Marks
from seachange.report.tables import table_lines
from seachange.workflow.rehearsal import (
    Rehearsal,
    RevisionRehearsal,
    milliseconds,
    overrun_words,
    size_words,
    source_words,
    stall_words,
)

__all__ = ["pending_lines", "rehearsal_lines"]

_INDENT = "  "
_HEADINGS = ("revision", "took", "readers waited", "writers waited", "WAL", "growth", "rows changed", "strongest lock")


def pending_lines(pending: Sequence[PlannedRevision], *, settings: Settings) -> list[str]:
    """Return what a rehearsal would run.

    :param pending: the revisions.
    :param settings: they say on what.
    """
    if not pending:
        return ["nothing to rehearse: no revision is pending"]
    head = f"would rehearse {len(pending)} pending on a copy (rehearsal.source is {settings.rehearsal_source}):"
    return [head, *(f"{_INDENT}{each.revision} {each.title}" for each in pending)]


def rehearsal_lines(rehearsal: Rehearsal, marks: Marks) -> list[str]:
    """Return the rehearsal for people.

    :param rehearsal: the rehearsal.
    :param marks: how the stream shows states.
    """
    title = f"rehearsed on {source_words(rehearsal.source)}, PostgreSQL {rehearsal.server_version}"
    lines = [marks.paint("title", title), *(f"{_INDENT}{note}" for note in rehearsal.source.notes)]
    if rehearsal.revisions:
        lines += ["", *table_lines(_HEADINGS, map(_row, rehearsal.revisions))]
    waits = [line for each in rehearsal.revisions for line in _waits(each)]
    lines += ["", *waits] if waits else []
    for part in (_projections(rehearsal), _checks(rehearsal, marks), _ways_back(rehearsal, marks)):
        found = list(part)
        lines += ["", *found] if found else []
    return [*lines, "", *_verdict(rehearsal, marks)]


def _row(revision: RevisionRehearsal) -> tuple[str, ...]:
    modes = [lock.partition(" on ") for each in revision.statements for lock in each.locks]
    strongest = max(modes, key=lambda lock: _strength(lock[0]), default=None)
    return (
        revision.revision,
        milliseconds(revision.duration_ms),
        milliseconds(revision.reader.wait_ms),
        milliseconds(revision.writer.wait_ms),
        size_words(revision.wal_bytes),
        size_words(revision.growth_bytes),
        f"{sum(revision.changes.values()):,}",
        "".join(strongest) if strongest else "not known" if any(each.error for each in revision.statements) else "none",
    )


def _strength(words: str) -> int:
    from seachange.safety.facts import LockMode

    return LockMode[words.replace(" ", "_")]


def _waits(revision: RevisionRehearsal) -> Iterator[str]:
    yield from (f"{revision.revision}: {words}" for words in stall_words(revision))
    if revision.not_probed:
        yield f"{revision.revision}: no readers and writers of ours were at {', '.join(revision.not_probed)}"
    for table in revision.tables:
        yield from (f"{revision.revision}: a reader or writer of {table.table} failed: {error}" for error in table.errors)


def _projections(rehearsal: Rehearsal) -> Iterator[str]:
    for each in rehearsal.projections:
        tell = size_words if each.measure.endswith("bytes") else milliseconds
        name = each.measure.rpartition("_")[0].replace("_", " ")
        yield (
            f"{each.revision}: {name} {tell(each.measured)} here, most likely {tell(each.projected)} on the real database "
            f"({each.formula})"
        )


def _checks(rehearsal: Rehearsal, marks: Marks) -> Iterator[str]:
    for check in rehearsal.checks:
        yield f"{marks.mark(check.status)}{check.name}: {check.summary}"
        for finding in check.findings:
            place = f"{finding.where}: " if finding.where else ""
            yield f"{_INDENT}{marks.mark(_STATES[finding.severity])}{place}{finding.message}"
            if finding.hint:
                yield f"{_INDENT * 2}hint: {finding.hint}"


_STATES = {"error": "failed", "warning": "warning", "info": "info"}


def _ways_back(rehearsal: Rehearsal, marks: Marks) -> Iterator[str]:
    for each in rehearsal.downgrades:
        state = {"lossless": "done", "not tried": "info"}.get(each.verdict, "warning")
        took = f" in {milliseconds(each.duration_ms)}" if each.duration_ms else ""
        yield f"{marks.mark(state)}undoing {each.revision}: {each.verdict}{took}"
        yield from (f"{_INDENT}{reason}" for reason in each.reasons)


def _verdict(rehearsal: Rehearsal, marks: Marks) -> Iterator[str]:
    yield from (f"{marks.mark('info')}{note}" for note in rehearsal.notes)
    if rehearsal.verdict == "inconclusive":
        yield f"{marks.mark('warning')}{rehearsal.error}"
        yield f"{marks.mark('failed')}inconclusive: these rows were made up, and real ones may let it pass; rehearse on a backup"
        return
    if rehearsal.error:
        yield f"{marks.mark('failed')}{rehearsal.error}"
        if rehearsal.hint:
            yield f"{_INDENT}hint: {rehearsal.hint}"
        return
    yield from (f"{marks.mark('failed')}{overrun_words(each)}" for each in rehearsal.over_budget)
    state = "done" if rehearsal.passed else "failed"
    yield f"{marks.mark(state)}{rehearsal.verdict} in {rehearsal.duration_s:.1f} s; {rehearsal.plan_name}"
