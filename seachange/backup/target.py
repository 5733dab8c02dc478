"""The database that a restore makes: under a temporary name until it is whole, then renamed, or swapped for another."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from seachange.backup.contents import Locale
from seachange.backup.preflight import Preflight
from seachange.backup.properties import LAST_RESORT, collation_replaced, locale_options
from seachange.errors import DatabaseExistsError, RestoreFailedError, SeachangeError, StatementFailedError

if TYPE_CHECKING:
    from psycopg import Connection

    from seachange.postgres.connection import Database

__all__ = ["UNFINISHED", "Fresh", "dated", "exists", "new_database", "rename", "swap", "swap_checked"]

log = logging.getLogger(__name__)

UNFINISHED = "seachange_restoring_"
_LONGEST_NAME = 63
_KEY = "hashtextextended(%s, 5426354)"
_IDLE_TIMEOUT_SINCE = 140_000
_LOCALE_REFUSED = ("42809", "22023", "0A000", "42P17")

# Asking to end one session that may not be ended would raise an error and spare the others.
_END_OTHERS = """
    SELECT pg_terminate_backend(a.pid)
    FROM pg_stat_activity a JOIN pg_roles theirs ON theirs.oid = a.usesysid JOIN pg_roles mine ON mine.rolname = current_user
    WHERE a.datname = ANY(%s) AND a.pid <> pg_backend_pid() AND (mine.rolsuper OR NOT theirs.rolsuper
        AND (pg_has_role(theirs.oid, 'MEMBER') OR pg_has_role('pg_signal_backend', 'MEMBER')))
"""


def dated(name: str, word: str, when: datetime.datetime) -> str:
    """Return ``<name>_<word>_<time>``, cut so that PostgreSQL takes it.

    :param name: a database.
    :param word: such as ``restored``.
    :param when: the time.
    """
    ending = f"_{word}_{when.astimezone(datetime.UTC):%Y%m%d_%H%M%S}"
    kept = name.encode()[: _LONGEST_NAME - len(ending)].decode(errors="ignore")
    return kept + ending


def exists(session: Connection[Any], name: str) -> bool:
    """Whether the server has a database of this name.

    :param session: to any database of the server.
    :param name: the name.
    """
    return session.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fresh:
    """A new database; ``notes`` say what could not be as it was, ``removed`` are leftovers of restores that were killed."""

    database: Database
    notes: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@contextlib.contextmanager
def new_database(server: Database, *, plan: Preflight, locale: Locale) -> Iterator[Fresh]:
    """Create an empty database under a temporary name; it is dropped when the block fails.

    :param server: any database of the server.
    :param plan: says who owns it.
    :param locale: its encoding and collation.
    """
    from seachange.postgres.connection import maintenance

    database = server.with_name(UNFINISHED + secrets.token_hex(6))
    with maintenance(database) as session:
        if session.info.server_version >= _IDLE_TIMEOUT_SINCE:
            session.execute("SET idle_session_timeout = 0")
        removed = _sweep(session, server)
        # The lock tells other runs that this database has an owner; it ends with the session, however that ends.
        session.execute(f"SELECT pg_advisory_lock({_KEY})", [database.name])
        notes = _create(database, plan=plan, locale=locale, version=session.info.server_version)
        try:
            yield Fresh(database=database, notes=notes, removed=removed)
        except BaseException:
            _drop(database, force=True)
            raise


def _drop(database: Database, *, force: bool) -> bool:
    from seachange.postgres.connection import drop_database

    try:
        return drop_database(database, force=force)
    except SeachangeError as exc:
        # What made the restore fail says more than this, which the next restore mends.
        log.warning("the unfinished database %s cannot be dropped now: %s", database.name, exc)
        return False


def _create(database: Database, *, plan: Preflight, locale: Locale, version: int) -> tuple[str, ...]:
    """Create the database with its locale, else with the server's, else with the one that suits every encoding."""
    from seachange.postgres.connection import create_database

    for options, instead in locale_options(locale, version=version):
        try:
            create_database(database, template="template0", owner=plan.owner, options=options)
        except StatementFailedError as exc:
            if instead == LAST_RESORT or getattr(exc.__cause__, "sqlstate", None) not in _LOCALE_REFUSED:
                raise
            continue
        return (collation_replaced(locale, instead),) if instead else ()
    raise AssertionError("the last resort returns or raises")


