"""One data directory: make it, start a server on it, wait until it answers, stop it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from seachange.errors import OutOfDiskError, ServerStartError
from seachange.postgres import interrupt
from seachange.postgres._docker import ContainerInstallation, starter
from seachange.postgres._installation import Installation
from seachange.postgres._privileges import Identity, spawn
from seachange.postgres._tether import Tether

__all__ = [
    "PORT",
    "SUPERUSER",
    "Postmaster",
    "initialise",
    "read_postmaster",
    "runs",
    "start_command",
    "start_timeout_s",
    "stop_pid",
    "wait_until_ready",
]

PORT = 5432
SUPERUSER = "postgres"

_POLL_S = 0.005
_START_S = 120.0
_PULL_S = 900.0
_KEPT_LINES = 12
_BUILTIN_LOCALES_SINCE = 17
_NO_INSTRUCTIONS_SINCE = 14


@dataclasses.dataclass(frozen=True, kw_only=True)
class Postmaster:
    """What ``postmaster.pid`` says; ``status`` is ``ready`` when the server takes connections."""

    pid: int
    port: int
    socket_dir: Path
    status: str


def read_postmaster(data_dir: Path) -> Postmaster | None:
    """Return what the server of a data directory wrote about itself; None when it wrote nothing, or not yet all."""
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return Postmaster(pid=int(lines[0]), port=int(lines[3]), socket_dir=Path(lines[4]), status=lines[7].strip())
    except (OSError, ValueError, IndexError):
        return None


def runs(pid: int, data_dir: Path) -> bool:
    """Whether process ``pid`` is the server of ``data_dir``: after a crash another process may have its number."""
    process = Path("/proc") / str(pid)
    if process.parent.joinpath("self").exists():
        try:
            return (process / "cwd").readlink() == data_dir.resolve()
        except OSError:
            return False
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False, timeout=10)
    return os.fsencode(data_dir) in shown.stdout


def initialise(installation: Installation, data_dir: Path, *, identity: Identity | None, durable: bool) -> None:
    """Run ``initdb``; text sorts by code point, everywhere alike, and time is UTC.

    :param installation: the programs.
    :param data_dir: the folder to make; its parent belongs to ``identity``.
    :param identity: as whom.
    :param durable: sync what was written, and make segments of the usual size; small ones are quicker to copy.
    :raises ServerStartError: it failed.
    :raises OutOfDiskError: the disk is full.
    """
    arguments: list[str | Path] = ["-D", data_dir, "-U", SUPERUSER, "--auth-local=trust", "--auth-host=scram-sha-256"]
    arguments += ["-E", "UTF8"]
    arguments += [] if durable else ["--no-sync", "--wal-segsize=1"]
    arguments += ["--no-instructions"] if installation.major >= _NO_INSTRUCTIONS_SINCE else []
    said = ""
    for locale in _locales(installation.major):
        command = _in_folder(installation, data_dir.parent).command("initdb", [*arguments, *locale])
        status, said = _run(command, starter(installation, identity), timeout_s=start_timeout_s(installation))
        if status == 0:
            return
        if "invalid locale" not in said:
            break
    if "No space left" in said:
        raise OutOfDiskError(f"cannot make a data directory in {data_dir.parent}: the disk is full", hint="make room there")
    raise ServerStartError(
        f"initdb of PostgreSQL {installation.version} failed in {data_dir}:\n{_tail(said)}",
        hint=f"try it by hand: {installation.bin_dir / 'initdb'}",
    )


def _locales(major: int) -> list[list[str]]:
    if major >= _BUILTIN_LOCALES_SINCE:
        return [["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]]
    return [["--locale=C.UTF-8"], ["--locale=C"]]


def start_timeout_s(installation: Installation) -> float:
    """Return how long a program may take to get going: the image of a container may have to be fetched first."""
    return _PULL_S if isinstance(installation, ContainerInstallation) else _START_S


def _run(arguments: list[str], identity: Identity | None, *, timeout_s: float) -> tuple[int, str]:
    with Tether() as line, _spawned(line, arguments, identity) as process:
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as exc:
            _kill_group(process.pid)
            raise ServerStartError(f"{arguments[0]} did not end within {timeout_s:g} s") from exc
        except BaseException:
            _kill_group(process.pid)
            raise
    return process.returncode, said.decode(errors="replace")


def _spawned(line: Tether, arguments: list[str], identity: Identity | None) -> subprocess.Popen[bytes]:
    return spawn(line.wrap(arguments), identity=identity, stdin=line.fileno(), output=subprocess.PIPE)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _in_folder(installation: Installation, folder: Path) -> Installation:
    return installation.within(folder) if isinstance(installation, ContainerInstallation) else installation


def start_command(installation: Installation, data_dir: Path, *, socket_dir: Path, options: Mapping[str, str]) -> list[str]:
    """Return the command line of a server that listens on a socket only.

    :param installation: the programs.
    :param data_dir: its data.
    :param socket_dir: where its socket goes.
    :param options: further settings.
    """
    settings = {"unix_socket_directories": str(socket_dir), "cluster_name": "seachange", **options}
    arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    folder = Path(os.path.commonpath([data_dir, socket_dir]))
    return _in_folder(installation, folder).command("postgres", ["-D", data_dir, *arguments])


def wait_until_ready(data_dir: Path, *, log: Path, ended: Callable[[], bool], timeout_s: float) -> Postmaster:
    """Wait until the server of ``data_dir`` takes connections.

    :param data_dir: its data.
    :param log: what it writes.
    :param ended: tells whether its process has ended.
    :param timeout_s: how long to wait.
    :raises ServerStartError: it ended, or the time is up.
    :raises InterruptedRunError: the run was interrupted.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        over = ended()
        found = read_postmaster(data_dir)
        if found and found.status == "ready" and not over:
            return found
        if over:
            raise _not_started(data_dir, log, "it ended at once")
        if time.monotonic() > deadline:
            raise _not_started(data_dir, log, f"it was not ready within {timeout_s:g} s")
        interrupt.sleep(_POLL_S)


def _not_started(data_dir: Path, log: Path, why: str) -> ServerStartError:
    lines = _last_lines(log)
    return ServerStartError(
        f"the PostgreSQL server of {data_dir} did not start: {why}" + (f"; the end of its log:\n{lines}" if lines else ""),
        hint=_remedy(lines),
    )


def _remedy(lines: str) -> str:
    if "No space left" in lines:
        return "make room on the disk"
    if "shared memory" in lines or "semaphores" in lines:
        return "stop servers that are not needed: the machine has too little memory or too few semaphores left"
    return "mend what the log complains of, then try again"


def _last_lines(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            return _tail(file.read().decode(errors="replace"))
    except OSError:
        return ""


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_KEPT_LINES:])


def stop_pid(pid: int, data_dir: Path, *, how: signal.Signals, timeout_s: float) -> bool:
    """Stop the server of a data directory that is no child of this process.

    :param pid: its process.
    :param data_dir: its data.
    :param how: SIGINT ends sessions and writes everything, SIGQUIT ends at once.
    :param timeout_s: how long to wait before SIGKILL.
    :returns: whether it ended by itself.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
        while runs(pid, data_dir):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                return False
            time.sleep(_POLL_S)
    return True
