"""Apply in production only what was rehearsed: setting ``require_rehearsal``."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import RefusedError
from seachange.plan import Plan
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import upgrade
from seachange.workflow._rehearsal.gate import Rehearsed
from seachange.workflow._rehearsal.store import keep_rehearsal
from seachange.workflow._rehearsal.values import Check, Overrun, Rehearsal, Source
from seachange.workflow.plan import make_plan
from seachange.workflow.rehearsal import require_rehearsed, write_rehearsal
from seachange.workflow.run import Run
from tests.project import Project, clean_environment

OVER = Overrun(measure="max_writer_stall", limit=100.0, value=350.0, revision="0003", table="public.clients", where="0003.py:10")


@pytest.fixture
def production(scenario: Callable[[str], Project], database: Database) -> Settings:
    """A production database with one revision pending, for which a rehearsal of the last hour is required."""
    environ = {
        **clean_environment(),
        "DATABASE_URL": database.url(),
        "APP_ENV": "production",
        "SEACHANGE_REQUIRE_REHEARSAL": "1h",
    }
    found = config.load(scenario("linear").path, environ=environ)
    upgrade(database, found, target="0002")
    return found


@pytest.fixture
def plan(production: Settings) -> Plan:
    with Run(production) as run:
        return make_plan(run)


def _rehearsal(plan_hash: str, *, hours_ago: float = 0.5) -> Rehearsal:
    started = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours_ago)
    return Rehearsal(plan_hash=plan_hash, started=started.isoformat(), source=Source(kind="backup", name="b1"))


def test_the_hash_is_that_of_the_plan_which_migration_plan_shows(production: Settings, plan: Plan) -> None:
    with Run(production) as run:
        pending = run.pending_plan

    assert pending is not None
    assert pending.hash == plan.hash


def test_a_good_rehearsal_of_the_same_plan_opens_the_way(production: Settings, plan: Plan) -> None:
    keep_rehearsal(production, _rehearsal(plan.hash))
    with Run(production) as run:
        found = require_rehearsed(run, "heads")

    assert found.plan is not None
    assert found.facts == (f"rehearsed 30.0 min ago on backup b1: plan {plan.hash[:12]}",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(
            {"plan_hash": "f" * 64}, "and the last one, of .*, is of plan ffffffffffff; nothing was applied", id="another plan"
        ),
        pytest.param({"plan_hash": ""}, "is of a plan without a hash; nothing was applied", id="a plan without a hash"),
        pytest.param({"started": "2020-01-01T00:00:00+00:00"}, "h old, and require_rehearsal is 60.0 min; nothing", id="too old"),
        pytest.param(
            {"over_budget": (OVER,)}, "went over budget: revision 0003: writers wait 350 ms for public.clients", id="over budget"
        ),
        pytest.param(
            {"error": "revision 0003 fails on the copy: ouch"}, "failed: revision 0003 fails on the copy: ouch", id="failed"
        ),
        pytest.param(
            {"checks": (Check(name="orphans", status="failed", summary="3 orphans"),)}, "failed: 3 orphans", id="a check"
        ),
        pytest.param(
            {"source": Source(kind="shadow")}, "ran on an empty database, which says nothing of rows", id="without rows"
        ),
        pytest.param(
            {"source": Source(kind="backup", rowless=("public.clients",))},
            "had no rows of public.clients, which the database has; nothing was applied",
            id="without rows of a table",
        ),
    ],
)
def test_any_other_rehearsal_does_not(production: Settings, plan: Plan, change: dict[str, object], words: str) -> None:
    keep_rehearsal(production, dataclasses.replace(_rehearsal(plan.hash), **change))  # type: ignore[arg-type]
    with Run(production) as run, pytest.raises(RefusedError, match=words) as caught:
        require_rehearsed(run, "heads")

    assert caught.value.exit_code == 3


def test_without_any_rehearsal_the_way_to_one_is_named(production: Settings) -> None:
    with (
        Run(production) as run,
        pytest.raises(RefusedError, match=r"of what is pending, plan \w+, and there is none") as caught,
    ):
        require_rehearsed(run, "heads")

    assert caught.value.hint == "`invoke migration.rehearse` here, or with --out FILE elsewhere and --rehearsal FILE here"


def test_a_file_from_elsewhere_counts_as_well(production: Settings, plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "rehearsal.json"
    write_rehearsal(_rehearsal(plan.hash), path)
    with Run(production, options={"rehearsal": str(path)}) as run:
        assert require_rehearsed(run, "heads").plan is not None
    write_rehearsal(_rehearsal("e" * 64), path)
    with (
        Run(production, options={"rehearsal": str(path)}) as run,
        pytest.raises(RefusedError, match="is a rehearsal of plan eeeeeeeeeeee"),
    ):
        require_rehearsed(run, "heads")


@pytest.mark.parametrize("state", [pytest.param("0003", id="nothing is pending"), pytest.param("base", id="there is no table")])
def test_where_there_is_nothing_to_rehearse_nothing_is_asked_for(production: Settings, database: Database, state: str) -> None:
    if state == "base":
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("drop table clients, alembic_version")
    else:
        upgrade(database, production)
    with Run(production) as run:
        assert require_rehearsed(run, "heads").plan is None


def test_development_asks_for_none(production: Settings) -> None:
    with Run(dataclasses.replace(production, app_env="development")) as run:
        assert require_rehearsed(run, "heads") == Rehearsed()
