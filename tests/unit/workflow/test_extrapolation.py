"""From a smaller copy to the real database: which formula for which work, and never below what was measured."""

from __future__ import annotations

import pytest

from seachange.safety.facts import RevisionFacts, StatementFacts, Trace
from seachange.workflow._rehearsal.extrapolation import project
from seachange.workflow._rehearsal.likeness import TableScale
from seachange.workflow._rehearsal.values import RevisionRehearsal, Stall, StatementRehearsal, TableStalls

_MB = 1024**2


def _scale(*, rows: int | None = 100_000, real_rows: int | None = 1_000_000, size: int = 10, real: int = 80) -> TableScale:
    return TableScale(rows=rows, bytes=size * _MB, real_rows=real_rows, real_bytes=real * _MB)


def _revision(*work: str, stall_ms: float = 90.0, number: int = 1) -> RevisionRehearsal:
    statement = StatementRehearsal(number=1, sql="alter table", file="a.py", line=7, duration_ms=100, wal_bytes=1000, work=work)
    other = StatementRehearsal(number=2, sql="comment on", file="a.py", line=9, duration_ms=50)
    stalls = TableStalls(table="public.t", reader=Stall(wait_ms=stall_ms, number=number))
    return RevisionRehearsal(
        revision="0002", duration_ms=160, wal_bytes=1100, size_peak_bytes=2000, statements=(statement, other), tables=(stalls,)
    )


@pytest.mark.parametrize(
    ("work", "factor", "formula"),
    [
        pytest.param("rewrite of public.t", 8.0, "x 8.0: rewrite of public.t, linear, 80 MB / 10 MB", id="rewrite"),
        pytest.param("scan of public.t", 8.0, "x 8.0: scan of public.t, linear, 80 MB / 10 MB", id="scan"),
        pytest.param(
            "change of public.t", 10.0, "x 10.0: change of public.t, linear, 1,000,000 rows / 100,000 rows", id="change of rows"
        ),
        pytest.param(
            "index build of public.t",
            12.0,
            "x 12.0: index build of public.t, n log n, 1,000,000 rows / 100,000 rows",
            id="index build",
        ),
    ],
)
def test_each_kind_of_work_has_its_formula(work: str, factor: float, formula: str) -> None:
    found = {each.measure: each for each in project([_revision(work)], {"public.t": _scale()})}
    assert found["reader_stall_ms"].projected == pytest.approx(90 * factor)
    assert found["reader_stall_ms"].formula == formula
    assert found["duration_ms"].measured == 160
    assert found["duration_ms"].projected == pytest.approx(60 + 100 * factor)
    assert found["wal_bytes"].projected == pytest.approx(100 + 1000 * factor)
    assert found["growth_bytes"].projected == pytest.approx(2000 * factor)
    assert "writer_stall_ms" not in found


def test_what_a_statement_takes_without_rows_is_not_multiplied() -> None:
    statement = StatementFacts(number=1, sql="alter table", file="a.py", line=7, duration_ms=20)
    trace = Trace(major=18, revisions=(RevisionFacts(revision="0002", title="", file="a.py", major=18, statements=(statement,)),))
    found = {each.measure: each for each in project([_revision("rewrite of public.t")], {"public.t": _scale()}, empty=trace)}
    assert found["reader_stall_ms"].projected == pytest.approx(20 + 70 * 8)
    assert found["reader_stall_ms"].formula.endswith("; 20 ms of it without rows too")
    assert found["duration_ms"].projected == pytest.approx(160 + 80 * 7)


@pytest.mark.parametrize(
    ("work", "scale"),
    [
        pytest.param((), _scale(), id="constant work"),
        pytest.param(("rewrite of public.t",), _scale(rows=1000, real_rows=10, size=80, real=10), id="a copy that is larger"),
        pytest.param(("rewrite of public.t",), _scale(rows=0), id="a copy without rows"),
        pytest.param(("rewrite of public.new",), _scale(), id="a table that the real database has not"),
    ],
)
def test_nothing_is_projected_where_nothing_grows(work: tuple[str, ...], scale: TableScale) -> None:
    assert project([_revision(*work)], {"public.t": scale}) == ()


def test_a_stall_under_constant_work_stays_as_it_is() -> None:
    found = project([_revision("rewrite of public.t", number=2)], {"public.t": _scale()})
    assert [each.measure for each in found] == ["duration_ms", "wal_bytes", "growth_bytes"]


def test_bytes_stand_in_for_rows_that_nobody_counted() -> None:
    (first, *_) = project([_revision("change of public.t")], {"public.t": _scale(real_rows=None)})
    assert first.projected == pytest.approx(90 * 8)