def _sweep(session: Connection[Any], server: Database) -> tuple[str, ...]:
    removed = []
    rows = session.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [UNFINISHED]).fetchall()
    for (name,) in rows:
        row = session.execute(f"SELECT pg_try_advisory_lock({_KEY})", [name]).fetchone()
        if not row or not row[0]:
            continue
        try:
            # Not by force: where somebody is still at work there, it is only its lock that a broken connection took.
            if _drop(server.with_name(name), force=False):
                log.info("database %s was left by a restore that was killed, and is removed", name)
                removed.append(name)
        finally:
            session.execute(f"SELECT pg_advisory_unlock({_KEY})", [name])
    return tuple(removed)


def rename(database: Database, name: str) -> Database:
    """Give a restored database its name.

    :param database: under its temporary name.
    :param name: the name.
    :raises DatabaseExistsError: somebody made a database of that name meanwhile.
    """
    from seachange.postgres.connection import maintenance

    with maintenance(database) as session:
        try:
            session.execute(_rename(database.name, name))
        except psycopg.errors.DuplicateDatabase as exc:
            raise DatabaseExistsError(f"the database {name!r} exists by now", hint="restore under another name") from exc
        except psycopg.Error as exc:
            raise RestoreFailedError(f"the restored database cannot be renamed to {name!r}: {exc}") from exc
    return database.with_name(name)


def swap(database: Database, name: str, *, old_name: str) -> Database:
    """Put a restored database into the place of another one, in one transaction; the other one is kept.

    Sessions of the other database are ended, and new ones wait until it is done.

    :param database: the restored database.
    :param name: the database to replace.
    :param old_name: what that one is called from now on.
    :raises RestoreFailedError: it is still in use; nothing was renamed.
    """
    from seachange.postgres.connection import maintenance

    target = database.with_name(name)
    with maintenance(target) as session, _others_ended(target, database):
        try:
            with session.transaction():
                # Renaming locks the database's name first, which new sessions need too; then it waits five seconds for the
                # others to be gone. So nobody gets in between, and a crash leaves everything as it was.
                session.execute(_rename(name, old_name))
                session.execute(_rename(database.name, name))
        except psycopg.Error as exc:
            detail = exc.diag.message_detail or ""
            raise RestoreFailedError(
                f"{name!r} cannot be replaced: {exc.diag.message_primary or exc} {detail}".strip(),
                hint="close the sessions (and prepared transactions) that use it and try again",
            ) from exc
    return target


def swap_checked(database: Database, name: str, *, old_name: str, check: Callable[[Database], None]) -> Database:
    """Do what :func:`swap` does, and look at the other database in between, when nobody can write into it any more.

    :param database: the restored database.
    :param name: the database to replace.
    :param old_name: what that one is called from now on.
    :param check: called with it under that name; what it raises puts everything back.
    :raises RestoreFailedError: it is still in use; nothing was renamed.
    """
    from seachange.postgres.connection import maintenance

    target, old = database.with_name(name), database.with_name(old_name)
    with maintenance(target) as session:
        with _others_ended(target):
            try:
                session.execute(_rename(name, old_name))
            except psycopg.Error as exc:
                raise RestoreFailedError(
                    f"{name!r} cannot be replaced: {exc.diag.message_primary or exc}",
                    hint="close the sessions (and prepared transactions) that use it and try again",
                ) from exc
        try:
            check(old)
        except BaseException:
            with _others_ended(old):
                session.execute(_rename(old_name, name))
            raise
        with _others_ended(database):
            session.execute(_rename(database.name, name))
    return target


def _rename(name: str, new_name: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(new_name))


@contextlib.contextmanager
def _others_ended(*databases: Database) -> Iterator[None]:
    """End the sessions of databases of one server, again and again until the block is over."""
    over = threading.Event()
    ender = threading.Thread(target=_end_others, args=(databases, over), name="end-sessions", daemon=True)
    ender.start()
    try:
        yield
    finally:
        over.set()
        ender.join(5)


def _end_others(databases: Sequence[Database], over: threading.Event) -> None:
    from seachange.postgres.connection import maintenance

    names = [database.name for database in databases]
    try:
        with maintenance(databases[0]) as session:
            while not over.wait(0.05):
                session.execute(_END_OTHERS, [names])
    except (psycopg.Error, SeachangeError) as exc:
        log.warning("sessions of %s cannot be ended: %s", names[0], exc)
