"""Create, copy and drop whole databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg import sql

from seachange.errors import DatabaseExistsError, DatabaseMissingError, OutOfDiskError, SeachangeError, StatementFailedError
from seachange.postgres import interrupt
from seachange.postgres._connect import Session, connect
from seachange.postgres._database import Database
from seachange.postgres.redaction import redact

__all__ = ["clone_database", "create_database", "drop_database", "exists_database", "maintenance"]

_LONGEST_NAME = 63
_FORCE_SINCE = 130_000
_STRATEGY_SINCE = 150_000
_FILE_COPY_FROM_BYTES = 64 * 1024**2


def exists_database(database: Database) -> bool:
    """Whether the database exists, told by connecting to it.

    :raises SeachangeError: the server cannot be asked.
    """
    try:
        connect(database).close()
    except DatabaseMissingError:
        return False
    return True


def create_database(
    database: Database, *, template: str | None = None, owner: str | None = None, options: sql.Composable | None = None
) -> Database:
    """Create the database that ``database`` names.

    :param database: the new database.
    :param template: the database to copy; ``template1`` by default.
    :param owner: its owner; the user of ``database`` by default.
    :param options: further clauses of CREATE DATABASE, such as an encoding.
    :returns: ``database``.
    :raises DatabaseExistsError: there is one of that name.
    :raises OutOfDiskError: the server's disk is full.
    :raises StatementFailedError: the server refuses, for example because the user may not create databases.
    """
    if len(database.name.encode()) > _LONGEST_NAME:
        raise StatementFailedError(
            f"the database name {database.name!r} is longer than {_LONGEST_NAME} bytes", hint="choose a shorter name"
        )
    with maintenance(database) as session, _explained("create", database):
        statement = _create_statement(session, database, template=template, owner=owner)
        session.execute(sql.SQL(" ").join([statement, options]) if options else statement)
    return database


def clone_database(source: Database, name: str) -> Database:
    """Copy a database to a new one on the same server; nobody may be connected to it.

    :param source: the database to copy.
    :param name: the name of the copy.
    :returns: the copy.
    :raises DatabaseExistsError: there is one of that name.
    :raises StatementFailedError: somebody is connected to the source, or the server refuses.
    """
    return create_database(source.with_name(name), template=source.name)


def drop_database(database: Database, *, force: bool = False) -> bool:
    """Drop the database; allowed after an interruption too, for cleaning up.

    :param database: the database to drop.
    :param force: end the sessions that use it.
    :returns: whether there was one.
    :raises StatementFailedError: somebody is connected to it, or the server refuses.
    """
    with interrupt.shielded(), maintenance(database) as session:
        try:
            with _explained("drop", database):
                _drop(session, database.name, force=force)
        except DatabaseMissingError:
            return False
    return True


def _drop(session: Session, name: str, *, force: bool) -> None:
    statement = sql.SQL("drop database {}").format(sql.Identifier(name))
    if force and session.info.server_version >= _FORCE_SINCE:
        statement += sql.SQL(" with (force)")
    elif force:
        session.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
    session.execute(statement)


def _create_statement(session: Session, database: Database, *, template: str | None, owner: str | None) -> sql.Composed:
    parts: list[sql.Composable] = [sql.SQL("create database {}").format(sql.Identifier(database.name))]
    if owner:
        parts.append(sql.SQL("owner {}").format(sql.Identifier(owner)))
    if template:
        parts.append(sql.SQL("template {}").format(sql.Identifier(template)))
        if _copies_files_faster(session, template):
            parts.append(sql.SQL("strategy file_copy"))
    return sql.SQL(" ").join(parts)


def _copies_files_faster(session: Session, template: str) -> bool:
    # 1.1 GB: 1.0 s by FILE_COPY, 3.9 s by WAL_LOG; but FILE_COPY makes two checkpoints, which a small copy is not worth.
    if session.info.server_version < _STRATEGY_SINCE:
        return False
    row = session.execute("select pg_database_size(oid) from pg_database where datname = %s", [template]).fetchone()
    return bool(row and row[0] >= _FILE_COPY_FROM_BYTES)


@contextlib.contextmanager
def maintenance(database: Database) -> Iterator[Session]:
    """Open an autocommit session in a database of the same server that is not this one, to make, rename or drop this one.

    :param database: the database that is worked on.
    """
    names = [name for name in ("postgres", "template1") if name != database.name]
    try:
        session = connect(database.with_name(names[0]), autocommit=True, statement_timeout_ms=0)
    except DatabaseMissingError:
        if len(names) == 1:
            raise
        session = connect(database.with_name(names[1]), autocommit=True, statement_timeout_ms=0)
    with session:
        yield session


@contextlib.contextmanager
def _explained(action: str, database: Database) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as exc:
        raise _failure(action, database, exc) from exc


def _failure(action: str, database: Database, exc: psycopg.Error) -> SeachangeError:
    said = redact(exc.diag.message_primary or str(exc))
    message = f"cannot {action} the database {database.name!r} at {database.redacted}: {said}"
    if isinstance(exc, psycopg.errors.DuplicateDatabase | psycopg.errors.UniqueViolation):
        return DatabaseExistsError(
            f"the database {database.name!r} exists already at {database.redacted}", hint="choose another name"
        )
    if isinstance(exc, psycopg.errors.InvalidCatalogName):
        return DatabaseMissingError(message, hint="check the name")
    if isinstance(exc, psycopg.errors.DiskFull):
        return OutOfDiskError(message, hint="make room on the server's disk")
    if isinstance(exc, psycopg.errors.InsufficientPrivilege):
        return StatementFailedError(message, hint="grant the user what it takes: alter role ... createdb")
    if isinstance(exc, psycopg.errors.ObjectInUse):
        return StatementFailedError(message, hint="close the other sessions and try again", exit_code=6)
    return StatementFailedError(message)
