"""Client programs connect under any name and with any password, show no secret, keep to their limits and leave nothing behind."""

from __future__ import annotations

import dataclasses
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import (
    AuthenticationFailedError,
    BinaryNotFoundError,
    ExitCode,
    NotWritableError,
    ProgramFailedError,
    TimeoutExceededError,
)
from seachange.postgres import binaries, programs
from seachange.postgres.connection import Database, connect, create_database, drop_database, wait_until_reachable
from seachange.postgres.server import Server, throwaway
from tests.integration.postgres.wire import Wire

_SH = Path("/bin/sh")
_PASSWORD = "k4n4ry:\\ '\"@/%ü$`"


@pytest.fixture
def psql(settings: Settings, server: Server) -> Path:
    return binaries.client(settings, "psql", major=server.major)


@pytest.fixture
def pg_dump(settings: Settings, server: Server) -> Path:
    return binaries.client(settings, "pg_dump", major=server.major)


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where passwords are put for the programs; nothing may be left there."""
    folder = tmp_path / "private"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="module")
def guarded(settings: Settings) -> Iterator[Database]:
    """A database that is reached over TCP, with a password of special characters only."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    own = {key: value for key, value in settings.environment.items() if key != "SEACHANGE_ADMIN_URL"}
    options = {"listen_addresses": "127.0.0.1", "port": port}
    with throwaway(dataclasses.replace(settings, environment=own), options=options) as server:
        with connect(server.database("postgres"), autocommit=True) as session:
            session.execute("create role ann login superuser")
            session.execute("select set_config('password_encryption', 'scram-sha-256', false)")
            session.execute("alter role ann password " + "'" + _PASSWORD.replace("'", "''") + "'")
        yield server.database("postgres").with_parameters(host="127.0.0.1", port=port, user="ann", password=_PASSWORD)


