"""Databases that restores left beside those in use: the old ones, the restored ones, and what killed runs left half done."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
from typing import TYPE_CHECKING, Any, Literal

from seachange.backup.target import UNFINISHED, dated, exists, swap
from seachange.errors import DatabaseMissingError, RefusedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Kept", "drop_kept", "list_kept", "put_in_place", "require_kept"]

_DATED = re.compile(r"(?P<of>.+)_(?P<kind>before|restored)_(?P<time>\d{8}_\d{6})", re.DOTALL)

_DATABASES = """
    SELECT d.datname, CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) END,
           (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid)
    FROM pg_database d WHERE NOT d.datistemplate
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """One such database; ``of`` is the database that it was or is a copy of, ``size_bytes`` is None where it may not be seen."""

    name: str
    kind: Literal["before", "restored", "unfinished"]
    of: str
    since: datetime.datetime | None
    size_bytes: int | None
    sessions: int


def list_kept(server: Database) -> tuple[Kept, ...]:
    """Return the databases that restores left on a server, oldest first.

    :param server: any database of the server.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(server, autocommit=True)) as session:
        found = [_read(*row) for row in session.execute(_DATABASES)]
    earliest = datetime.datetime.fromtimestamp(0, datetime.UTC)
    return tuple(sorted((one for one in found if one), key=lambda one: (one.since or earliest, one.name)))


def _read(name: str, size_bytes: int | None, sessions: int) -> Kept | None:
    found = _DATED.fullmatch(name)
    common: dict[str, Any] = {"name": name, "size_bytes": size_bytes, "sessions": sessions}
    if name.startswith(UNFINISHED):
        return Kept(kind="unfinished", of="", since=None, **common)
    if not found:
        return None
    try:
        since = datetime.datetime.strptime(found["time"], "%Y%m%d_%H%M%S").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None
    return Kept(kind="before" if found["kind"] == "before" else "restored", of=found["of"], since=since, **common)


def drop_kept(server: Database, name: str) -> None:
    """Drop a database that a restore left, when nobody uses it.

    :param server: any other database of the server.
    :param name: its name.
    :raises RefusedError: no restore gave it its name.
    :raises DatabaseMissingError: there is none of that name.
    :raises StatementFailedError: it is in use, or belongs to somebody else.
    """
    from seachange.postgres.connection import drop_database

    found = require_kept(server, name)
    if found.kind == "unfinished":
        raise RefusedError(
            f"{name} belongs to a restore that may be under way", hint="the next restore drops it when its owner is gone"
        )
    drop_database(server.with_name(name))


def require_kept(server: Database, name: str) -> Kept:
    """Return one of the databases that restores left.

    :raises RefusedError: no restore gave it its name.
    :raises DatabaseMissingError: there is none of that name.
    """
    from seachange.postgres.connection import maintenance

    kept = {one.name: one for one in list_kept(server)}
    if name in kept:
        return kept[name]
    hint = f"there are: {', '.join(kept) or 'none'}"
    with maintenance(server) as session:
        if exists(session, name):
            raise RefusedError(f"{name!r} is no database that a restore left", hint=hint)
    raise DatabaseMissingError(f"there is no database {name!r} at {server.redacted}", hint=hint)


def put_in_place(server: Database, name: str, *, instead_of: str, now: datetime.datetime) -> str:
    """Put a database that a restore left into the place of another one, which is kept under a dated name.

    :param server: any database of the server.
    :param name: the database that takes the place.
    :param instead_of: the database that it replaces.
    :param now: the time in UTC.
    :returns: what the replaced database is called now.
    :raises RefusedError: no restore gave the database its name.
    :raises RestoreFailedError: one of them is still in use; nothing was renamed.
    """
    found = require_kept(server, name)
    if found.kind == "unfinished":
        raise RefusedError(f"{name} was not restored to its end", hint="restore again")
    old_name = dated(instead_of, "before", now)
    swap(server.with_name(name), instead_of, old_name=old_name)
    return old_name
