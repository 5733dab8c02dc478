"""The two sides of a comparison, as PostgreSQL says them: what the models make, and what the database has."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres.catalog import Catalog, Column, Table, qualified
from seachange.revisions.declared import Declared

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from alembic.runtime.migration import MigrationContext

__all__ = ["Sides", "is_serial"]

_CALL = re.compile(r'([a-z_][\w$]*|"(?:[^"]|"")+")\s*\(')
_NEXT = re.compile(r"nextval\('(.+)'::regclass\)")

_VOLATILE = "select exists (select from pg_catalog.pg_proc where proname = any (:names) and provolatile = 'v')"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sides:
    """Both catalogues; ``schema`` is the default one."""

    declared: Declared
    actual: Catalog
    schema: str

    @functools.cached_property
    def _tables(self) -> tuple[Mapping[tuple[str, str], Table], Mapping[tuple[str, str], Table]]:
        wanted, present = (
            {(table.schema, table.name): table for table in catalog.tables} for catalog in (self.declared.catalog, self.actual)
        )
        return wanted, present

    def tables(self, table: sa.Table) -> tuple[Table, Table] | None:
        """Return what a table of the models is on both sides, unless one of them has none."""
        if table.fullname in self.declared.failed:
            return None
        key = (table.schema or self.schema, table.name)
        wanted, present = (side.get(key) for side in self._tables)
        return (wanted, present) if wanted and present else None

    @property
    def known(self) -> frozenset[str]:
        """The tables of the database by the names that the models give them."""
        return frozenset(
            table.name if table.schema == self.schema else f"{table.schema}.{table.name}" for table in self.actual.tables
        )

    def actual_table(self, name: str, schema: str | None) -> Table | None:
        """Return a table of the database."""
        return self._tables[1].get((schema or self.schema, name))

    def declared_table(self, name: str, schema: str | None) -> Table | None:
        """Return a table of the models."""
        return self._tables[0].get((schema or self.schema, name))

    def columns(self, column: sa.Column[Any]) -> tuple[Column, Column] | None:
        """Return what a column of the models is on both sides, unless one of them has none."""
        tables = self.tables(column.table)
        found = [next((each for each in table.columns if each.name == column.name), None) for table in tables or ()]
        return (found[0], found[1]) if len(found) == 2 and found[0] and found[1] else None

    def compared(self, context: AutogenContext, metadata: sa.MetaData) -> Iterator[tuple[sa.Table, Table, Table]]:
        """Return the tables that both sides have and that env.py wants to be looked at, by name."""
        for key in sorted(metadata.tables):
            table = metadata.tables[key]
            found = self.tables(table)
            if found and context.run_object_filters(table, table.name, "table", False, None):  # noqa: FBT003
                yield table, *found

    def sql_name(self, table: sa.Table | Table) -> str:
        """Return a table's name for a statement, with its schema if that is not the default one."""
        schema = table.schema
        return qualified(table.name) if schema in (None, self.schema) else qualified(str(schema), table.name)

    def differ_in_type(self, _: MigrationContext, __: Any, column: sa.Column[Any], *___: Any) -> bool | None:
        """Answer ``compare_type`` of Alembic; None leaves it to Alembic."""
        found = self.columns(column)
        return found[0].type != found[1].type if found else None

    def differ_in_default(self, context: MigrationContext, column: sa.Column[Any]) -> bool | None:
        """Return whether a default has another value; None leaves the answer to Alembic."""
        found = self.columns(column)
        if found is None:
            return None
        wanted, present = found
        if _is_generated(wanted) or _is_generated(present) or wanted.default == present.default:
            return False
        if column.server_default is None and is_serial(self.declared.catalog, column, wanted, schema=self.schema):
            return False
        return not (wanted.default and present.default and _are_equal(context, wanted, present))


def is_serial(catalog: Catalog, column: sa.Column[Any], found: Column, *, schema: str) -> bool:
    """Whether the default of a column is the next number of a sequence that goes with it."""
    owner = f"{qualified(column.table.schema or schema, column.table.name)}.{qualified(column.name)}"
    named = _NEXT.fullmatch(found.default)
    return bool(named) and any(
        each.owned_by == owner and named is not None and each.qualified == named[1] for each in catalog.sequences
    )


def _is_generated(column: Column) -> bool:
    return bool(column.generated or column.identity)


def _are_equal(context: MigrationContext, wanted: Column, present: Column) -> bool:
    """Ask for the values of two defaults, unless evaluating them does something or gives another value each time."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    from seachange.revisions._plain_sql import escape_binds

    connection = context.connection
    if connection is None or wanted.type != present.type:
        return False
    names = [name.strip('"') for each in (wanted, present) for name in _CALL.findall(each.default)]
    if connection.scalar(text(_VOLATILE), {"names": names}):
        return False
    one, other = (f"(({each.default})::{each.type})::text" for each in (wanted, present))
    query = f"select {one} is not distinct from {other}"  # noqa: S608
    try:
        with connection.begin_nested():
            return bool(connection.scalar(text(escape_binds(query))))
    except DBAPIError:
        return False