def _processes(mark: str) -> list[int]:
    """Return the running processes that have ``mark`` in their command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                texts = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            except OSError:
                continue
            if state != "Z" and any(mark.encode() in text for text in texts):
                found.append(int(entry.name))
    return found


def _soon(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class TestConnecting:
    """The variables of libpq lead to the database, whatever it is called."""

    @pytest.mark.parametrize(
        "name", ["a=b", "-dash", "two words", "quote\"s and 'quotes'", "ünï ☃", "a/b?c#d%e@f:g", "postgres://x"]
    )
    def test_program_connects_to_an_odd_name(self, database: Database, psql: Path, pg_dump: Path, name: str) -> None:
        odd = create_database(database.with_name(name))
        try:
            shown = programs.run(psql, ["-Atc", "select current_database()"], database=odd)
            dump = programs.run(pg_dump, ["--schema-only"], database=odd)
            named = programs.run(psql, ["-Atc", "select current_database()", programs.name_argument(odd)], database=database)
        finally:
            drop_database(odd, force=True)

        assert f"{odd.name}\n" == shown.stdout.decode() == named.stdout.decode()
        assert b"PostgreSQL database dump complete" in dump.stdout

    def test_password_of_any_character_is_passed(self, guarded: Database, psql: Path) -> None:
        shown = programs.run(psql, ["-Atc", "select current_user, inet_client_addr()"], database=guarded)

        assert shown.stdout == b"ann|127.0.0.1\n"

    def test_password_with_a_line_break_is_passed(self, guarded: Database, psql: Path) -> None:
        with connect(guarded, autocommit=True) as session:
            session.execute("create role \"line\" login password 'one\ntwo'")
            try:
                two_lines = guarded.with_parameters(user="line", password="one\ntwo")
                assert programs.run(psql, ["-Atc", "select 1"], database=two_lines).stdout == b"1\n"
            finally:
                session.execute('drop role "line"')

    def test_password_file_of_the_user_is_honoured(
        self, guarded: Database, psql: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        escaped = _PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
        (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:ann:{escaped}\n")
        (tmp_path / "pgpass").chmod(0o600)
        bare = guarded.with_parameters(password="")

        named = bare.with_parameters(passfile=str(tmp_path / "pgpass"))
        assert programs.run(psql, ["-Atc", "select 1"], database=named).stdout == b"1\n"
        with connect(named) as session:
            assert session.execute("select 1").fetchone() == (1,)

        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
        assert programs.run(psql, ["-Atc", "select 1"], database=bare).stdout == b"1\n"
        with connect(bare) as session:
            assert session.execute("select 1").fetchone() == (1,)

    def test_parameter_without_a_variable_is_passed(self, guarded: Database, psql: Path) -> None:
        with pytest.raises(ProgramFailedError, match=r'invalid integer value "x" for connection option "keepalives_idle"'):
            programs.run(psql, ["-c", "select 1"], database=guarded.with_parameters(keepalives_idle="x"))

        good = guarded.with_parameters(keepalives_idle="5", options="-c work_mem=1MB", application_name="by psql")
        query = "select current_setting('work_mem'), current_setting('application_name')"
        assert programs.run(psql, ["-Atc", query], database=good).stdout == b"1MB|by psql\n"

    def test_variables_of_this_process_redirect_nothing(
        self, database: Database, psql: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hostile = {
            "PGHOSTADDR": "192.0.2.1",
            "PGPORT": "1",
            "PGSERVICE": "other",
            "PGOPTIONS": "-c work_mem=1MB",
            "PGCLIENTENCODING": "LATIN1",
        }
        query = "select current_database(), current_setting('work_mem')"
        with monkeypatch.context() as patch:
            for variable, value in hostile.items():
                patch.setenv(variable, value)
            shown = programs.run(psql, ["-Atc", query], database=database).stdout.decode()

        assert f"{database.name}|4MB\n" == shown


class TestSecrets:
    """A password is in no argument, no variable, no message, and in a private file only while the program runs."""

    def test_password_is_seen_neither_in_arguments_nor_in_variables(
        self, guarded: Database, psql: Path, private_folders: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", guarded.url())
        monkeypatch.setenv("PGPASSWORD", _PASSWORD)
        query = "select pg_sleep(60) /* k4n-mark */"

        def work() -> None:
            with pytest.raises(TimeoutExceededError):
                programs.run(psql, ["-c", query], database=guarded, timeout_s=2)

        thread = threading.Thread(target=work)
        thread.start()
        assert _soon(lambda: bool(_processes("k4n-mark")), 5)
        pids = [*_processes("k4n-mark"), *_processes(str(private_folders))]
        seen = [(Path("/proc") / str(pid) / name).read_bytes() for pid in pids for name in ("cmdline", "environ")]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in private_folders.rglob("*")}
        thread.join()

        assert len(pids) >= 2
        assert not [text for text in seen if b"k4n4ry" in text]
        assert {0o600} == {mode for name, mode in modes.items() if name == "pgpass"}
        assert {0o700, 0o600} == set(modes.values())

    def test_wrong_password_is_told_without_it(self, guarded: Database, pg_dump: Path, tmp_path: Path) -> None:
        good = tmp_path / "good.dump"
        good.write_bytes(b"good")
        with pytest.raises(ProgramFailedError, match="password authentication failed for user") as caught:
            programs.run(pg_dump, [], database=guarded.with_parameters(password="wr0ng-k4n4ry"), stdout=tmp_path / "new.dump")

        assert "wr0ng" not in f"{caught.value} {caught.value.hint} {caught.value.stderr}"
        assert "PGPASSFILE" in caught.value.hint
        assert (caught.value.returncode, caught.value.exit_code) == (1, ExitCode.ERROR)
        assert {"good.dump"} == {path.name for path in tmp_path.iterdir() if path.is_file()}

    def test_session_with_a_wrong_password_is_refused_without_it(self, guarded: Database) -> None:
        wrong = guarded.with_parameters(password="wr0ng-k4n4ry")
        with pytest.raises(AuthenticationFailedError, match="refused the user or the password") as caught:
            connect(wrong)
        with pytest.raises(AuthenticationFailedError):
            wait_until_reachable(wrong, timeout_s=20)

        library = "".join(traceback.format_exception(caught.value)).partition("seachange/postgres")[2]
        assert "wr0ng" not in f"{caught.value!r} {caught.value.hint} {library}"
        assert "DATABASE_URL" in caught.value.hint

    def test_password_file_that_others_can_read_is_explained(self, guarded: Database, psql: Path, tmp_path: Path) -> None:
        (tmp_path / "pgpass").write_text("*:*:*:*:0ther\n")
        (tmp_path / "pgpass").chmod(0o644)
        address = guarded.with_parameters(password="", passfile=str(tmp_path / "pgpass"))

        with pytest.raises(ProgramFailedError, match="no password supplied") as program:
            programs.run(psql, ["-c", "select 1"], database=address)
        with pytest.raises(AuthenticationFailedError) as session:
            connect(address)

        assert "must have mode 0600" in program.value.hint
        assert "must have mode 0600" in session.value.hint

    def test_missing_password_is_an_error_and_no_prompt(self, guarded: Database, pg_dump: Path) -> None:
        with pytest.raises(ProgramFailedError, match="no password supplied"):
            programs.run(pg_dump, [], database=guarded.with_parameters(password=""), timeout_s=20)

    def test_password_like_a_word_of_a_path_takes_no_path_away(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SOME_URL", "https://ann:0ther-k4n@example.org")
        careless = database.with_parameters(password="bin")
        with_word = database.with_parameters(password="home")

        for address in (careless, with_word):
            done = programs.run(_SH, ["-c", 'echo "$PATH|$SOME_URL"'], database=address)
            assert f"{os.environ['PATH']}|\n" == done.stdout.decode()

    def test_secret_in_the_output_is_masked(self, guarded: Database) -> None:
        secret = guarded.parameters["password"]
        done = programs.run(_SH, ["-c", 'printf "%s" "$1" >&2', "sh", f"password {secret} and postgresql://u:{secret}@h"])

        assert "k4n4ry" not in done.stderr
        assert done.stderr.startswith("password *** and postgresql://u:***")


class TestOutput:
    """Output is captured, or goes into a new private file."""

    def test_output_and_messages_are_captured(self) -> None:
        done = programs.run(_SH, ["-c", "echo out; echo err >&2"])

        assert (done.stdout, done.stderr) == (b"out\n", "err\n")
        assert 0 < done.duration_s < 10

    def test_much_output_on_both_pipes_is_no_deadlock(self) -> None:
        script = "i=0; while [ $i -lt 20 ]; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; i=$((i + 1)); done"
        done = programs.run(_SH, ["-c", script], timeout_s=60)

        assert len(done.stdout) == 2_000_000
        assert len(done.stderr) == 2_000_000

    def test_output_goes_into_a_new_private_file(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            done = programs.run(_SH, ["-c", "echo out;"], stdout=tmp_path / "out")
        finally:
            os.umask(before)

        assert ((tmp_path / "out").read_bytes(), done.stdout) == (b"out\n", b"")
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600

    def test_files_of_the_program_are_private(self, tmp_path: Path) -> None:
        programs.run(_SH, ["-c", 'touch "$1/file"; mkdir "$1/folder"', "sh", str(tmp_path)])

        assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "folder")] == [0o600, 0o700]

    @pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
    def test_what_exists_is_not_overwritten(self, tmp_path: Path, kind: str) -> None:
        victim, target = tmp_path / "victim", tmp_path / "target"
        if kind != "dangling link":
            victim.write_text("precious")
        if kind == "file":
            target.write_text("precious")
        else:
            target.symlink_to(victim)

        with pytest.raises(NotWritableError, match=f"cannot create {target}"):
            programs.run(_SH, ["-c", "echo out"], stdout=target)

        assert victim.exists() == (kind != "dangling link")
        assert kind == "dangling link" or target.read_text() == "precious"

    def test_output_of_a_failed_program_is_removed(self, tmp_path: Path) -> None:
        with pytest.raises(ProgramFailedError):
            programs.run(_SH, ["-c", "echo half; exit 3"], stdout=tmp_path / "out")

        assert not (tmp_path / "out").exists()

    def test_open_file_is_written_to(self, tmp_path: Path) -> None:
        with (tmp_path / "out").open("wb") as file:
            programs.run(_SH, ["-c", "echo out"], stdout=file)

        assert (tmp_path / "out").read_bytes() == b"out\n"

    def test_input_comes_from_a_file(self, database: Database, psql: Path, tmp_path: Path) -> None:
        (tmp_path / "in.sql").write_text("select 6 * 7;")

        from_path = programs.run(psql, ["-At"], database=database, stdin=tmp_path / "in.sql")
        with (tmp_path / "in.sql").open("rb") as file:
            from_file = programs.run(psql, ["-At"], database=database, stdin=file)

        assert b"42\n" == from_path.stdout == from_file.stdout

    def test_without_input_there_is_none(self) -> None:
        assert programs.run(Path("/bin/cat"), [], timeout_s=20).stdout == b""


class TestFailure:
    """A failed program is told with what it said and what to do."""

    def test_missing_database_is_told_with_a_hint(self, database: Database, pg_dump: Path) -> None:
        with pytest.raises(ProgramFailedError) as caught:
            programs.run(pg_dump, [], database=database.with_name("nix"))

        assert caught.value.message.startswith(
            f"pg_dump for {database.with_name('nix').redacted} ended with status 1: pg_dump: error:"
        )
        assert 'database "nix" does not exist' in caught.value.stderr
        assert "createdb" in caught.value.hint

    def test_unreachable_server_is_worth_another_try(self, database: Database, pg_dump: Path, tmp_path: Path) -> None:
        with pytest.raises(ProgramFailedError) as caught:
            programs.run(pg_dump, [], database=database.with_parameters(host=str(tmp_path)))

        assert caught.value.exit_code == ExitCode.TRY_AGAIN

    def test_older_program_names_the_remedy(self, database: Database, tmp_path: Path) -> None:
        program = tmp_path / "pg_dump"
        program.write_text("#!/bin/sh\necho 'pg_dump: error: aborting because of server version mismatch' >&2\nexit 1\n")
        program.chmod(0o700)

        with pytest.raises(ProgramFailedError, match="server version mismatch") as caught:
            programs.run(program, [], database=database)
        assert "db.servers --install" in caught.value.hint

    def test_messages_are_in_english_whatever_the_locale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("LANGUAGE", "de")

        done = programs.run(_SH, ["-c", 'echo "$LC_MESSAGES $LC_CTYPE $LC_ALL"'])

        assert done.stdout == b"C de_DE.UTF-8 \n"

    def test_signal_is_named(self) -> None:
        with pytest.raises(ProgramFailedError, match="sh was ended by SIGKILL") as caught:
            programs.run(_SH, ["-c", "kill -9 $$"])
        assert caught.value.returncode == -signal.SIGKILL

    @pytest.mark.parametrize("mode", [None, 0o600])
    def test_program_that_is_not_there_is_named(self, tmp_path: Path, mode: int | None) -> None:
        program = tmp_path / "pg_dump"
        if mode:
            program.write_text("")
            program.chmod(mode)
        with pytest.raises(BinaryNotFoundError, match=f"{program} is not there or cannot be run"):
            programs.run(program, [])


class TestLimits:
    """A program that takes too long or stands still is ended with everything that it started."""

    def test_deadline_ends_the_whole_group_even_if_it_ignores_signals(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"
        script = "trap '' INT TERM; sleep 61 & sleep 62; wait"
        begin = time.monotonic()
        with pytest.raises(TimeoutExceededError, match=r"sh did not end within 0.3 s and was stopped") as caught:
            programs.run(_SH, ["-c", script, mark], timeout_s=0.3, env={"MARK": mark})

        assert caught.value.exit_code == ExitCode.TRY_AGAIN
        assert time.monotonic() - begin < 5
        assert _soon(lambda: not _processes(mark), 2)

    def test_program_that_moves_is_not_stopped(self, tmp_path: Path) -> None:
        script = "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done"

        to_pipe = programs.run(_SH, ["-c", script], stall_timeout_s=0.7)
        programs.run(_SH, ["-c", script], stall_timeout_s=0.7, stdout=tmp_path / "out")

        assert b"1\n2\n3\n4\n5\n" == to_pipe.stdout == (tmp_path / "out").read_bytes()

    def test_progress_of_the_caller_counts(self) -> None:
        grown = iter(range(1000))
        programs.run(_SH, ["-c", "sleep 1"], stall_timeout_s=0.4, progress=lambda: next(grown))

        with pytest.raises(TimeoutExceededError, match=r"sh made no progress for 0.4 s and was stopped"):
            programs.run(_SH, ["-c", "while :; do echo x; sleep 0.1; done"], stall_timeout_s=0.4, progress=lambda: 0)

    def test_dump_whose_packets_are_swallowed_is_stopped(self, database: Database, pg_dump: Path, tmp_path: Path) -> None:
        with connect(database) as session:
            session.execute("create table t as select repeat('x', 1000) as x from generate_series(1, 50000)")
        with Wire(database, swallow_after=5_000_000) as wire:
            swallowed = wire.database.with_parameters(application_name="k4n-swallowed")
            begin = time.monotonic()
            with pytest.raises(TimeoutExceededError, match="pg_dump made no progress for 1 s"):
                programs.run(pg_dump, [], database=swallowed, stdout=tmp_path / "out", stall_timeout_s=1)

            assert time.monotonic() - begin < 8
            assert not _processes("k4n-swallowed")
        assert not (tmp_path / "out").exists()

    def test_left_behind_grandchild_neither_holds_up_nor_survives(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"
        begin = time.monotonic()
        done = programs.run(_SH, ["-c", "sleep 63 & echo started", mark], env={"MARK": mark})

        assert done.stdout == b"started\n"
        assert time.monotonic() - begin < 5
        assert _soon(lambda: not _processes(mark), 2)

    def test_exception_in_progress_ends_the_program(self) -> None:
        mark = f"k4n-{time.monotonic_ns()}"

        def broken() -> int:
            if time.monotonic() > begin + 0.3:
                raise KeyboardInterrupt
            return 0

        begin = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            programs.run(_SH, ["-c", "sleep 64"], stall_timeout_s=1, progress=broken, env={"MARK": mark})

        assert _soon(lambda: not _processes(mark), 2)


_OWNER = """
import sys
from pathlib import Path
from seachange.postgres import programs
from seachange.postgres.connection import parse

