"""Run pg_dump, pg_restore, psql and the like: argv lists, secrets in private files, nothing left running."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from seachange.errors import BinaryNotFoundError, ExitCode, NotWritableError, ProgramFailedError, ServerUnreachableError
from seachange.postgres import interrupt
from seachange.postgres._child import clean_environment, connection_environment
from seachange.postgres._database import Database
from seachange.postgres._failures import connection_failure, speaks_of_connection
from seachange.postgres._process import Limits, Running
from seachange.postgres._tether import Tether
from seachange.postgres.redaction import redact

__all__ = ["Completed", "interactive", "name_argument", "run"]

_log = logging.getLogger(__name__)

# Programs that would prompt for a password on the terminal, and wait for ever.
_PROMPTING = frozenset(
    {
        "clusterdb",
        "createdb",
        "createuser",
        "dropdb",
        "dropuser",
        "pg_amcheck",
        "pg_basebackup",
        "pg_dump",
        "pg_dumpall",
        "pg_receivewal",
        "pg_recvlogical",
        "pg_restore",
        "psql",
        "reindexdb",
        "vacuumdb",
    }
)
# Enough for pg_dump's workers to be gone within two seconds of our own death.
_PATIENCE_S = 0.5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Completed:
    """What a program did: its output when that was captured, its messages without secrets."""

    stdout: bytes
    stderr: str
    duration_s: float


def run(
    program: Path,
    arguments: Sequence[str],
    *,
    database: Database | None = None,
    stdout: BinaryIO | Path | None = None,
    stdin: BinaryIO | Path | None = None,
    timeout_s: float | None = None,
    stall_timeout_s: float | None = None,
    progress: Callable[[], int] | None = None,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a program to its end, without a shell, a terminal or a secret among its arguments.

    The program and everything that it starts is one process group, which is ended at a timeout, at an interruption and when
    this process dies, by SIGKILL too.

    :param program: the executable.
    :param arguments: its arguments; never a URL, see ``database``.
    :param database: where the program connects to, by the variables of libpq.
    :param stdout: where its output goes: a path, which must not exist yet and is made with mode 0600, or an open file; it is
        captured by default.
    :param stdin: what it reads: nothing by default.
    :param timeout_s: how long it may take.
    :param stall_timeout_s: how long ``progress`` may stand still.
    :param progress: a number that grows with the work; by default what was written to ``stdout`` and ``stderr``.
    :param env: further variables.
    :raises ProgramFailedError: the program failed; ``stderr`` and ``returncode`` tell how.
    :raises BinaryNotFoundError: there is no such program.
    :raises NotWritableError: ``stdout`` cannot be made.
    :raises TimeoutExceededError: it took too long or stood still.
    :raises InterruptedRunError: the run was interrupted.
    """
    interrupt.check()
    argv = _argv(program, arguments, connects=database is not None)
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        environment, folder = _environment(stack, database, env)
        output = stack.enter_context(_output(stdout))
        source = stack.enter_context(_source(stdin))
        running = stack.enter_context(_started(argv, environment=environment, stdin=source, stdout=output, remove=folder))
        limits = Limits(
            name=program.name,
            timeout_s=timeout_s,
            stall_timeout_s=stall_timeout_s,
            progress=progress or (lambda: running.written + _size(output)),
        )
        return _completed(running, limits, program, begin=begin, database=database)


def interactive(program: Path, arguments: Sequence[str], *, database: Database) -> int:
    """Run a program on the terminal of this process, such as psql, and return its status.

    :param program: the executable.
    :param arguments: its arguments.
    :param database: where it connects to.
    :raises BinaryNotFoundError: there is no such program.
    """
    interrupt.check()
    argv = [str(_executable(program)), *arguments]
    with (
        connection_environment(database) as (variables, folder),
        _left_to_the_program(signal.SIGINT, signal.SIGQUIT),
        Tether(remove=folder, first_signal="HUP", patience_s=_PATIENCE_S) as tether,
        subprocess.Popen(argv, env={**clean_environment(), **variables}, umask=0o077) as process,
    ):
        tether.watch(pid=process.pid)
        return process.wait()


def name_argument(database: Database) -> str:
    """Return ``--dbname`` for programs that do nothing without it, such as pg_restore; it holds the name only.

    The name is quoted as a key=value text, so that ``a=b`` and ``-dash`` are names.

    :param database: the database.
    """
    from psycopg.conninfo import make_conninfo

    return f"--dbname={make_conninfo(dbname=database.name)}"


