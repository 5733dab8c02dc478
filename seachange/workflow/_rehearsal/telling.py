"""Rehearsals in sentences: what was over budget, who would have to wait for which statement."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.plan import Finding
from seachange.workflow._rehearsal.values import Overrun, Rehearsal, RevisionRehearsal, Source, Stall

__all__ = [
    "budget_findings",
    "facts_of",
    "milliseconds",
    "overrun_words",
    "sentence",
    "size_words",
    "source_words",
    "stall_words",
    "way_back_findings",
]

# Shorter waits are those that any two statements cause each other.
_NOTABLE_MS = 50.0

_WHOLE = 0.95
_LEAST = 0.01

_VERBS = {
    "max_reader_stall": "readers wait",
    "max_writer_stall": "writers wait",
    "max_duration": "the revisions take",
    "max_disk_growth": "the database grows by",
}


def milliseconds(value: float) -> str:
    """Return a time in milliseconds as people write it."""
    if value < 1000:
        return f"{value:.0f} ms"
    return f"{value / 1000:.2f} s" if value < 60_000 else f"{value / 60_000:.1f} min"


def size_words(value: float) -> str:
    """Return a number of bytes as people write it."""
    size, sign = abs(value), "-" if value < 0 else ""
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{sign}{size:.0f} {unit}" if unit == "B" else f"{sign}{size:.1f} {unit}"
        size /= 1024
    return f"{sign}{size:.1f} GB"


def source_words(source: Source) -> str:
    """Return what a rehearsal ran on."""
    words = {
        "backup": f"backup {source.name}",
        "copy": f"a copy of {source.name}",
        "seeded": "rows made up after the statistics of the database",
        "shadow": "an empty database at the same revision",
    }[source.kind]
    made = f", of {source.created[:19].replace('T', ' ')}" if source.created else ""
    cached = ", from the cache" if source.cached else ""
    masked = f", {len(source.masked)} columns masked" if source.masked else ""
    part = "" if source.scale >= _WHOLE or source.kind == "shadow" else f", {_percent(source.scale)} as large as the database"
    return f"{words}{made}{cached}{masked}{part}"


def _percent(part: float) -> str:
    return f"{part:.0%}" if part >= _LEAST else f"less than {_LEAST:.0%}"


def overrun_words(overrun: Overrun) -> str:
    """Return a budget that was not kept, with the limit and the value, as one sentence."""
    tell = size_words if overrun.measure == "max_disk_growth" else milliseconds
    place = f" for {overrun.table}" if overrun.table else ""
    where = f" at {overrun.where}" if overrun.where else ""
    how = "as projected, " if overrun.projected else ""
    together = overrun.measure == "max_duration"
    revision = f"revision {overrun.revision}: " if not together else ""
    longest = f", {overrun.revision} the longest" if together else ""
    said = f"{revision}{how}{_VERBS[overrun.measure]} {tell(overrun.value)}{place}{where}{longest}"
    return f"{said}; rehearsal.{overrun.measure} is {tell(overrun.limit)}"


def budget_findings(rehearsal: Rehearsal) -> Iterator[Finding]:
    """Yield an error for each budget that was not kept."""
    for each in rehearsal.over_budget:
        file, _, line = each.where.rpartition(":")
        yield Finding(
            code=f"over-{each.measure.removeprefix('max_').replace('_', '-')}",
            message=overrun_words(each),
            file=file,
            line=int(line) if line.isdigit() else 0,
            table=each.table,
            provenance="inferred" if each.projected else "proven",
        )


def way_back_findings(rehearsal: Rehearsal) -> Iterator[Finding]:
    """Yield a warning for each downgrade that does not lead back; one that says so itself, or loses rows only, is no surprise."""
    files = {each.revision: each.file for each in rehearsal.revisions}
    for each in rehearsal.downgrades:
        if each.verdict in ("fails", "differs"):
            words = "fails" if each.verdict == "fails" else "does not give the schema back"
            yield Finding(
                code=f"way-back-{each.verdict}",
                message=f"undoing {each.revision} {words}: {'; '.join(each.reasons)}",
                severity="warning",
                file=files.get(each.revision, ""),
                provenance="proven",
            )


def stall_words(revision: RevisionRehearsal) -> Iterator[str]:
    """Yield who would have to wait at which table for which statement, where that is worth a word."""
    for each in revision.tables:
        for who, stall in (("readers", each.reader), ("writers", each.writer)):
            if stall.wait_ms >= _NOTABLE_MS:
                yield f"{who} of {each.table} wait {milliseconds(stall.wait_ms)}{_because(stall)}"


def _because(stall: Stall) -> str:
    sql = " ".join(stall.sql.split())
    shown = sql if len(sql) <= 80 else f"{sql[:77]}..."
    if stall.locked_at and stall.locked_at != stall.where:
        return f" from {stall.locked_at}, which takes the lock, most of it during {stall.where}: {shown}"
    return f" at {stall.where}: {shown}" if stall.where else ""


def sentence(rehearsal: Rehearsal) -> str:
    """Return what the revisions took in short."""
    count = len(rehearsal.revisions)
    reader = max((each.reader.wait_ms for each in rehearsal.revisions), default=0.0)
    writer = max((each.writer.wait_ms for each in rehearsal.revisions), default=0.0)
    total = milliseconds(sum(each.duration_ms for each in rehearsal.revisions))
    waits = f"readers waited {milliseconds(reader)} at most, writers {milliseconds(writer)}"
    return f"{count} revision{'' if count == 1 else 's'} in {total} on the copy; {waits}"


def facts_of(rehearsal: Rehearsal) -> tuple[str, ...]:
    """Return a rehearsal as the facts of a step."""
    facts = [f"on {source_words(rehearsal.source)}, PostgreSQL {rehearsal.server_version}"]
    for each in rehearsal.revisions:
        waits = f"readers waited {milliseconds(each.reader.wait_ms)}, writers {milliseconds(each.writer.wait_ms)}"
        work = f"WAL {size_words(each.wal_bytes)}, growth {size_words(each.growth_bytes)}"
        facts.append(f"{each.revision} took {milliseconds(each.duration_ms)}; {waits}; {work}")
        facts += stall_words(each)
    facts += [f"{each.name}: {each.summary}" for each in rehearsal.checks if each.summary]
    for undone in rehearsal.downgrades:
        facts.append(f"undoing {undone.revision}: {undone.verdict}{f' ({undone.reasons[0]})' if undone.reasons else ''}")
    return (*facts, *rehearsal.notes)
