"""Budgets of rehearsals, and the sentences about them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from seachange import config
from seachange.workflow._rehearsal.budgets import find_overruns
from seachange.workflow._rehearsal.telling import overrun_words
from seachange.workflow._rehearsal.values import Projection, RevisionRehearsal, Stall, TableStalls
from tests.project import clean_environment

MB = 1024**2

FIRST = RevisionRehearsal(
    revision="r1",
    duration_ms=400.0,
    size_before_bytes=100 * MB,
    size_peak_bytes=150 * MB,
    size_after_bytes=130 * MB,
    tables=(
        TableStalls(table="public.a", reader=Stall(wait_ms=20.0, locked_at="r1.py:9"), writer=Stall(wait_ms=30.0)),
        TableStalls(table="public.b", reader=Stall(wait_ms=5.0), writer=Stall(wait_ms=350.0, file="r1.py", line=12)),
    ),
)
SECOND = RevisionRehearsal(
    revision="r2", duration_ms=100.0, size_before_bytes=130 * MB, size_peak_bytes=160 * MB, size_after_bytes=131 * MB
)
PROJECTIONS = (
    Projection(revision="r1", measure="reader_stall_ms", measured=20.0, projected=2000.0, formula="rows x 100"),
    Projection(revision="r1", measure="growth_bytes", measured=50.0 * MB, projected=5000.0 * MB, formula="rows x 100"),
)


@pytest.mark.parametrize(
    ("flags", "projections", "sentences"),
    [
        pytest.param({}, (), [], id="no budgets"),
        pytest.param(
            {"rehearsal_max_reader_stall": "19ms"},
            (),
            ["revision r1: readers wait 20 ms for public.a at r1.py:9; rehearsal.max_reader_stall is 19 ms"],
            id="readers, at the place of the lock",
        ),
        pytest.param({"rehearsal_max_reader_stall": "20ms"}, (), [], id="just kept"),
        pytest.param(
            {"rehearsal_max_reader_stall": "1s"},
            PROJECTIONS,
            ["revision r1: as projected, readers wait 2.00 s for public.a at r1.py:9; rehearsal.max_reader_stall is 1.00 s"],
            id="projected to the real database",
        ),
        pytest.param(
            {"rehearsal_max_writer_stall": "100ms"},
            (),
            ["revision r1: writers wait 350 ms for public.b at r1.py:12; rehearsal.max_writer_stall is 100 ms"],
            id="writers of the worst table",
        ),
        pytest.param(
            {"rehearsal_max_duration": "450ms"},
            (),
            ["the revisions take 500 ms, r1 the longest; rehearsal.max_duration is 450 ms"],
            id="all revisions together",
        ),
        pytest.param(
            {"rehearsal_max_disk_growth": "55MB"},
            (),
            ["revision r2: the database grows by 60.0 MB; rehearsal.max_disk_growth is 55.0 MB"],
            id="on top of what the revision before has left",
        ),
        pytest.param(
            {"rehearsal_max_disk_growth": "1GB"},
            PROJECTIONS,
            ["revision r1: as projected, the database grows by 4.9 GB; rehearsal.max_disk_growth is 1.0 GB"],
            id="projected growth",
        ),
    ],
)
def test_what_is_over_budget_is_named_with_limit_and_value(
    tmp_path: Path, flags: dict[str, str], projections: tuple[Projection, ...], sentences: list[str]
) -> None:
    settings = config.load(tmp_path, flags=flags, environ=clean_environment())

    assert [overrun_words(each) for each in find_overruns(settings, (FIRST, SECOND), projections)] == sentences


@pytest.mark.parametrize(("limit", "over"), [pytest.param("99ms", True, id="over"), pytest.param("100ms", False, id="kept")])
def test_at_a_table_that_nobody_looked_at_the_wait_may_be_the_whole_revision(tmp_path: Path, limit: str, *, over: bool) -> None:
    settings = config.load(tmp_path, flags={"rehearsal_max_reader_stall": limit}, environ=clean_environment())
    unseen = dataclasses.replace(SECOND, not_probed=("public.made_by_hand",))

    words = [overrun_words(each) for each in find_overruns(settings, (unseen,))]

    sentence = "revision r2: as projected, readers wait 100 ms for public.made_by_hand; rehearsal.max_reader_stall is 99 ms"
    assert words == ([sentence] if over else [])


def test_without_revisions_nothing_is_over_budget(tmp_path: Path) -> None:
    settings = config.load(tmp_path, flags={"rehearsal_max_duration": "1ms"}, environ=clean_environment())

    assert find_overruns(settings, ()) == ()
