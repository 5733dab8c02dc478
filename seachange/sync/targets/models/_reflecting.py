"""The tables as SQLAlchemy reflects them and as our own reading knows them, from one moment of the database."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from seachange.sync.model import Schema, Sequence, Table
from seachange.sync.reading import read_schema
from seachange.sync.targets.models._job import Job

__all__ = ["Found", "reflect"]

# Keys that match no constraint: by the default convention an index ix_table_column would lose all but its column.
_NO_CONVENTION = {"none": "none"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What is to be described, by SQLAlchemy in ``metadata``, by us in ``schema``, whose ``tables`` are by schema and name.

    ``default_schema`` is None to SQLAlchemy; ``connection`` is at the moment that all of it is from.
    """

    connection: sa.Connection
    metadata: sa.MetaData
    schema: Schema
    tables: Mapping[tuple[str, str], Table]
    default_schema: str

    @functools.cached_property
    def sequences(self) -> Mapping[str, Sequence]:
        """The sequences by their qualified names."""
        return {one.qualified: one for one in self.schema.sequences}

    def table(self, table: sa.Table) -> Table:
        """Return what we know of a table of SQLAlchemy's."""
        return self.tables[table.schema or self.default_schema, table.name]

    def schema_of(self, name: str) -> str | None:
        """Return a schema as SQLAlchemy wants it."""
        return None if name == self.default_schema else name


def reflect(connection: sa.Connection, job: Job) -> Found:
    """Read the tables of the job, and those that their foreign keys refer to.

    :param connection: fresh; afterwards in a read-only transaction at the job's snapshot.
    :param job: tables and snapshot.
    """
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    if job.snapshot:
        literal = job.snapshot.replace("'", "''")
        connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{literal}'")
    driver: Any = connection.connection.driver_connection
    schema, _ = read_schema(driver)
    tables = {table.key: table for table in schema.tables}
    default = str(connection.dialect.default_schema_name)
    metadata = sa.MetaData(naming_convention=_NO_CONVENTION)
    for name, only in _by_schema(_with_referred(job.tables, tables)).items():
        metadata.reflect(connection, schema=None if name == default else name, only=only, resolve_fks=False)
    for table in metadata.tables.values():
        _drop_copies(table, tables[table.schema or default, table.name])
    return Found(connection=connection, metadata=metadata, schema=schema, tables=tables, default_schema=default)


def _drop_copies(table: sa.Table, known: Table) -> None:
    # A foreign key to a partitioned table has a copy for each partition, which SQLAlchemy reflects too.
    names = {one.name for one in known.foreign_keys}
    for constraint in table.foreign_key_constraints:
        if constraint.name not in names:
            table.constraints.discard(constraint)
            for element in constraint.elements:
                element.parent.foreign_keys.discard(element)
                table.foreign_keys.discard(element)


def _with_referred(keys: Iterable[tuple[str, str]], tables: Mapping[tuple[str, str], Table]) -> set[tuple[str, str]]:
    # As sqlacodegen does it: a foreign key to a table that is missing keeps all models from being configured.
    found: set[tuple[str, str]] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        table = tables.get(key)
        if key in found or table is None:
            continue
        found.add(key)
        waiting += [foreign_key.references for foreign_key in table.foreign_keys]
    return found


def _by_schema(keys: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for schema, name in sorted(keys):
        found.setdefault(schema, []).append(name)
    return found