arguments = ["--format=directory", "--jobs=2", "--compress=0", "--file", sys.argv[3]]
programs.run(Path(sys.argv[1]), arguments, database=parse(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_dump_with_workers_is_gone_when_its_owner_is_gone(
    database: Database, pg_dump: Path, tmp_path: Path, private_folders: Path, number: signal.Signals
) -> None:
    with connect(database) as session:
        for table in ("a", "b", "c"):
            session.execute(f"create table {table} as select repeat('x', 1000) as x from generate_series(1, 20000)")
    with Wire(database, swallow_after=8_000_000) as wire:
        marked = wire.database.with_parameters(application_name="k4n-workers", password="s3cret-k4n")
        environment = {**os.environ, "TMPDIR": str(private_folders)}
        with subprocess.Popen(
            [sys.executable, "-c", _OWNER, str(pg_dump), marked.url(), str(tmp_path / "dump")],
            env=environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as owner:
            assert _soon(lambda: len(_processes("PGAPPNAME=k4n-workers")) >= 3, 20)
            os.kill(owner.pid, number)
            begin = time.monotonic()
            gone = _soon(lambda: not _processes("PGAPPNAME=k4n-workers"), 5)
            assert gone
            assert time.monotonic() - begin < 2.5
            owner.kill()
    assert _soon(lambda: not list(private_folders.iterdir()), 5)


_INTERACTIVE = """
import sys, tempfile
from pathlib import Path
from seachange.postgres import programs
from seachange.postgres.connection import parse

tempfile.tempdir = sys.argv[4]
status = programs.interactive(Path(sys.argv[1]), ["-X", "-P", "pager=off", "-c", sys.argv[3]], database=parse(sys.argv[2]))
print("status", status, sys.stdin.isatty(), flush=True)
"""


def _on_a_terminal(arguments: list[str], *, ctrl_c_after: str = "") -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", _INTERACTIVE, *arguments])
    shown = b""
    try:
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            shown += data
            if ctrl_c_after and ctrl_c_after.encode() in shown:
                time.sleep(0.5)
                os.write(terminal, b"\x03")
                ctrl_c_after = ""
            if not data:
                break
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return shown.decode()


class TestInteractive:
    """A program on the terminal has it for itself."""

    def test_program_has_the_terminal_and_returns_its_status(self, guarded: Database, psql: Path, private_folders: Path) -> None:
        shown = _on_a_terminal([str(psql), guarded.url(), "select 'user ' || current_user as who", str(private_folders)])

        assert "user ann" in shown
        assert "status 0 True" in shown

    def test_ctrl_c_is_for_the_program(self, guarded: Database, psql: Path, private_folders: Path) -> None:
        query = "do $$ begin raise notice 'begun'; perform pg_sleep(60); end $$"
        shown = _on_a_terminal([str(psql), guarded.url(), query, str(private_folders)], ctrl_c_after="begun")

        assert "canceling statement due to user request" in shown
        assert "status 1 True" in shown
