"""Passwords, roles and programs: who may not, who asks, and who sees a secret."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pty
import re
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.backup import list_backups, verify_digests
from seachange.config import Settings
from seachange.errors import BackupFailedError, BinaryNotFoundError, TimeoutExceededError
from seachange.postgres import _scan, binaries
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server, throwaway
from tests.conftest import NEWEST
from tests.faults.fault import Observed, fault
from tests.faults.seeing import backups_left, failure, first_line
from tests.integration.backup.conftest import BIG, Backer, execute, fill, left_in
from tests.project import Outcome, Project

PASSWORD = "cañary '\"\\ :@/?#%&=+$(id)`id`;|<>{}[]~!*^,. 42"


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Database]:
    """A database over TCP that asks for a password of special characters."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    with throwaway(settings, options={"listen_addresses": "127.0.0.1", "port": port}) as server:
        with contextlib.closing(connect(server.database(), autocommit=True)) as session:
            session.execute("create role ann login superuser")
            session.execute("select set_config('password_encryption', 'scram-sha-256', false)")
            session.execute("alter role ann password '" + PASSWORD.replace("'", "''") + "'")
            session.execute("create database clinic owner ann")
        yield server.database("clinic").with_parameters(host="127.0.0.1", port=port, user="ann", password=PASSWORD)


def reaching(project: Project, database: Database, **environment: str) -> Project:
    """Return a project whose database is that one."""
    return dataclasses.replace(project, environment={**project.environment, "DATABASE_URL": database.url(), **environment})


def said(outcome: Outcome) -> str:
    """Return the exit code and the error of a command."""
    return f'exit {outcome.exit_code}, "{first_line(outcome.stdout + outcome.stderr)}"'


@fault(
    "a wrong password",
    catalogue=7,
    expected="exit 1 without the password in the message; an existing backup is not touched",
)
def test_a_wrong_password_touches_no_backup(guarded: Database, scenario: Callable[[str], Project], observed: Observed) -> None:
    project = scenario("linear")
    assert reaching(project, guarded).invoke("db.backup").exit_code == 0
    settings = Settings(root=project.path, environment={})
    before = [(path, path.read_bytes()) for path in sorted((project.path / "backups").rglob("*")) if path.is_file()]
    outcome = reaching(project, guarded.with_parameters(password="wr0ng")).invoke("db.backup")

    assert outcome.exit_code == 1, outcome
    assert "wr0ng" not in outcome.stdout + outcome.stderr
    assert [(path, path.read_bytes()) for path, _ in before] == before
    observed.tell(f"{said(outcome)}; {backups_left(settings)}")


@fault(
    "no password, and a terminal on which pg_dump would ask for it",
    catalogue=8,
    expected="nobody is asked: exit 1 at once",
)
def test_nobody_is_asked_for_a_password(guarded: Database, scenario: Callable[[str], Project], observed: Observed) -> None:
    parameters = {key: value for key, value in guarded.parameters.items() if key != "password"}
    project = reaching(scenario("linear"), Database(parameters=parameters))
    master, slave = pty.openpty()
    begin = time.monotonic()
    with subprocess.Popen(
        ["invoke", "db.backup"],
        cwd=project.path,
        env=project.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):
            while data := os.read(master, 65536):
                text += data
    os.close(master)

    assert (process.returncode, time.monotonic() - begin < 20) == (1, True)
    assert b"Password" not in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", text.decode())
    (reason,) = {line.partition("no password supplied")[1] for line in plain.splitlines() if "no password supplied" in line}
    observed.tell(f"exit {process.returncode}, {reason}")


