"""Rehearsals as values and as files."""

from __future__ import annotations

import dataclasses
import datetime
import json
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import ConfigError, PlanInvalidError
from seachange.plan import Finding
from seachange.workflow._rehearsal.store import keep_rehearsal, kept_rehearsals
from seachange.workflow._rehearsal.values import (
    Check,
    DowngradeRehearsal,
    Overrun,
    Projection,
    Rehearsal,
    RevisionRehearsal,
    Source,
    Stall,
    StatementRehearsal,
    TableStalls,
)
from seachange.workflow.rehearsal import find_rehearsal, read_rehearsal, write_rehearsal
from tests.project import clean_environment

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return config.load(tmp_path, environ=clean_environment())


def rehearsal(plan_hash: str = "a" * 64, *, minutes_ago: float = 0.0) -> Rehearsal:
    started = (NOW - datetime.timedelta(minutes=minutes_ago)).isoformat(timespec="milliseconds")
    return Rehearsal(
        plan_hash=plan_hash, started=started, source=Source(kind="backup", name="b1", masked=("public.owner.email",))
    )


FULL = dataclasses.replace(
    rehearsal(),
    revisions=(
        RevisionRehearsal(
            revision="r1",
            duration_ms=12.5,
            size_before_bytes=100,
            size_after_bytes=150,
            size_peak_bytes=250,
            statements=(
                StatementRehearsal(number=1, sql="A", file="f.py", line=3, locks=("SHARE on t",), changes={"t": 2, "u": 1}),
                StatementRehearsal(number=2, sql="B", locks=("SHARE on t", "ACCESS EXCLUSIVE on t"), changes={"t": 5}),
            ),
            tables=(
                TableStalls(table="t", reader=Stall(wait_ms=4.0), writer=Stall(wait_ms=9.0, number=1, file="f.py", line=3)),
                TableStalls(table="u", reader=Stall(wait_ms=7.0), deadlocks=1, errors=("gone",)),
            ),
        ),
    ),
    checks=(Check(name="orphans", status="warning", findings=(Finding(code="orphans", message="1 row", severity="warning"),)),),
    downgrades=(
        DowngradeRehearsal(revision="r1", verdict="lossless"),
        DowngradeRehearsal(revision="r0", verdict="lossy", reasons=("t has 1 row less",)),
    ),
    projections=(Projection(revision="r1", measure="duration_ms", measured=12.5, projected=125.0, formula="bytes x 10"),),
    over_budget=(Overrun(measure="max_writer_stall", limit=5.0, value=9.0, revision="r1", table="t", where="f.py:3"),),
)


def test_a_rehearsal_survives_json_whole() -> None:
    assert Rehearsal.from_dict(json.loads(json.dumps(FULL.to_dict()))) == FULL


def test_a_revision_sums_up_its_tables_and_statements() -> None:
    (revision,) = FULL.revisions

    assert (revision.reader.wait_ms, revision.writer.where, revision.growth_bytes) == (7.0, "f.py:3", 150)
    assert revision.changes == {"t": 7, "u": 1}
    assert revision.locks == ("SHARE on t", "ACCESS EXCLUSIVE on t")


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({"over_budget": ()}, "passed", id="a warning is no failure"),
        pytest.param({}, "over budget", id="over budget"),
        pytest.param({"error": "revision r1 failed", "over_budget": ()}, "failed", id="a revision failed"),
        pytest.param({"checks": (Check(name="orphans", status="failed"),)}, "failed", id="a check failed"),
    ],
)
def test_the_verdict_is_of_the_worst(changes: dict[str, object], verdict: str) -> None:
    assert dataclasses.replace(FULL, **changes).verdict == verdict  # type: ignore[arg-type]


def test_only_what_was_proven_lossless_is() -> None:
    assert [FULL.lossless(name) for name in ("r1", "r0", "r2")] == [True, False, False]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"schema": "seachange.rehearsal/9"}, "'seachange.rehearsal/9'", id="another version"),
        pytest.param({"plan_hash": 7}, "plan_hash: 7", id="another type"),
        pytest.param({"started": "yesterday"}, "yesterday", id="no time"),
        pytest.param({"source": {"kind": "magic"}}, "'magic'", id="unknown word"),
        pytest.param({"revisions": [{"title": "x"}]}, "'revision'", id="a field is missing"),
    ],
)
def test_what_is_no_rehearsal_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(PlanInvalidError, match=reason):
        Rehearsal.from_dict({**FULL.to_dict(), **changes})


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert Rehearsal.from_dict({**FULL.to_dict(), "weather": "fine"}) == FULL


def test_the_latest_rehearsal_of_the_plan_is_found(own: Settings) -> None:
    for each in (rehearsal(minutes_ago=30), rehearsal(minutes_ago=10), rehearsal("b" * 64, minutes_ago=1)):
        keep_rehearsal(own, each)

    found = find_rehearsal(own, "a" * 64, 3600)

    assert found == rehearsal(minutes_ago=10)


@pytest.mark.parametrize(
    ("plan_hash", "max_age_s", "there"),
    [
        pytest.param("a" * 64, 601.0, True, id="just young enough"),
        pytest.param("a" * 64, 599.0, False, id="too old"),
        pytest.param("a" * 64, None, True, id="any age"),
        pytest.param("c" * 64, None, False, id="another plan"),
    ],
)
def test_age_and_plan_decide(own: Settings, plan_hash: str, max_age_s: float | None, *, there: bool) -> None:
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=600)
    keep_rehearsal(own, dataclasses.replace(rehearsal(), started=then.isoformat()))

    assert (find_rehearsal(own, plan_hash, max_age_s) is not None) == there


def test_a_start_in_the_future_counts_as_now() -> None:
    assert rehearsal(minutes_ago=-60).age_s(NOW) == 0.0


def test_a_damaged_file_hides_no_other(own: Settings) -> None:
    keep_rehearsal(own, rehearsal())
    (own.state_dir / "rehearsals" / "torn.json").write_text('{"schema": "seachange.rehea')

    assert kept_rehearsals(own) == (rehearsal(),)


def test_the_latest_fifty_are_kept(own: Settings) -> None:
    for minutes in range(52):
        keep_rehearsal(own, rehearsal(minutes_ago=minutes))

    assert [each.started for each in kept_rehearsals(own)] == [rehearsal(minutes_ago=minutes).started for minutes in range(50)]


def test_a_folder_that_cannot_be_made_keeps_nothing(own: Settings) -> None:
    own.state_dir.write_text("a file in the way")

    assert keep_rehearsal(own, rehearsal()) is None


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.json cannot be read"):
        read_rehearsal(tmp_path / "nowhere.json")


def test_a_plan_is_no_rehearsal(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('{"schema": "seachange.plan/1"}')

    with pytest.raises(
        PlanInvalidError, match=r"plan.json is not a rehearsal that can be read: it says schema 'seachange.plan/1'"
    ):
        read_rehearsal(path)


def test_a_written_rehearsal_is_read_back(tmp_path: Path) -> None:
    write_rehearsal(FULL, tmp_path / "r.json")

    assert read_rehearsal(tmp_path / "r.json") == FULL
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
