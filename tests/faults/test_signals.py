"""SIGTERM and SIGKILL at every phase of a command: what it leaves, and what the next run finds and cleans."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.backup import list_backups
from seachange.config import Settings
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from tests.acceptance.test_interrupt import slow_generated_revision, slow_revision
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask, backups_left, processes_with, soon
from tests.integration.backup.conftest import BIG, databases_of, fill, left_in
from tests.integration.backup.proxy import Proxy, proxied
from tests.project import Project

STOPS = [pytest.param(signal.SIGTERM, id="SIGTERM"), pytest.param(signal.SIGKILL, id="SIGKILL")]


def _settings(project: Project) -> Settings:
    return Settings(root=project.path, environment={})


@contextlib.contextmanager
def _held(project: Project, *command: str, proxy: Proxy, after: int, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A command that stands still where so many bytes have passed through the proxy."""
    middle, over = threading.Event(), threading.Event()

    def hold() -> str:
        middle.set()
        over.wait(60)
        return "go on"

    proxy.at(after, hold)
    with project.start(*command, env=env) as process:
        try:
            assert middle.wait(60)
            yield process
        finally:
            over.set()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _status(process: subprocess.Popen[str]) -> str:
    process.communicate(timeout=60)
    return "killed" if process.returncode == -signal.SIGKILL else f"exit {process.returncode}"


def _gone(mark: str) -> bool:
    return soon(lambda: not processes_with(mark), timeout_s=20)


@fault(
    "SIGTERM or SIGKILL to `db.backup` while it connects, and while pg_dump writes",
    catalogue=(12, 13),
    expected="SIGTERM: exit 143, nothing left; SIGKILL: pg_dump ends too, what is left is no backup, the next run removes it",
)
@pytest.mark.parametrize("number", STOPS)
def test_a_backup_is_stopped_while_it_dumps(
    linear: Project, database: Database, number: signal.Signals, observed: Observed
) -> None:
    fill(database, BIG)
    settings = _settings(linear)
    for phase, after, form in (
        ("connecting", 0, "custom"),
        ("writing", 1_000_000, "custom"),
        ("writing", 1_000_000, "directory"),
    ):
        mark = uuid.uuid4().hex
        with proxied(database) as (proxy, behind):
            environment = {"DATABASE_URL": behind.url(), "SEACHANGE_BACKUP_FORMAT": form, "FAULT_MARK": mark}
            with _held(linear, "invoke", "db.backup", proxy=proxy, after=after, env=environment) as process:
                process.send_signal(number)
                status = _status(process)
                assert _gone(mark)
        assert (list_backups(settings), status) == ((), "killed" if number == signal.SIGKILL else "exit 143")
        assert number == signal.SIGKILL or left_in(settings) == []
        observed.tell(f"{number.name} while {phase}: {status}, {backups_left(settings)}")
    assert linear.invoke("db.backup").exit_code == 0
    assert len(left_in(settings)) == 1
    observed.tell(f"after the next run: {backups_left(settings)}")


