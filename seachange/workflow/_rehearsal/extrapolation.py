"""From what was measured on a smaller copy to what it would most likely be on the real database, with the formula said."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from seachange.safety.facts import Trace
from seachange.workflow._rehearsal.likeness import TableScale
from seachange.workflow._rehearsal.values import Projection, RevisionRehearsal, Stall, StatementRehearsal

__all__ = ["project"]

# Below this, the copy is as large as the real table.
_LARGER = 1.05
_NOTABLE_MS = 1.0
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Growth:
    """How many times longer a statement works on the real tables, and why."""

    factor: float = 1.0
    words: str = ""


def project(
    revisions: Sequence[RevisionRehearsal], sizes: Mapping[str, TableScale], *, empty: Trace | None = None
) -> tuple[Projection, ...]:
    """Return the measures that would be larger on the real database; none is ever projected below what was measured.

    A rewrite and a scan take time in proportion to the bytes of the table, a change of rows to the rows, an index build to
    n log n of them; what a statement takes without rows is the same everywhere.

    :param revisions: what was measured on the copy.
    :param sizes: its tables against the real ones.
    :param empty: the same revisions on an empty throwaway: what each line takes without rows.
    """
    return tuple(found for each in revisions for found in _of_revision(each, sizes, without_rows=_durations(empty)))


def _durations(trace: Trace | None) -> Mapping[tuple[str, str, int], float]:
    found: dict[tuple[str, str, int], float] = {}
    for revision in trace.revisions if trace is not None else ():
        for each in revision.statements:
            key = (revision.revision, each.file, each.line)
            found[key] = found.get(key, 0.0) + each.duration_ms
    return found


def _of_revision(
    revision: RevisionRehearsal, sizes: Mapping[str, TableScale], *, without_rows: Mapping[tuple[str, str, int], float]
) -> Iterator[Projection]:
    growths = {each.number: _growth(each, sizes) for each in revision.statements}
    if all(each.factor < _LARGER for each in growths.values()):
        return
    fixed = {each.number: _fixed(each, revision, without_rows) for each in revision.statements}
    for name, stall in (("reader_stall_ms", revision.reader), ("writer_stall_ms", revision.writer)):
        yield from _stall(revision, stall, name=name, growths=growths, fixed=fixed)
    longer = sum((each.duration_ms - fixed[each.number]) * (growths[each.number].factor - 1) for each in revision.statements)
    grown = [growths[each.number] for each in revision.statements if growths[each.number].factor >= _LARGER]
    yield from _told(revision.revision, "duration_ms", revision.duration_ms, revision.duration_ms + longer, words=_joined(grown))
    wal = sum(each.wal_bytes * (growths[each.number].factor - 1) for each in revision.statements)
    yield from _told(revision.revision, "wal_bytes", revision.wal_bytes, revision.wal_bytes + wal, words=_joined(grown))
    largest = max(grown, key=lambda each: each.factor)
    size = revision.growth_bytes * largest.factor
    yield from _told(revision.revision, "growth_bytes", revision.growth_bytes, size, words=largest.words)


def _fixed(
    statement: StatementRehearsal, revision: RevisionRehearsal, without_rows: Mapping[tuple[str, str, int], float]
) -> float:
    """Return the part of a statement's time that does not depend on rows."""
    known = without_rows.get((revision.revision, statement.file, statement.line), 0.0)
    return min(known, statement.duration_ms)


def _stall(
    revision: RevisionRehearsal,
    stall: Stall,
    *,
    name: str,
    growths: Mapping[int, _Growth],
    fixed: Mapping[int, float],
) -> Iterator[Projection]:
    statement = next((each for each in revision.statements if each.number == stall.number), None)
    if statement is None or stall.wait_ms < _NOTABLE_MS:
        return
    growth, constant = growths[statement.number], min(fixed[statement.number], stall.wait_ms)
    projected = constant + (stall.wait_ms - constant) * growth.factor
    yield from _told(revision.revision, name, stall.wait_ms, projected, words=_with_constant(growth.words, constant))


def _with_constant(words: str, constant_ms: float) -> str:
    return f"{words}; {constant_ms:.0f} ms of it without rows too" if constant_ms >= _NOTABLE_MS else words


def _told(revision: str, measure: str, measured: float, projected: float, *, words: str) -> Iterator[Projection]:  # noqa: PLR0917
    if projected > measured * _LARGER and projected - measured >= _NOTABLE_MS:
        yield Projection(revision=revision, measure=measure, measured=measured, projected=projected, formula=words)


def _joined(growths: Sequence[_Growth]) -> str:
    words = tuple(dict.fromkeys(each.words for each in growths))
    more = f"; and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return "; ".join(words[:_MOST_NAMED]) + more


def _growth(statement: StatementRehearsal, sizes: Mapping[str, TableScale]) -> _Growth:
    """Return the work of a statement that grows the most."""
    found = [_Growth()]
    for work in statement.work:
        kind, _, table = work.partition(" of ")
        scale = sizes.get(table)
        # Of a table without rows nothing can be told.
        if scale is not None and scale.rows:
            found.append(_by_kind(kind, scale, work=work))
    return max(found, key=lambda each: each.factor)


def _by_kind(kind: str, scale: TableScale, *, work: str) -> _Growth:
    rows = f"{scale.real_rows or 0:,} rows / {scale.rows or 0:,} rows"
    if kind == "index build":
        factor = _sorting(scale)
        return _Growth(factor=factor, words=f"x {factor:.1f}: {work}, n log n, {rows}")
    if kind in ("rewrite", "scan") and scale.real_bytes:
        factor = scale.bytes_factor
        return _Growth(factor=factor, words=f"x {factor:.1f}: {work}, linear, {_size(scale.real_bytes)} / {_size(scale.bytes)}")
    return _Growth(factor=scale.rows_factor, words=f"x {scale.rows_factor:.1f}: {work}, linear, {rows}")


def _sorting(scale: TableScale) -> float:
    if scale.real_rows is None or not scale.rows:
        return scale.bytes_factor
    return max(1.0, scale.real_rows * math.log2(max(2, scale.real_rows)) / (scale.rows * math.log2(max(2, scale.rows))))


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
