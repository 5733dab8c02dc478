"""Ctrl-C and SIGTERM in every step: nothing is left running, and the state of the database is said."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.postgres.connection import Database, connect
from tests.project import Project

# Each case makes one step last: an exclusive lock on a table stops dumps and scans, a sleep in a revision stops its run.
SLEEP = (
    "from alembic import op\nrevision = 'slow'\ndown_revision = {down!r}\ndef upgrade():\n    op.execute('select pg_sleep(60)')\n"
)


@contextlib.contextmanager
def locked_table(database: Database) -> Iterator[None]:
    """Hold a table so that whoever reads it waits."""
    with contextlib.closing(connect(database)) as connection:
        connection.execute("lock table clients in access exclusive mode")
        yield


@contextlib.contextmanager
def nothing(database: Database) -> Iterator[None]:
    """Leave the database alone."""
    del database
    yield


def slow_models(project: Project) -> None:
    """Make the import of the models last."""
    path = next(project.path.glob("*_models.py"))
    path.write_text(path.read_text() + "\nimport time\ntime.sleep(60)\n")


def slow_generated_revision(project: Project) -> None:
    """Make a change for generate, and its run on the shadow last."""
    path = next(project.path.glob("*_models.py"))
    path.write_text(
        path.read_text()
        + "\n\nimport sqlalchemy\nsqlalchemy.Table('new', Base.metadata, sqlalchemy.Column('id', sqlalchemy.Integer))\n"
    )
    template = project.path / "migrations" / "script.py.mako"
    sleeping = "def upgrade() -> None:\n    op.execute('select pg_sleep(60)')\n"
    text = template.read_text()
    assert "def upgrade() -> None:\n" in text
    template.write_text(text.replace("def upgrade() -> None:\n", sleeping, 1))


def slow_revision(project: Project) -> None:
    """Add a revision that lasts."""
    (project.path / "migrations" / "versions" / "9999_slow.py").write_text(SLEEP.format(down="0003"))


def slow_git(project: Project) -> None:
    """Put a git first on PATH that lasts, for the listing of tracked files."""
    (project.path / "bin").mkdir()
    script = project.path / "bin" / "git"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


WAITING = "select count(*) from pg_stat_activity where datname = %s and (wait_event_type = 'Lock' or wait_event = 'PgSleep')"

CASES = [
    pytest.param("check", slow_models, nothing, id="check"),
    pytest.param("backup", lambda _: None, locked_table, id="backup"),
    pytest.param("generate", slow_generated_revision, nothing, id="generate"),
    pytest.param("apply", slow_revision, nothing, id="apply"),
    pytest.param("sync", lambda _: None, locked_table, id="sync"),
    pytest.param("verify", lambda _: None, locked_table, id="verify"),
    pytest.param("clean", slow_git, nothing, id="clean"),
]


@pytest.mark.parametrize(
    ("number", "word", "code"), [(signal.SIGINT, "Ctrl-C", 130), (signal.SIGTERM, "SIGTERM", 143)], ids=["Ctrl-C", "SIGTERM"]
)
@pytest.mark.parametrize(("step", "prepare", "hold"), CASES)
def test_a_signal_in_a_step_leaves_nothing_running(
    scenario: Callable[[str], Project],
    database: Database,
    step: str,
    prepare: Callable[[Project], None],
    hold: Callable[[Database], contextlib.AbstractContextManager[None]],
    number: int,
    word: str,
    code: int,
) -> None:
    project = scenario("linear")
    mark = uuid.uuid4().hex
    environment = {
        "DATABASE_URL": database.url(),
        "ACCEPTANCE_MARK": mark,
        "SEACHANGE_LOCK_TIMEOUT": "60s",
        "PATH": f"{project.path / 'bin'}{os.pathsep}{project.environment['PATH']}",
    }
    assert project.invoke("migration.apply", env=environment).exit_code == 0
    unvouched(database)
    prepare(project)

    with hold(database), project.start("invoke", "migration.workflow", "--only", f"check,{step}", env=environment) as process:
        wait_until_it_lasts(database, step)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)

    text = stdout + stderr
    assert (process.returncode, f"stopped by {word}" in text) == (code, True), text
    assert "state: " in text
    assert "Traceback" not in text
    assert processes(mark) == []
    assert list((project.path / "backups").glob(".partial*")) == []
    assert version(database) == ["0003"]


def unvouched(database: Database) -> None:
    """Give verify a foreign key to look at that PostgreSQL does not vouch for."""
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute("create table visits (id int primary key, client_id bigint)")
        connection.execute("alter table visits add foreign key (client_id) references clients not valid")


def wait_until_it_lasts(database: Database, step: str) -> None:
    """Wait until the step has had time to begin; where the server can tell, until one of its sessions waits or sleeps."""
    deadline = time.monotonic() + 15
    with contextlib.closing(connect(database.with_name("postgres"), autocommit=True)) as connection:
        while time.monotonic() < deadline:
            waiting = connection.execute(WAITING, (database.name,)).fetchone()
            if waiting and waiting[0]:
                return
            if step in ("check", "generate", "clean") and time.monotonic() > deadline - 12:
                return
            time.sleep(0.05)
    raise AssertionError(f"{step} did not begin to wait")


def processes(mark: str) -> list[str]:
    """Return the commands of processes that carry the mark of this test in their environment."""
    found: list[str] = []
    for _ in range(200):  # data directories are removed in the background
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        if not found:
            break
        time.sleep(0.05)
    return found


def version(database: Database) -> list[str]:
    with contextlib.closing(connect(database)) as connection:
        return [row[0] for row in connection.execute("select version_num from alembic_version")]