@fault(
    "SIGTERM or SIGKILL to `db.backup` at an fsync (first, second, fourth) and at the rename that gives it its name",
    catalogue=(12, 13),
    expected="a whole backup or none, at each of them; the next run removes what is left",
)
@pytest.mark.parametrize("number", STOPS)
def test_a_backup_is_stopped_at_each_step_to_the_disk(
    linear: Project, database: Database, failing_disk: Path, number: signal.Signals, observed: Observed
) -> None:
    fill(database, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS x")
    settings, whole = _settings(linear), set()
    what = number.name.removeprefix("SIG")
    for call in ("rename:1", "fsync:1", "fsync:2", "fsync:4"):
        outcome = linear.invoke(
            "db.backup", env={"LD_PRELOAD": str(failing_disk), "FAULT": f"{call}:{what}", "FAULT_IN": "python"}
        )
        assert outcome.exit_code in (-signal.SIGKILL, 143, 0), outcome
        for backup in list_backups(settings, digests=True):
            assert backup.complete
            whole.add(backup.name)
        assert number == signal.SIGKILL or len(left_in(settings)) == len(whole)
    assert linear.invoke("db.backup").exit_code == 0
    assert [name for name in left_in(settings) if name.startswith(".")] == []
    observed.tell(f"{number.name}: whatever had its name was whole; after the next run nothing else was in the folder")


@fault(
    "SIGTERM or SIGKILL to `db.restore` while pg_restore loads",
    catalogue=(12, 13, 27),
    expected="SIGTERM: exit 143, no database is left; SIGKILL: the next restore drops the half database, which has an own name",
)
@pytest.mark.parametrize("number", STOPS)
def test_a_restore_is_stopped_while_it_loads(
    linear: Project, database: Database, server: Server, tidy: None, number: signal.Signals, observed: Observed
) -> None:
    fill(database, BIG)
    assert linear.invoke("db.backup").exit_code == 0
    before, mark = databases_of(server), uuid.uuid4().hex
    with proxied(database) as (proxy, behind):
        environment = {"DATABASE_URL": behind.url(), "FAULT_MARK": mark}
        with _held(linear, "invoke", "db.restore", proxy=proxy, after=1_000_000, env=environment) as process:
            process.send_signal(number)
            status = _status(process)
            assert _gone(mark)
    left = databases_of(server) - before
    assert linear.invoke("db.restore").exit_code == 0
    restored = databases_of(server) - before

    assert number == signal.SIGKILL or left == set()
    assert [name for name in restored if "restored" not in name] == []
    names = ", ".join(left) or "no database"
    observed.tell(f"{number.name}: {status}, {names} left; after the next restore: only the restored one")


@fault(
    "SIGTERM or SIGKILL to `migration.workflow` in generate (a throwaway server runs) and in apply (a revision runs)",
    catalogue=(12, 13),
    expected="no server, no program and no session is left; the database is as it was; the next run goes on",
)
@pytest.mark.parametrize("number", STOPS)
@pytest.mark.parametrize("step", ["generate", "apply"])
def test_a_workflow_is_stopped(
    linear: Project, database: Database, number: signal.Signals, step: str, observed: Observed
) -> None:
    assert linear.invoke("migration.apply").exit_code == 0
    (slow_generated_revision if step == "generate" else slow_revision)(linear)
    mark = uuid.uuid4().hex
    steps = "check,generate" if step == "generate" else "check,apply"
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    with linear.start("invoke", "migration.workflow", "--only", steps, env={"FAULT_MARK": mark}) as process:
        # Servers overwrite their environment; their folders are named after the process that they belong to.
        own = f".partial-{process.pid}-"
        reached = soon(lambda: processes_with(own) if step == "generate" else ask(database, sleeping) != [(0,)])
        time.sleep(0.5)
        process.send_signal(number)
        status = _status(process)
    assert (reached, _gone(mark), _gone(own)) == (True, True, True)
    assert soon(lambda: ask(database, sleeping) == [(0,)], timeout_s=10)
    at = ask(database, "select version_num from alembic_version")

    assert at == [("0003",)]
    observed.tell(f"{number.name} in {step}: {status}, no process and no session left, the database is at {at[0][0]}")


@fault(
    "SIGKILL to the process that runs pg_dump with workers (directory format)",
    catalogue=13,
    expected="the workers end with it, within seconds",
)
def test_workers_end_with_their_owner(linear: Project, database: Database, observed: Observed) -> None:
    for table in ("a", "b", "c"):
        fill(database, BIG.replace("TABLE big", f"TABLE {table}"))
    mark = uuid.uuid4().hex
    with proxied(database) as (proxy, behind):
        environment = {"DATABASE_URL": behind.url(), "SEACHANGE_BACKUP_FORMAT": "directory", "FAULT_MARK": mark}
        with _held(linear, "invoke", "db.backup", proxy=proxy, after=1_000_000, env=environment) as process:
            running = len([text for text in processes_with(mark) if "pg_dump" in text])
            process.kill()
            begin = time.monotonic()
            assert _gone(mark)
            took = time.monotonic() - begin

    assert (running > 0, took < 10) == (True, True)
    observed.tell("all processes of pg_dump were gone within 10 seconds")
