"""Columns by what PostgreSQL says they are: generated, identity, collation, and types that reflection does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from seachange.postgres.catalog import Column, qualified
from seachange.revisions._identities import compare_identity
from seachange.revisions._keys import add_constraint
from seachange.revisions._plain_sql import PlainSQLOp, plain_sql
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection

    from seachange.postgres.catalog import Table

__all__ = ["compare_columns", "leave_generated"]

_SET_EXPRESSION = 17

_DEPENDENTS = text("""
select coalesce(o.conname, c.relname)::text
from pg_catalog.pg_depend d
left join pg_catalog.pg_constraint o on d.classid = 'pg_constraint'::regclass and o.oid = d.objid
left join pg_catalog.pg_class c on d.classid = 'pg_class'::regclass and c.oid = d.objid and c.relkind = 'i'
where d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass(:table)
    and d.refobjsubid = (select attnum from pg_catalog.pg_attribute where attrelid = to_regclass(:table) and attname = :column)
    and (o.oid is not null or c.oid is not null)
""")


def compare_columns(
    context: AutogenContext, sides: Sides, metadata: sa.MetaData, *, retyped: Iterable[tuple[str, str]]
) -> Iterator[PlainSQLOp]:
    """Return what changes columns in ways that Alembic does not know.

    :param context: filters what env.py does not want to be looked at.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    :param retyped: tables and columns whose type Alembic changes.
    """
    known = set(retyped)
    for table, wanted, present in sides.compared(context, metadata):
        for column in table.columns:
            found = sides.columns(column)
            if found and context.run_object_filters(column, column.name, "column", False, None):  # noqa: FBT003
                change = _Change(context, sides, table=table, column=column, tables=(wanted, present), both=found)
                yield from change.operations(retyped=(table.fullname, column.name) in known)


def leave_generated(operations: list[Any], sides: Sides) -> None:
    """Take out of Alembic's changes the defaults of identity and generated columns, which are compared here.

    :param operations: single operations, changed in place.
    :param sides: what the models make, and what the database has.
    """
    from alembic.operations import ops

    for operation in [each for each in operations if isinstance(each, ops.AlterColumnOp)]:
        table = sides.actual_table(operation.table_name, operation.schema)
        other = sides.declared_table(operation.table_name, operation.schema)
        columns = [each for side in (table, other) if side for each in side.columns if each.name == operation.column_name]
        if any(column.identity or column.generated for column in columns):
            operation.modify_server_default = False
            if not operation.has_changes():
                operations.remove(operation)


class _Change:
    """How one column differs."""

    def __init__(
        self,
        context: AutogenContext,
        sides: Sides,
        *,
        table: sa.Table,
        column: sa.Column[Any],
        tables: tuple[Table, Table],
        both: tuple[Column, Column],
    ) -> None:
        connection: Any = context.connection
        self._connection: Connection = connection
        self._sides = sides
        self._table, self._column = table, column
        self._tables = tables
        self._wanted, self._present = both
        self._shown = f"{table.fullname}.{column.name}"
        self._alter = f"ALTER TABLE {sides.sql_name(table)} ALTER COLUMN {qualified(column.name)}"

    def operations(self, *, retyped: bool) -> Iterator[PlainSQLOp]:
        wanted, present = self._wanted, self._present
        if (wanted.generated, wanted.generated and wanted.default) != (present.generated, present.generated and present.default):
            yield self._generated()
        elif wanted.identity or present.identity:
            yield from compare_identity(self._sides, self._table, self._column, tables=self._tables, both=(wanted, present))
        elif not retyped and (wanted.collation != present.collation or self._is_unreadable()):
            yield self._retype()

    def _is_unreadable(self) -> bool:
        # Alembic asks compare_type only for types that SQLAlchemy can read back.
        return self._wanted.type != self._present.type

    def _operation(self, there: Iterable[str], back: Iterable[str], **said: str) -> PlainSQLOp:
        name = f"change_{self._column.name}_of_{self._table.name}"
        return plain_sql(self._table.name, tuple(there), tuple(back), schema=self._table.schema, name=name, **said)

    def _retype(self) -> PlainSQLOp:
        there, back = (
            f"{self._alter} TYPE {each.type}{f' COLLATE {each.collation}' if each.collation else ''}"
            f"{f' USING {qualified(each.name)}::{each.type}' if self._is_unreadable() else ''}"
            for each in (self._wanted, self._present)
        )
        new, old = (
            f"{each.type}{f' COLLATE {each.collation}' if each.collation else ''}" for each in (self._wanted, self._present)
        )
        return self._operation(
            (there,),
            (back,),
            does=f"change the type of {self._shown} from {old} to {new}",
            differs=f"column {self._shown} is {old} in the database, {new} in the models",
            note=f"the type of {self._shown} changes: upgrade() may rewrite the table and its indexes",
        )

    def _generated(self) -> PlainSQLOp:
        wanted, present = self._wanted, self._present
        new, old = (
            f"generated {each.generated} as {each.default}" if each.generated else "not generated" for each in (wanted, present)
        )
        said = {
            "does": f"make {self._shown} {new}",
            "differs": f"column {self._shown} is {old} in the database, {new} in the models",
        }
        if wanted.generated == present.generated and self._sides.actual.major >= _SET_EXPRESSION:
            note = (
                f"the values of {self._shown} are computed anew, which rewrites the table" if wanted.generated == "stored" else ""
            )
            there, back = (f"{self._alter} SET EXPRESSION AS ({each.default})" for each in (wanted, present))
            return self._operation((there,), (back,), note=note, **said)
        kept = self._kept()
        away, again = self._made_anew(wanted, kept), self._made_anew(present, kept)
        if present.generated == "stored" and not wanted.generated:
            return self._operation((f"{self._alter} DROP EXPRESSION", *self._default(wanted)), again, **said)
        note = f"{self._shown} is dropped and made anew as the last column: " + (
            "its values are computed anew" if wanted.generated else "its values go"
        )
        return self._operation(away, again, note=note, **said)

    def _default(self, column: Column) -> Iterator[str]:
        if column.default:
            yield f"{self._alter} SET DEFAULT {column.default}"

    def _made_anew(self, column: Column, kept: tuple[str, ...]) -> tuple[str, ...]:
        table, name = self._sides.sql_name(self._table), qualified(column.name)
        words = [name, column.type]
        words += [f"COLLATE {column.collation}"] if column.collation else []
        if column.generated:
            words.append(f"GENERATED ALWAYS AS ({column.default}) {column.generated.upper()}")
        elif column.default:
            words.append(f"DEFAULT {column.default}")
        words += ["NOT NULL"] if column.not_null else []
        comment = column.comment.replace("'", "''")
        said = [f"COMMENT ON COLUMN {table}.{name} IS '{comment}'"] if comment else []
        return (f"ALTER TABLE {table} DROP COLUMN {name}", f"ALTER TABLE {table} ADD COLUMN {' '.join(words)}", *said, *kept)

    def _kept(self) -> tuple[str, ...]:
        """Return what makes the keys, checks and indexes again that go with the column and that both sides have."""
        table = self._sides.sql_name(self._table)
        parameters = {
            "table": f"{qualified(self._tables[1].schema)}.{qualified(self._tables[1].name)}",
            "column": self._column.name,
        }
        names = set(self._connection.scalars(_DEPENDENTS, parameters))
        wanted, present = self._tables
        made = [add_constraint(table, each) for each in present.constraints if each.name in names and each in wanted.constraints]
        indexes = {each.name: each.definition for each in wanted.indexes}
        made += [each.definition for each in present.indexes if each.name in names and indexes.get(each.name) == each.definition]
        return tuple(made)
