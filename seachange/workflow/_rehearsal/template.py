"""A copy of a database on its own server by CREATE DATABASE ... TEMPLATE, for the length of a block."""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from seachange.errors import RefusedError
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["template_copy"]

# The first key of the advisory locks by which a run says that its copy is in use; the second stands for the name.
_LOCK_CLASS = 0x5EAD
_MOST_SESSIONS = 5
_LONGEST_NAME = 63
_NAME = re.compile(r".*_rehearsal_[0-9a-f]{8}")

_SESSIONS = """
SELECT 'pid ' || pid || ' of ' || coalesce(usename, 'the server') || coalesce(' (' || nullif(application_name, '') || ')', '')
FROM pg_catalog.pg_stat_activity
WHERE datname = %s AND pid <> pg_catalog.pg_backend_pid() AND application_name !~ '^seachange' ORDER BY pid
"""
# A copy of a database does not get what was set for that database.
_SETTINGS = """
SELECT pg_catalog.split_part(item, '=', 1), pg_catalog.substr(item, pg_catalog.strpos(item, '=') + 1)
FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, pg_catalog.unnest(s.setconfig) item
WHERE d.datname = %s AND s.setrole = 0
"""


@contextlib.contextmanager
def template_copy(run: Run) -> Iterator[tuple[Database, tuple[str, ...]]]:
    """Copy the run's database on its own server; the copy is dropped at the end, also after Ctrl-C.

    What a killed run left is dropped by the next one.

    :param run: the run.
    :returns: the copy, and sentences on where it is not like its origin.
    :raises RefusedError: the database is in staging or production, or somebody is connected to it.
    :raises OutOfDiskError: the server's disk is full.
    :raises StatementFailedError: the user may not make databases.
    """
    from seachange.postgres.connection import clone_database, drop_database, maintenance

    if run.settings.production:
        raise RefusedError(
            f"APP_ENV is {run.settings.app_env}: a copy on the same server would take its disk and memory",
            hint="rehearse on a backup: --source backup",
        )
    origin = run.database
    name = f"{_shortened(origin.name)}_rehearsal_{secrets.token_hex(4)}"
    with maintenance(origin) as session:
        _sweep(session, origin)
        _require_alone(session, origin)
        session.execute("SELECT pg_catalog.pg_advisory_lock(%s, %s)", [_LOCK_CLASS, _key(name)])
        try:
            copy = clone_database(origin, name)
            notes = _with_settings(session, origin, name)
            yield copy, notes
        finally:
            drop_database(origin.with_name(name), force=True)


def _shortened(name: str) -> str:
    room = _LONGEST_NAME - len("_rehearsal_00000000")
    return name.encode()[:room].decode(errors="ignore")


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)


def _require_alone(session: Session, origin: Database) -> None:
    found = [str(row[0]) for row in session.execute(_SESSIONS, [origin.name]).fetchall()]
    if found:
        more = f" and {len(found) - _MOST_SESSIONS} more" if len(found) > _MOST_SESSIONS else ""
        raise RefusedError(
            f"{origin.name} cannot be copied while others are connected to it: {', '.join(found[:_MOST_SESSIONS])}{more}",
            hint="close them, or rehearse on a backup: --source backup",
        )


def _sweep(session: Session, origin: Database) -> None:
    from seachange.postgres.connection import drop_database

    rows = session.execute("SELECT datname FROM pg_catalog.pg_database").fetchall()
    for name in (str(row[0]) for row in rows if _NAME.fullmatch(str(row[0]))):
        row = session.execute("SELECT pg_catalog.pg_try_advisory_lock(%s, %s)", [_LOCK_CLASS, _key(name)]).fetchone()
        if row and row[0]:
            drop_database(origin.with_name(name), force=True)
            session.execute("SELECT pg_catalog.pg_advisory_unlock(%s, %s)", [_LOCK_CLASS, _key(name)])


def _with_settings(session: Session, origin: Database, name: str) -> tuple[str, ...]:
    notes = []
    for setting, value in session.execute(_SETTINGS, [origin.name]).fetchall():
        try:
            with session.transaction():
                session.execute("SELECT pg_catalog.set_config(%s, %s, true)", [setting, value])
                session.execute(
                    sql.SQL("ALTER DATABASE {} SET {} FROM CURRENT").format(sql.Identifier(name), sql.Identifier(setting))
                )
        except psycopg.Error as exc:
            notes.append(f"{setting} is not as at the origin: {exc.diag.message_primary or exc}")
    return tuple(notes)
