"""A server of our own on a copied data directory, which is gone when this process is gone."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.partial import partial_folder, remove_later
from seachange.postgres._cluster import PORT, SUPERUSER, start_command, start_timeout_s, wait_until_ready
from seachange.postgres._database import Database
from seachange.postgres._docker import starter
from seachange.postgres._installation import Installation
from seachange.postgres._places import copy_tree, fits_socket, place_tree, run_root
from seachange.postgres._pristine import pristine
from seachange.postgres._privileges import Identity, give, spawn
from seachange.postgres._tether import Tether

__all__ = ["THROWAWAY", "Run", "Server", "running"]

_log = logging.getLogger(__name__)

# cluster_name, by which a session knows that nobody's data is where it is.
THROWAWAY = "seachange-throwaway"

_STOP_S = 10.0
_LONGEST_FOLDER = ".partial-4194304-01234567"

# Nothing here has to survive a crash. Shared memory is kept in the data directory, so that not even SIGKILL leaves any
# behind. Vacuum would only disturb what is measured.
_OPTIONS = {
    "listen_addresses": "",
    "cluster_name": THROWAWAY,
    "port": str(PORT),
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
}
_ASYNCHRONOUS_SINCE = 18


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server:
    """A server for a short time: our own, or one that ``SEACHANGE_ADMIN_URL`` names, which has none of the paths.

    On the latter the databases get names of their own, so that nobody meets those of another run.
    """

    major: int
    address: Database
    prefix: str = ""
    installation: Installation | None = None
    data_dir: Path | None = None
    socket_dir: Path | None = None
    port: int = PORT
    pid: int | None = None

    def database(self, name: str = SUPERUSER) -> Database:
        """Return the address of a database; ``postgres`` is there, others have to be created."""
        return self.address if name == SUPERUSER else self.address.with_name(f"{self.prefix}{name}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A running server of our own with its process and its folder."""

    server: Server
    data_dir: Path
    process: subprocess.Popen[bytes]

    def stop(self, how: signal.Signals = signal.SIGINT, *, timeout_s: float = _STOP_S) -> bool:
        """Stop the server; by default so that its data directory can be kept.

        :param how: SIGINT ends sessions and writes everything, SIGQUIT ends at once.
        :param timeout_s: how long to wait before SIGKILL; with much in memory, writing it takes a while.
        :returns: whether it ended by itself.
        """
        self.process.send_signal(how)
        try:
            return self.process.wait(timeout_s) == 0
        except subprocess.TimeoutExpired:
            _log.warning("the server of %s did not stop within %s s and is killed", self.data_dir, timeout_s)
            self.process.kill()
            self.process.wait()
            return False


@contextlib.contextmanager
def running(
    settings: Settings,
    installation: Installation,
    identity: Identity | None,
    *,
    data_from: Path | None = None,
    options: Mapping[str, str] | None = None,
    in_memory: bool = True,
    root: Path | None = None,
    move: bool = False,
) -> Iterator[Run]:
    """Run a server on a copy of a data directory until the block is left or this process is gone.

    :param settings: they say where the cache is.
    :param installation: the programs; ``identity`` can run them.
    :param identity: as whom; None as the user of this process.
    :param data_from: the data directory to copy, cleanly shut down; a fresh one by default.
    :param options: further settings of the server.
    :param in_memory: keep the data in memory if there is room.
    :param root: an existing folder to keep them in instead, if the socket fits there.
    :param move: ``data_from`` is not needed any more.
    :raises ServerStartError: it did not start.
    """
    home = root if root and fits_socket(root / _LONGEST_FOLDER) else run_root(in_memory=in_memory)
    with partial_folder(home) as folder, Tether(remove=folder, first_signal="QUIT") as line:
        data_dir = folder / "data"
        give(folder, identity)
        if data_from:
            place_tree(data_from, data_dir, identity=identity, move=move)
        else:
            with pristine(settings, installation, identity) as source:
                copy_tree(source, data_dir, identity=identity)
        try:
            with _process(line, installation, identity, folder=folder, options=options or {}) as process:
                yield _ready(installation, process, folder)
        finally:
            # It is gone when it was kept as a shadow database.
            with contextlib.suppress(FileNotFoundError):
                remove_later(data_dir, parent=folder.parent)


@contextlib.contextmanager
def _process(
    line: Tether, installation: Installation, identity: Identity | None, *, folder: Path, options: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    wanted = {**_OPTIONS, **({"io_method": "sync"} if installation.major >= _ASYNCHRONOUS_SINCE else {}), **options}
    command = line.wrap(start_command(installation, folder / "data", socket_dir=folder, options=wanted), group=False)
    with (folder / "log").open("wb") as log:
        process = spawn(command, identity=starter(installation, identity), stdin=line.fileno(), output=log)
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def _ready(installation: Installation, process: subprocess.Popen[bytes], folder: Path) -> Run:
    data_dir = folder / "data"
    found = wait_until_ready(
        data_dir,
        log=folder / "log",
        ended=lambda: process.poll() is not None,
        timeout_s=start_timeout_s(installation),
    )
    address = {"host": str(folder), "port": str(found.port), "user": SUPERUSER, "dbname": SUPERUSER}
    server = Server(
        major=installation.major,
        address=Database(parameters=address),
        installation=installation,
        data_dir=data_dir,
        socket_dir=folder,
        port=found.port,
        pid=process.pid,
    )
    return Run(server=server, data_dir=data_dir, process=process)
