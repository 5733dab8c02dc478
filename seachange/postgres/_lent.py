"""Databases of our own on a server that exists already: what ``SEACHANGE_ADMIN_URL`` asks for."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
from collections.abc import Iterator

from seachange.config import Settings
from seachange.postgres import interrupt
from seachange.postgres._throwaway import Server
from seachange.postgres.connection import Database, Session, connect, drop_database, parse

__all__ = ["VARIABLE", "lent", "lost_databases"]

_log = logging.getLogger(__name__)

VARIABLE = "SEACHANGE_ADMIN_URL"

_PREFIX = re.compile(r"(seachange_tmp_([0-9a-f]{8})_)")
_LOCK = "select pg_try_advisory_lock(%s, %s)"
# The first key of the advisory locks by which a run says that it is alive; the second is that of its prefix.
_LOCK_CLASS = 0x5EAC


@contextlib.contextmanager
def lent(settings: Settings, major: int) -> Iterator[Server | None]:
    """Yield the server that ``SEACHANGE_ADMIN_URL`` names, with a prefix for databases, which are dropped at the end.

    A session holds an advisory lock meanwhile. When this process is killed, the next run finds the databases and no lock,
    and drops them.

    :param settings: they have the variable.
    :param major: the version that is wanted, 0 for any.
    :returns: None when the server is of another version.
    :raises SeachangeError: the server cannot be reached.
    """
    address = parse(settings.environment[VARIABLE], environ=settings.environment)
    with connect(address, autocommit=True) as session:
        found = session.info.server_version // 10_000
        if major not in (0, found):
            yield None
            return
        _drop_lost(session, address)
        token = secrets.token_hex(4)
        session.execute(_LOCK, [_LOCK_CLASS, _lock_key(token)])
        server = Server(major=found, address=address, prefix=f"seachange_tmp_{token}_", port=session.info.port)
        try:
            yield server
        finally:
            # The session that holds the lock may have been cut.
            with interrupt.shielded(), connect(address, autocommit=True) as another:
                _drop(another, address, prefix=server.prefix)


def _lock_key(token: str) -> int:
    return int(token, 16) - 2**31


def lost_databases(session: Session) -> dict[str, list[str]]:
    """Return the databases of runs that are gone, by prefix."""
    found: dict[str, list[str]] = {}
    for (name,) in session.execute("select datname from pg_database order by datname").fetchall():
        matched = _PREFIX.match(name)
        if matched:
            found.setdefault(matched[0], []).append(name)
    return {prefix: names for prefix, names in found.items() if _is_lost(session, prefix)}


def _is_lost(session: Session, prefix: str) -> bool:
    key = _lock_key(prefix.removeprefix("seachange_tmp_").rstrip("_"))
    row = session.execute(_LOCK, [_LOCK_CLASS, key]).fetchone()
    if not row or not row[0]:
        return False
    session.execute("select pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, key])
    return True


def _drop_lost(session: Session, address: Database) -> None:
    for prefix in lost_databases(session):
        _log.info("dropping the databases %s*, whose run is gone", prefix)
        _drop(session, address, prefix=prefix)


def _drop(session: Session, address: Database, *, prefix: str) -> None:
    rows = session.execute("select datname from pg_database where starts_with(datname, %s)", [prefix]).fetchall()
    for (name,) in rows:
        drop_database(address.with_name(name), force=True)