def _argv(program: Path, arguments: Sequence[str], *, connects: bool) -> list[str]:
    # Without a database nothing asks, and `--version` has to be the first argument.
    never_ask = ["--no-password"] if connects and program.name in _PROMPTING else []
    return [str(_executable(program)), *never_ask, *arguments]


def _executable(program: Path) -> Path:
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise BinaryNotFoundError(f"{program} is not there or cannot be run", hint="`invoke db.servers` lists what there is")
    return program


def _environment(
    stack: contextlib.ExitStack, database: Database | None, env: Mapping[str, str] | None
) -> tuple[dict[str, str], Path | None]:
    environment = clean_environment()
    # The messages are read here too: they have to be in English, whatever the encoding of the user's locale.
    everything = environment.pop("LC_ALL", "")
    if everything:
        environment["LC_CTYPE"] = everything
    environment["LC_MESSAGES"] = "C"
    variables, folder = stack.enter_context(connection_environment(database)) if database else ({}, None)
    return {**environment, **variables, **(env or {})}, folder


@contextlib.contextmanager
def _started(
    argv: list[str],
    *,
    environment: Mapping[str, str],
    stdin: BinaryIO | None,
    stdout: BinaryIO | None,
    remove: Path | None,
) -> Iterator[Running]:
    with Tether(remove=remove, first_signal="INT", patience_s=_PATIENCE_S) as tether:
        process = subprocess.Popen(
            argv if stdin else tether.wrap(argv),
            stdin=stdin or tether.fileno(),
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            umask=0o077,
        )
        running = Running(process)
        try:
            if stdin:
                tether.watch(group=process.pid)
            interrupt.register(running)
            yield running
        finally:
            interrupt.unregister(running)
            running.close()


@contextlib.contextmanager
def _output(stdout: BinaryIO | Path | None) -> Iterator[BinaryIO | None]:
    if not isinstance(stdout, Path):
        yield stdout
        return
    try:
        descriptor = os.open(stdout, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise NotWritableError(f"cannot create {stdout}: {exc.strerror}", hint="choose a new file in a writable folder") from exc
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
    except BaseException:
        # What a failed program left looks like a result and is none.
        stdout.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _source(stdin: BinaryIO | Path | None) -> Iterator[BinaryIO | None]:
    if not isinstance(stdin, Path):
        yield stdin
        return
    with stdin.open("rb") as file:
        yield file


def _size(output: BinaryIO | None) -> int:
    return os.fstat(output.fileno()).st_size if output else 0


@contextlib.contextmanager
def _left_to_the_program(*numbers: signal.Signals) -> Iterator[None]:
    """Let Ctrl-C on the terminal mean what it means to the program that has it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A handler and not SIG_IGN, which the program would inherit.
    before = {number: signal.signal(number, lambda _number, _frame: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _completed(running: Running, limits: Limits, program: Path, *, begin: float, database: Database | None) -> Completed:
    returncode = running.wait(limits)
    duration_s = time.monotonic() - begin
    _log.debug("%s ended with status %d after %.2f s", program.name, returncode, duration_s)
    stderr = redact(running.stderr.decode("utf-8", "replace"))
    if returncode:
        raise _failure(program, returncode, stderr=stderr, database=database)
    return Completed(stdout=bytes(running.stdout), stderr=stderr, duration_s=duration_s)


def _failure(program: Path, status: int, *, stderr: str, database: Database | None) -> ProgramFailedError:
    said = _essence(stderr)
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    target = f" for {database.redacted}" if database else ""
    failure = connection_failure(database, stderr) if database and speaks_of_connection(stderr) else None
    return ProgramFailedError(
        f"{program.name}{target} {how}" + (f": {said}" if said else ""),
        hint=failure.hint if failure else _hint(stderr),
        stderr=stderr,
        returncode=status,
        exit_code=ExitCode.TRY_AGAIN if isinstance(failure, ServerUnreachableError) else None,
    )


def _essence(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line or "FATAL:" in line or "ERROR:" in line]
    return (errors or lines[-1:] or [""])[0]


def _hint(stderr: str) -> str:
    hints = {
        "No space left on device": "make room on the disk, or set another folder",
        "server version mismatch": "use programs of the server's own major version: `invoke db.servers --install N`",
        "permission denied for": "grant the user the right to read it",
        "lock timeout": "another session holds a lock on it; try again later",
    }
    return next((hint for text, hint in hints.items() if text in stderr), "")
