"""What the models make on a real server: PostgreSQL's own words for every check, default, index and constraint of theirs."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.redaction import redact

if TYPE_CHECKING:
    import sqlalchemy as sa
    from sqlalchemy import Connection, MetaData, Table

    from seachange.postgres.catalog import Catalog
    from seachange.postgres.shadow import Shadow

__all__ = ["Declared", "declare", "declare_on", "read"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """The catalogue of the models' tables; ``failed`` says of tables that could not be made why not."""

    catalog: Catalog
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sequences: tuple[sa.Sequence, ...] = ()


def declare_on(shadow: Shadow, metadata: MetaData) -> Declared:
    """Make the models' tables on a copy of the shadow, read what they became, and drop the copy.

    :param shadow: a server of our own, at the state whose types, functions and extensions the models need.
    :param metadata: what the models declare.
    """
    from seachange.postgres.connection import drop_database, engine

    database = shadow.clone()
    opened = engine(database)
    try:
        with opened.connect() as connection:
            return declare(connection, metadata)
    finally:
        opened.dispose()
        drop_database(database, force=True)


def declare(connection: Connection, metadata: MetaData) -> Declared:
    """Make the models' tables in place of those that are there, read what they became, and take all of it back.

    :param connection: a throwaway database: for the time of the call tables are gone, and locked, for everybody else.
    :param metadata: what the models declare.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    with _taken_back(connection):
        _clear(connection, metadata)
        failed: dict[str, str] = {}
        try:
            with connection.begin_nested(), _quiet(), _named_keys(metadata):
                metadata.create_all(connection)
        except (DBAPIError, SQLAlchemyError):
            failed = _one_by_one(connection, metadata)
        return Declared(catalog=read(connection, metadata), failed=failed, sequences=tuple(metadata._sequences.values()))


def read(connection: Connection, metadata: MetaData) -> Catalog:
    """Read the catalogue of the schemas that the models have tables in.

    :param connection: any database; nothing is changed.
    :param metadata: what the models declare.
    """
    from seachange.postgres.catalog import read_catalog

    schemas = {table.schema for table in metadata.tables.values()} | {None}
    default = str(connection.dialect.default_schema_name)
    driver: Any = connection.connection.driver_connection
    return read_catalog(driver, schemas=sorted(schema or default for schema in schemas))


@contextlib.contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    begun = not connection.in_transaction()
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        if begun:
            connection.rollback()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # What SQLAlchemy has to say about the models it says again when Alembic compares them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _named_keys(metadata: MetaData) -> Iterator[None]:
    """Give foreign keys the names that PostgreSQL would, without which SQLAlchemy does not create a circle of tables."""
    from seachange.revisions._constraint_names import choose_name

    nameless = [
        key
        for table in metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.name is None and not key.use_alter
    ]
    for key in nameless:
        key.name = choose_name(key.table.name, [column.name for column in key.columns], suffix="fkey")
    try:
        yield
    finally:
        for key in nameless:
            key.name = None


def _clear(connection: Connection, metadata: MetaData) -> None:
    """Drop what the models make, views and keys that need it included; types stay while nothing about them differs."""
    from sqlalchemy import inspect, text

    quote = connection.dialect.identifier_preparer.quote
    default = str(connection.dialect.default_schema_name)
    inspector = inspect(connection)
    schemas = {table.schema or default for table in metadata.tables.values()}
    for schema in sorted(schemas - set(inspector.get_schema_names())):
        connection.execute(text(f"CREATE SCHEMA {quote(schema)}"))
    there = {(schema, name) for schema in schemas for name in inspector.get_table_names(schema=schema)}
    tables = {(table.schema or default, table.name) for table in metadata.tables.values()} & there
    doomed = [("TABLE", schema, name) for schema, name in sorted(tables)]
    doomed += [("SEQUENCE", each.schema or default, each.name) for each in metadata._sequences.values()]
    doomed += [("TYPE", schema, name) for schema, name in _changed_types(connection, metadata)]
    for kind, schema, name in doomed:
        connection.execute(text(f"DROP {kind} IF EXISTS {quote(schema)}.{quote(name)} CASCADE"))


def _changed_types(connection: Connection, metadata: MetaData) -> Iterator[tuple[str, str]]:
    from seachange.revisions._enums import compare_enums

    for change in compare_enums(connection, metadata, schemas={None, *(table.schema for table in metadata.tables.values())}):
        if change.old is not None:
            yield change.old.schema or str(connection.dialect.default_schema_name), change.old.name


def _one_by_one(connection: Connection, metadata: MetaData) -> dict[str, str]:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    failed: dict[str, str] = {}
    with _quiet():
        for table in metadata.sorted_tables:
            try:
                with connection.begin_nested():
                    _create(connection, table)
            except DBAPIError as exc:
                failed[table.fullname] = redact(str(exc.orig).splitlines()[0])
            except SQLAlchemyError as exc:
                failed[table.fullname] = redact(str(exc).splitlines()[0])
    return failed


def _create(connection: Connection, table: Table) -> None:
    table.create(connection, checkfirst=False)
