"""Throwaway servers: ready in a fifth of a second, and gone when the process that uses them is gone."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.partial import abandoned, partial_folder, remove_abandoned
from seachange.postgres import _home, binaries
from seachange.postgres._cluster import read_postmaster, runs, stop_pid
from seachange.postgres._installation import Installation
from seachange.postgres._places import cache_root, run_root, run_roots
from seachange.postgres._privileges import Identity, give, server_identity
from seachange.postgres._reach import within_reach
from seachange.postgres._throwaway import THROWAWAY, Server, running

__all__ = ["THROWAWAY", "Server", "lent_server", "on_data", "own_programs", "sweep", "throwaway"]

_log = logging.getLogger(__name__)

_STOP_S = 5.0


@contextlib.contextmanager
def throwaway(
    settings: Settings,
    *,
    major: int | None = None,
    data_from: Path | None = None,
    options: Mapping[str, str] | None = None,
    in_memory: bool = True,
) -> Iterator[Server]:
    """Run a server for the length of the block: on a socket only, without fsync and autovacuum.

    ``SEACHANGE_ADMIN_URL`` names a server to use instead, unless it is of another major or ``data_from`` is given. There
    ``Server.database`` gives every name a prefix of its own, and what has it is dropped at the end.

    :param settings: ``postgres_major`` and ``cache_dir`` count.
    :param major: the version; 0 or None for that of the settings, or else the newest at hand.
    :param data_from: a data directory of that version, cleanly shut down, to run on a copy of.
    :param options: further settings of a server of our own.
    :param in_memory: keep its data in memory if 2 GB are free there; False for much data.
    :returns: the server, ready for connections.
    :raises BinaryNotFoundError: there are no programs of that version.
    :raises ServerStartError: it did not start.
    """
    with contextlib.nullcontext() if data_from else lent_server(settings, major) as server:
        if server:
            yield server
            return
        installation, identity = own_programs(settings, major)
        with running(settings, installation, identity, data_from=data_from, options=options, in_memory=in_memory) as run:
            yield run.server


@contextlib.contextmanager
def on_data(settings: Settings, *, major: int, fill: Callable[[Path], None], superuser: str) -> Iterator[Server]:
    """Run a server of our own, on a socket only, on a data directory that comes from elsewhere.

    How that was configured, who may connect to it and what it loads at start does not count here.

    :param settings: they say where programs come from.
    :param major: the version of the data.
    :param fill: makes the data directory at the path that it is given.
    :param superuser: whom to connect as.
    :raises BinaryNotFoundError: there are no programs of that version.
    :raises ServerStartError: it did not start.
    """
    installation, identity = own_programs(settings, major)
    root = run_root(in_memory=False)
    with partial_folder(root) as folder:
        data_dir = folder / "data"
        fill(data_dir)
        for name, text in {"postgresql.conf": "", "postgresql.auto.conf": "", "pg_hba.conf": "local all all trust\n"}.items():
            (data_dir / name).write_text(text, encoding="utf-8")
        for path in [folder, data_dir, *data_dir.rglob("*")]:
            give(path, identity)
        with running(settings, installation, identity, data_from=data_dir, in_memory=False, root=root, move=True) as run:
            yield dataclasses.replace(run.server, address=run.server.address.with_parameters(user=superuser))


@contextlib.contextmanager
def lent_server(settings: Settings, major: int | None) -> Iterator[Server | None]:
    """Yield the server that ``SEACHANGE_ADMIN_URL`` names, or None if there is none or it is of another version."""
    if not settings.environment.get("SEACHANGE_ADMIN_URL"):
        yield None
        return
    from seachange.postgres._lent import lent

    with lent(settings, major or settings.postgres_major) as server:
        yield server


def own_programs(settings: Settings, major: int | None) -> tuple[Installation, Identity | None]:
    """Return the programs for a server of our own, and as whom to run them: that user can."""
    identity = server_identity()
    return within_reach(settings, binaries.server(settings, major), identity), identity


def sweep(settings: Settings) -> tuple[Path, ...]:
    """Stop the servers and remove the folders of runs that are gone; what is in use stays.

    The embedded servers of projects that were in the system's folder of temporary files, and are gone, count as well.

    :param settings: they say where the cache is.
    :returns: the folders that were removed.
    """
    removed = []
    for root in run_roots():
        for folder in abandoned(root):
            _stop(folder / "data")
            removed += _removed(folder)
    cache = cache_root(settings)
    for parent in [*cache.glob("*/"), *cache.glob("*/*/")]:
        for folder in abandoned(parent):
            _stop(folder / "data")
            removed += _removed(folder)
    for home in _home.deserted_homes():
        _stop(home.data_dir)
        _home.remove(home)
        removed.append(home.folder)
    return tuple(removed)


def _stop(data_dir: Path) -> None:
    found = read_postmaster(data_dir)
    if found and runs(found.pid, data_dir):
        _log.info("stopping the server of %s, whose run is gone", data_dir)
        stop_pid(found.pid, data_dir, how=signal.SIGQUIT, timeout_s=_STOP_S)


def _removed(folder: Path) -> list[Path]:
    try:
        return [folder] if remove_abandoned(folder) else []
    except OSError as exc:
        # Its keeper, or another sweep, may be at the same work.
        _log.debug("%s cannot be removed: %s", folder, exc)
        return []