@fault(
    "a password file that others can read (0644), which libpq ignores",
    catalogue=9,
    expected="exit 1, with the file and its mode named as the reason",
)
def test_a_password_file_that_others_can_read_is_named(
    guarded: Database, scenario: Callable[[str], Project], tmp_path: Path, observed: Observed
) -> None:
    pgpass = tmp_path / "pgpass"
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    pgpass.write_text(f"*:*:*:ann:{escaped}\n")
    pgpass.chmod(0o644)
    parameters = {key: value for key, value in guarded.parameters.items() if key != "password"}
    project = reaching(scenario("linear"), Database(parameters=parameters), PGPASSFILE=str(pgpass))
    refused = project.invoke("db.backup")
    pgpass.chmod(0o600)
    allowed = project.invoke("db.backup")
    hint = first_line(refused.stdout + refused.stderr, beginning="hint: ")

    assert (refused.exit_code, allowed.exit_code) == (1, 0), refused
    assert "pgpass" in hint
    observed.tell(f"{said(refused)}, hint: {hint}; with mode 0600 exit {allowed.exit_code}")


@fault(
    "pg_dump is older than the server, and there is no other",
    catalogue=10,
    expected="refused with exit 1 before anything is written, with both versions",
)
def test_a_pg_dump_that_is_older_than_the_server_is_not_used(
    clinic: Database, back_up: Backer, here: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, observed: Observed
) -> None:
    monkeypatch.setattr(_scan, "_WHEELS", ())
    alone = dataclasses.replace(here, cache_dir=str(tmp_path))
    there = [one for one in binaries.installations(alone) if "pg_dump" in one.programs]
    if not there or max(one.major for one in there) >= NEWEST:
        pytest.skip("the system has no pg_dump that is older than the newest server, or one that is as new")
    with pytest.raises(BinaryNotFoundError) as caught:
        back_up(clinic, alone)

    assert left_in(here) == []
    observed.tell(f"{failure(caught)}; {backups_left(here)}")


@pytest.fixture
def reader(server: Server) -> Iterator[str]:
    """A role that may log in and nothing else."""
    fill(server.database(), "CREATE ROLE fault_reader LOGIN")
    yield "fault_reader"
    fill(server.database(), "DROP ROLE fault_reader")


@fault(
    "a role that may not read every table",
    catalogue=14,
    expected="exit 1 with the table and what to grant; no empty file is left",
)
def test_a_role_that_may_not_read_everything_is_told_what_to_grant(
    clinic: Database, reader: str, back_up: Backer, here: Settings, observed: Observed
) -> None:
    with pytest.raises(BackupFailedError, match="permission denied for") as caught:
        back_up(clinic.with_parameters(user=reader), here)

    assert "pg_read_all_data" in caught.value.hint
    assert left_in(here) == []
    observed.tell(f"exit {int(caught.value.exit_code)}, hint: {caught.value.hint}; {backups_left(here)}")


