"""Bring the server of a home up and down; the caller has the home to itself meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import signal
import socket
import time
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, ServerStartError
from seachange.partial import abandoned, partial_folder, remove_abandoned
from seachange.postgres import binaries, interrupt
from seachange.postgres._cluster import (
    PORT,
    Postmaster,
    initialise,
    read_postmaster,
    runs,
    start_command,
    start_timeout_s,
    stop_pid,
    wait_until_ready,
)
from seachange.postgres._docker import starter
from seachange.postgres._home import Home
from seachange.postgres._installation import Installation
from seachange.postgres._places import publish
from seachange.postgres._privileges import give, spawn
from seachange.postgres._reach import within_reach

__all__ = ["answering", "bring_up", "halt"]

_log = logging.getLogger(__name__)

_SETTLE_S = 180.0
_STOP_S = 60.0
_LOOK_S = 5.0
_POLL_S = 0.01
_LONGEST_LOG = 5 * 1024**2
# Whoever wants a TCP port can open one in postgresql.conf; these are the values that it begins with.
_CONFIGURATION = f"""
# Settings of Seachange; change what you like. The folder of the socket is given on the command line.
listen_addresses = ''
port = {PORT}
"""
# The shell goes, the server stays and is no child of ours: nobody has to collect its status.
_DETACH = 'log=$1; shift; "$@" >> "$log" 2>&1 &'


def answering(home: Home) -> Postmaster | None:
    """Return the server of a home if it runs and takes connections."""
    found = read_postmaster(home.data_dir) if home.running else None
    return found if found and found.status == "ready" and _answers(found) else None


def _answers(found: Postmaster) -> bool:
    # The file outlives a server that was killed, and so does the lock as long as one of its sessions computes.
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(found.socket_dir / f".s.PGSQL.{found.port}"))
    except OSError:
        return False
    return True


def bring_up(settings: Settings, home: Home) -> Postmaster:
    """Start the server of a home, whose data directory is made if need be.

    :param settings: ``postgres_major`` counts when the data directory is made.
    :param home: where.
    :raises BinaryNotFoundError: there are no programs of the version of the data directory.
    :raises ServerStartError: it did not start.
    """
    settled = _settle(home)
    if settled:
        return settled
    installation = _installation(settings, home)
    if not home.major:
        _initialise(installation, home)
    _forget_crash(home)
    _rotate(home.log_file)
    _launch(installation, home)
    try:
        return wait_until_ready(
            home.data_dir, log=home.log_file, ended=lambda: not home.running, timeout_s=start_timeout_s(installation)
        )
    except BaseException:
        halt(home, signal.SIGQUIT)
        raise


def _settle(home: Home) -> Postmaster | None:
    # It is being started by a command that has ended since, or its sessions have not noticed yet that it was killed.
    deadline = time.monotonic() + _SETTLE_S
    while home.running:
        found = answering(home)
        if found:
            return found
        if time.monotonic() > deadline:
            raise ServerStartError(
                f"the server of {home.data_dir} holds its data but takes no connections",
                hint=f"see {home.log_file}, and end its processes",
            )
        interrupt.sleep(_POLL_S)
    return None


def _installation(settings: Settings, home: Home) -> Installation:
    if home.major and settings.postgres_major not in (0, home.major):
        _log.warning(
            "the embedded server stays at PostgreSQL %s, which made %s, although postgres_major is %s",
            home.major,
            home.data_dir,
            settings.postgres_major,
        )
    try:
        found = binaries.server(settings, home.major or None)
    except BinaryNotFoundError as exc:
        if not home.major:
            raise
        raise BinaryNotFoundError(
            f"{exc.message}, and the embedded server's data in {home.data_dir} is of that version",
            hint=f"{exc.hint}; or move {home.data_dir} away to begin anew",
        ) from exc
    return within_reach(settings, found, home.identity)


def _initialise(installation: Installation, home: Home) -> None:
    _log.info("making the embedded server of PostgreSQL %s in %s", installation.version, home.folder)
    for folder in abandoned(home.folder):
        remove_abandoned(folder)
    with partial_folder(home.folder) as work:
        give(work, home.identity)
        initialise(installation, work / "data", identity=home.identity, durable=True)
        with (work / "data" / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_CONFIGURATION)
        publish(work / "data", home.data_dir)


def _forget_crash(home: Home) -> None:
    # Nobody holds the lock of the data directory. PostgreSQL would only look whether there is a process of the number that
    # these files name, and after a reboot, or in a new container, there often is: another one.
    for stale in (home.data_dir / "postmaster.pid", *home.socket_dir.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)


def _rotate(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LONGEST_LOG:
            log.replace(log.with_name(f"{log.name}.1"))


def _launch(installation: Installation, home: Home) -> None:
    command = start_command(installation, home.data_dir, socket_dir=home.socket_dir, options={})
    home.log_file.touch()
    home.log_file.chmod(0o600)
    give(home.log_file, home.identity)
    with home.open_lock(create=True) as lock:
        _lock(home, lock)
        arguments = ["/bin/sh", "-c", _DETACH, "seachange-embedded", str(home.log_file), *command]
        spawn(arguments, identity=starter(installation, home.identity), pass_fds=[lock]).wait()


def _lock(home: Home, descriptor: int) -> None:
    # Commands that only look whether the server runs take the lock for a moment.
    deadline = time.monotonic() + _LOOK_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ServerStartError(f"a server has been started in {home.folder} by other means", hint="try again") from None
            interrupt.sleep(_POLL_S)


def halt(home: Home, how: signal.Signals) -> bool:
    """Stop the server of a home.

    :param home: where.
    :param how: SIGINT ends sessions and writes everything, SIGQUIT ends at once.
    :returns: whether it ran.
    :raises ServerStartError: it runs and cannot be stopped from here.
    """
    found = read_postmaster(home.data_dir)
    if not home.running or not found:
        return False
    if not runs(found.pid, home.data_dir):
        raise ServerStartError(
            f"the server of {home.data_dir} runs, but not as process {found.pid} of this system",
            hint="stop it in the container that it was started in",
        )
    try:
        stop_pid(found.pid, home.data_dir, how=how, timeout_s=_STOP_S)
    except PermissionError as exc:
        raise ServerStartError(
            f"the server of {home.data_dir}, process {found.pid}, belongs to another user",
            hint="run the command as the user who started it",
        ) from exc
    return True
