"""Real deployers beside each other, killed in the worst moment, and behind an autovacuum worker."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from seachange import config
from seachange.config import Settings
from seachange.postgres import _throwaway
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import throwaway
from seachange.revisions.runner import upgrade
from tests.conftest import NEWEST, OLDEST
from tests.integration.revisions.committing import BreaksAtCommit
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, body, write_revision
from tests.project import Project, clean_environment

_BUILD = body("with op.get_context().autocommit_block():", '    op.execute("create index concurrently i on clients (name)")')

_NO_BUILD = "select not exists (select from pg_stat_progress_create_index)"


@pytest.fixture
def linear_project(scenario: Callable[[str], Project]) -> tuple[Project, Settings]:
    project = scenario("linear")
    return project, config.load(project.path, environ=clean_environment())


def wait_until(database: Database, query: str) -> None:
    deadline = time.monotonic() + 30
    while not any(ask(database, query)):
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


@contextlib.contextmanager
def applying(project: Project, database: Database) -> Iterator[subprocess.Popen[str]]:
    with project.start("invoke", "migration.apply", env={"DATABASE_URL": database.url()}) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def test_the_second_of_two_deployers_waits_and_finds_nothing_to_do(
    linear_project: tuple[Project, Settings], each_database: Database
) -> None:
    project, settings = linear_project
    write_revision(settings, "0004", down="0003", body=body('op.execute("select pg_sleep(2)")'))

    with applying(project, each_database) as first, applying(project, each_database) as second:
        outputs = [process.communicate(timeout=60) for process in (first, second)]

    assert (first.returncode, second.returncode) == (0, 0), outputs
    said = ["".join(output) for output in outputs]
    assert sorted("4 applied, the database is at 0004" in text for text in said) == [False, True], said
    assert sorted("nothing to apply, at 0004" in text for text in said) == [False, True], said
    assert any("waiting for the migration lock, held by pid" in text for text in said)


def test_the_run_after_a_deployer_that_was_killed_in_a_concurrent_build_heals_it(
    linear_project: tuple[Project, Settings], each_database: Database
) -> None:
    project, settings = linear_project
    upgrade(each_database, settings)
    write_revision(settings, "0004", down="0003", body=_BUILD)

    with contextlib.closing(connect(each_database)) as older:
        older.execute("insert into clients (id, name) values (1, 'Ada')")
        with applying(project, each_database) as process:
            wait_until(each_database, "select 1 from pg_index where indexrelid = to_regclass('i') and not indisvalid")
            os.killpg(process.pid, signal.SIGKILL)
        wait_until(each_database, _NO_BUILD)
    left = ask(each_database, "select indisvalid from pg_index where indexrelid = to_regclass('i')")
    outcome = project.invoke("migration.apply", env={"DATABASE_URL": each_database.url()})

    assert left == [False]
    assert outcome.exit_code == 0, outcome
    assert "dropping the INVALID index public.i" in outcome.stdout + outcome.stderr
    assert ask(each_database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [True]
    assert at(each_database, settings) == ("0004",)


@pytest.mark.parametrize(
    ("lost", "then"), [pytest.param("answer", "0004", id="committed"), pytest.param("question", "0003", id="not committed")]
)
def test_the_run_after_a_deployer_that_was_killed_at_commit_goes_on_from_what_is_true(
    linear_project: tuple[Project, Settings], each_database: Database, lost: str, then: str
) -> None:
    project, settings = linear_project
    upgrade(each_database, settings)
    write_revision(settings, "0004", down="0003", body=body('op.execute("create table whole ()")'))
    write_revision(settings, "0005", down="0004", body=body('op.execute("create table next ()")'))
    running: list[subprocess.Popen[str]] = []

    def kill() -> None:
        os.killpg(running[0].pid, signal.SIGKILL)
        running[0].wait()

    with BreaksAtCommit(each_database, marker="whole", lost=lost, then=kill) as wire:
        with applying(project, wire.database) as process:
            running.append(process)
            process.wait(timeout=60)
        # The server ends the transaction of a client that is gone by itself; nobody has to be waited for.
        wait_until(each_database, "select count(*) = 1 from pg_stat_activity where datname = current_database()")
    found = at(each_database, settings)
    outcome = project.invoke("migration.apply", env={"DATABASE_URL": each_database.url()})

    assert (process.returncode, found) == (-signal.SIGKILL, (then,))
    assert (outcome.exit_code, at(each_database, settings)) == (0, ("0005",)), outcome


_SLOWLY = "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100"


@pytest.mark.parametrize("major", [pytest.param(OLDEST, id="pg14"), pytest.param(NEWEST, id="pg18")])
def test_an_autovacuum_worker_in_the_way_is_given_the_time_after_which_it_yields(
    open_project: Open, monkeypatch: pytest.MonkeyPatch, major: int
) -> None:
    settings = open_project("linear")
    for name, value in {"autovacuum": "on", "autovacuum_naptime": "1s"}.items():
        monkeypatch.setitem(_throwaway._OPTIONS, name, value)
    said: list[str] = []

    with throwaway(settings, major=major) as server:
        database = server.database()
        upgrade(database, settings, target="0001")
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("insert into clients select n, repeat('x', 80) from generate_series(1, 60000) n")
            session.execute(f"alter table clients set ({_SLOWLY}, autovacuum_vacuum_cost_limit = 1)")
            session.execute("delete from clients where id % 2 = 0")
        wait_until(database, "select 1 from pg_stat_progress_vacuum where relid = 'clients'::regclass")
        (outcome,) = upgrade(database, settings, target="0002", on_retry=said.append).outcomes

    assert (outcome.attempts, len(said)) == (2, 1)
    assert "blocked by pid" in said[0]
    assert "(autovacuum worker, active, for" in said[0]
    assert "; try 2 of 4 in" in said[0]
