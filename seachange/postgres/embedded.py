"""The development server of a project: durable, started on demand, alive between commands."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.errors import DatabaseExistsError, NotWritableError
from seachange.postgres import _home
from seachange.postgres._cluster import SUPERUSER, Postmaster
from seachange.postgres._database import Database
from seachange.postgres._home import Home
from seachange.postgres._launch import answering, bring_up, halt

__all__ = ["EmbeddedServer", "database", "discard", "exists", "start", "status", "stop"]

_LOCK_S = 180.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddedServer:
    """The running development server of a project."""

    major: int
    pid: int
    port: int
    data_dir: Path
    socket_dir: Path
    log_file: Path

    def database(self, name: str = SUPERUSER) -> Database:
        """Return the address of a database; ``postgres`` is there, others have to be created."""
        address = {"host": str(self.socket_dir), "port": str(self.port), "user": SUPERUSER, "dbname": name}
        return Database(parameters=address)


def status(settings: Settings) -> EmbeddedServer | None:
    """Return the project's server if it runs and takes connections.

    :param settings: ``root`` says which project.
    """
    home = _home.find_home(settings)
    found = answering(home) if home else None
    return _server(home, found) if home and found else None


def _server(home: Home, found: Postmaster) -> EmbeddedServer:
    return EmbeddedServer(
        major=home.major,
        pid=found.pid,
        port=found.port,
        data_dir=home.data_dir,
        socket_dir=found.socket_dir,
        log_file=home.log_file,
    )


def start(settings: Settings) -> EmbeddedServer:
    """Return the project's server; it is made and started if need be, once however many commands ask for it at a time.

    :param settings: ``root`` says which project; ``postgres_major`` counts when its data directory is made.
    :raises BinaryNotFoundError: there are no programs of the version of its data directory.
    :raises ServerStartError: it did not start.
    :raises NotWritableError: its folder cannot be written.
    """
    found = status(settings)
    if found:
        return found
    with _explained(settings):
        home = _home.make_home(settings)
        with home.exclusive(timeout_s=_LOCK_S):
            return _server(home, answering(home) or bring_up(settings, home))


@contextlib.contextmanager
def _explained(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise NotWritableError(
            f"cannot prepare the embedded server of {settings.root}: {exc}",
            hint="make the project's folder writable, or set DATABASE_URL to a server that exists",
        ) from exc


def exists(settings: Settings) -> bool:
    """Say whether the project has a server of its own, running or not.

    :param settings: ``root`` says which project.
    """
    return _home.find_home(settings) is not None


def stop(settings: Settings) -> bool:
    """Stop the project's server; its data stays.

    :param settings: ``root`` says which project.
    :returns: whether it ran.
    :raises ServerStartError: it runs and cannot be stopped from here.
    """
    home = _home.find_home(settings)
    if home is None or not home.running:
        return False
    with home.exclusive(timeout_s=_LOCK_S):
        return halt(home, signal.SIGINT)


def discard(settings: Settings) -> bool:
    """Stop the project's server and remove it with all its data.

    :param settings: ``root`` says which project.
    :returns: whether there was one.
    """
    home = _home.find_home(settings)
    if home is None:
        return False
    with home.exclusive(timeout_s=_LOCK_S):
        halt(home, signal.SIGQUIT)
        _home.remove(home)
    return True


def database(settings: Settings) -> Database:
    """Return the project's database on its embedded server, which is started, and the database created, on demand.

    :param settings: ``project`` is the name of the database.
    :raises SeachangeError: as for :func:`start`, or the database cannot be created.
    """
    from seachange.postgres.connection import create_database, exists_database

    found = start(settings).database(settings.project or settings.root.name)
    if not exists_database(found):
        # Another command may create it at the same time.
        with contextlib.suppress(DatabaseExistsError):
            create_database(found)
    return found
