"""A trace as text: what each statement did, and how long each table was held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.report.marks import Marks
from seachange.report.tables import size
from seachange.safety.facts import RelationLock, RevisionFacts, StatementFacts, Trace, Window

__all__ = ["trace_lines"]

_INDENT = " " * 6
_MOST_STATEMENTS = 6
_MOST_WORK = 6


def trace_lines(trace: Trace, marks: Marks) -> list[str]:
    """Return the trace for people.

    :param trace: the trace.
    :param marks: how the stream shows states.
    """
    if not trace.revisions and not trace.error:
        return ["nothing to trace: no revision is pending"]
    lines = [marks.paint("title", f"PostgreSQL {trace.server_version or trace.major}")]
    for revision in trace.revisions:
        lines += ["", *_revision(revision, marks)]
    if trace.error:
        lines += ["", f"{marks.mark('failed')}{trace.error}", *([f"{_INDENT}hint: {trace.hint}"] if trace.hint else [])]
    return lines


def _revision(revision: RevisionFacts, marks: Marks) -> Iterator[str]:
    yield marks.paint("title", f"{revision.revision} {revision.title}".rstrip() + f"  {revision.file}")
    for statement in revision.statements:
        yield from _statement(statement)
    tables = {lock.relation for statement in revision.statements for lock in statement.new_locks if lock.kind == "table"}
    windows = [each for each in revision.windows if each.relation in tables and each.mode.blocks_writers]
    held = [line for window in windows for line in _window(window)]
    if held:
        yield "  held to the end of the transaction:"
        yield from held


def _statement(statement: StatementFacts) -> Iterator[str]:
    place = f"transaction {statement.transaction}" if statement.transaction else "outside a transaction"
    times = f", {statement.count} times" if statement.count > 1 else ""
    work = f"{statement.duration_ms:.1f} ms, WAL {size(statement.wal_bytes)}"
    yield f"  {statement.number}. {statement.where}  {statement.op}  {place}{times}  {work}"
    yield from (f"{_INDENT}{line}" for line in (statement.sql or "-- not seen").splitlines())
    yield from (f"{_INDENT}-> {line}" for line in _facts(statement))


def _facts(statement: StatementFacts) -> Iterator[str]:
    yield from _locks("takes", statement.new_locks)
    yield from _locks("holds", statement.held_locks)
    yield from (f"rewrites {table}" for table in statement.rewrites)
    yield from (f"builds index {build.index} of {build.table}" for build in statement.index_builds)
    explained = {*statement.rewrites, *(build.table for build in statement.index_builds)} - {*statement.verified}
    yield from (f"scans {table}: {_rows(rows)}" for table, rows in statement.scans.items() if table not in explained)
    yield from (f"changes {table}: {_rows(rows)}" for table, rows in statement.changes.items())
    yield from (f"drops {each.kind} {each.name}{' by cascade' * each.cascaded}" for each in statement.dropped)
    yield from (f'the server says: "{message}"' for message in statement.messages)
    yield from (f"disagreement: {each}" for each in statement.disagreements)
    yield from (f"not known: {each}" for each in statement.gaps)
    if statement.error is not None:
        yield f"fails: {statement.error.message} [SQLSTATE {statement.error.sqlstate}]"


def _locks(verb: str, locks: Iterable[RelationLock]) -> Iterator[str]:
    # Those of indexes go with those of their tables.
    found = [lock for lock in locks if lock.kind != "index"]
    yield from (f"{verb} {lock.mode.words} on {lock.relation}{_stops(lock)}" for lock in found)


def _stops(lock: RelationLock) -> str:
    if lock.kind != "table":
        return ""
    if lock.mode.blocks_readers:
        return ": readers and writers wait"
    return ": writers wait" if lock.mode.blocks_writers else ""


def _window(window: Window) -> Iterator[str]:
    numbers = [str(each.number) for each in window.statements]
    until = ", ".join(numbers if len(numbers) <= _MOST_STATEMENTS else [*numbers[:2], "...", numbers[-1]])
    work = [
        f"{', '.join(kinds)} of {table} ({number})"
        for number, tables in window.long_work().items()
        for table, kinds in tables.items()
    ]
    more = [f"{len(work) - _MOST_WORK} more"] if len(work) > _MOST_WORK else []
    spent = f"; meanwhile {'; '.join([*work[:_MOST_WORK], *more])}" if work else "; no long work meanwhile"
    (_, first), *later = [each for each in window.stages if each[1].blocks_writers]
    modes = "".join([first.words, *(f", from {number} on {mode.words}" for number, mode in later)])
    yield f"{_INDENT}{window.relation} {modes}, statements {until}{spent}"


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