@fault(
    "a role from which row security hides rows",
    catalogue=14,
    expected="exit 1 instead of a backup with rows left out",
)
def test_row_security_does_not_leave_rows_out_silently(
    clinic: Database, reader: str, back_up: Backer, here: Settings, observed: Observed
) -> None:
    fill(clinic, f"GRANT pg_read_all_data TO {reader}; SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    with pytest.raises(BackupFailedError, match="row-level security") as caught:
        back_up(clinic.with_parameters(user=reader), here)

    assert "BYPASSRLS" in caught.value.hint
    assert left_in(here) == []
    observed.tell(f"exit {int(caught.value.exit_code)}, hint: {caught.value.hint}; {backups_left(here)}")


@fault(
    "another session holds ACCESS EXCLUSIVE on a table",
    catalogue=15,
    expected="exit 6 after migration_timeout, with the session that holds it",
)
def test_a_lock_that_is_not_to_be_had_names_its_holder(
    clinic: Database, back_up: Backer, each_format: Settings, observed: Observed
) -> None:
    impatient = dataclasses.replace(each_format, migration_timeout=500)
    with contextlib.closing(connect(clinic, application_name="a long report")) as holder:
        holder.execute("LOCK TABLE clients")
        with pytest.raises(TimeoutExceededError, match="a long report, idle in transaction") as caught:
            back_up(clinic, impatient)

    assert caught.value.exit_code == 6
    observed.tell(f"{failure(caught)}; {backups_left(each_format)}")


@fault(
    "the role has statement_timeout = 50ms",
    catalogue=17,
    expected="it does not stop the backup",
)
def test_a_statement_timeout_of_the_role_does_not_stop_a_backup(
    big: Database, server: Server, back_up: Backer, here: Settings, observed: Observed
) -> None:
    execute(server.database(), "CREATE ROLE hasty LOGIN SUPERUSER", "ALTER ROLE hasty SET statement_timeout = '50ms'")
    try:
        made = back_up(big.with_parameters(user="hasty"), here)
    finally:
        execute(server.database(), "DROP ROLE hasty")

    verify_digests(made)
    observed.tell(backups_left(here))


_HIDDEN = tuple(PASSWORD[at : at + 12] for at in range(0, len(PASSWORD) - 12, 4))


def _told(text: str) -> bool:
    return "cañary" in text or "ca%C3%B1ary" in text or any(part in text for part in _HIDDEN)


def _processes() -> Iterator[tuple[str, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield tuple((folder / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ"))  # type: ignore[misc]


@fault(
    "a password with every special character, while pg_dump and pg_restore run",
    catalogue=23,
    expected="the password works, and is in no process list, no output, no log and no file of project and cache",
)
def test_no_password_is_seen_while_it_is_used(
    guarded: Database, scenario: Callable[[str], Project], tmp_path: Path, observed: Observed
) -> None:
    fill(guarded, BIG)
    cache = tmp_path / "cache"
    project = scenario("linear")
    # As a user would have it: the URL stands in .env, which the command reads; no process carries it.
    (project.path / ".env").write_text(f"DATABASE_URL={guarded.url()}\n")
    (project.path / ".env").chmod(stat.S_IRUSR | stat.S_IWUSR)
    seen: dict[str, int] = {}
    said_all = ""
    for command in (("db.backup",), ("db.restore",), ("db.backups", "--format", "json")):
        with project.start("invoke", *command, env={"SEACHANGE_CACHE_DIR": str(cache), "TMPDIR": str(tmp_path)}) as process:
            while process.poll() is None:
                for commandline, environment in _processes():
                    program = Path(commandline.partition("\0")[0]).name
                    seen[program] = seen.get(program, 0) + 1
                    assert not _told(commandline), commandline
                    assert program not in ("pg_dump", "pg_restore") or not _told(environment), environment
            said_all += "".join(process.communicate())
        assert process.returncode == 0, said_all

    assert {"pg_dump", "pg_restore"} <= set(seen)
    assert not _told(said_all)
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".env"]
    assert [path for path in files if _told(path.read_bytes().decode(errors="replace"))] == []
    observed.tell(
        f"pg_dump and pg_restore were seen running and connected; none of {len(_HIDDEN) + 2} parts of it was found anywhere"
    )


@fault(
    "a program that fails while another one writes what it piped (pg_dump | gzip)",
    catalogue=3,
    expected="there is no pipe and no shell: a pg_dump that fails, or succeeds without an archive, is an error",
)
@pytest.mark.parametrize("status", [0, 1])
def test_a_program_that_writes_nothing_makes_no_backup(
    clinic: Database, server: Server, back_up: Backer, here: Settings, tmp_path: Path, status: int, observed: Observed
) -> None:
    real = binaries.client(here, "pg_dump", major=server.major)
    folder = tmp_path / "bin"
    folder.mkdir()
    for path in real.parent.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "pg_dump").unlink()
    (folder / "pg_dump").write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec "{real}" --version\nexit {status}\n')
    (folder / "pg_dump").chmod(0o755)
    silent = dataclasses.replace(here, environment={**here.environment, f"SEACHANGE_PG{server.major}_BIN": str(folder)})
    with pytest.raises(BackupFailedError) as caught:
        back_up(clinic, silent)

    assert list_backups(here) == ()
    observed.tell(
        f"pg_dump ends with {status}: {failure(caught).rpartition(': ')[2] if status == 0 else 'exit 1'}; {backups_left(here)}"
    )
