"""Names that follow a rename: of constraints, indexes, sequences and enum types."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations, ops
from sqlalchemy import CheckConstraint, Enum, ForeignKeyConstraint, Table, UniqueConstraint, inspect, text
from sqlalchemy.exc import DBAPIError

from seachange.revisions._constraint_names import choose_name
from seachange.revisions._enums import is_native_enum, qualified
from seachange.revisions._rename_operations import RenameOp
from seachange.revisions._sentences import flatten, table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

    from seachange.revisions.compare import Comparison

__all__ = ["follow"]

_LONGEST = 63

_SEQUENCES = text("""
select s.relname as name, a.attname as column from pg_catalog.pg_depend d
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
and d.refobjid = to_regclass(:table) order by 1
""")
_INDEX = text("select pg_catalog.pg_get_indexdef(to_regclass(:name))")
_CHECK = text("""
select pg_catalog.pg_get_constraintdef(oid) from pg_catalog.pg_constraint
where contype = 'c' and conname = :name and conrelid = to_regclass(:table)
""")


def follow(comparison: Comparison, renames: Iterable[RenameOp]) -> tuple[RenameOp, ...]:
    """Return the renames that go along with those of tables and columns that were made already.

    What the models name gets their name; what PostgreSQL named gets the name that it would choose now.

    :param comparison: the difference between the models and a database where ``renames`` are made.
    :param renames: of tables and columns.
    """
    past = _Past(tuple(renames))
    connection, metadata = comparison.connection, comparison.metadata
    found: list[RenameOp] = []
    for table in _touched(metadata, past):
        if inspect(connection).has_table(table.name, schema=table.schema):
            found += _of_table(table, past, connection)
    found += _types(metadata, past, connection)
    found += _pairs(comparison)
    taken: set[tuple[str, str | None, str]] = set()
    unique: list[RenameOp] = []
    for rename in found:
        key = (rename.kind, rename.schema, f"{rename.table_name}.{rename.old}")
        if rename.old != rename.new and key not in taken:
            taken.add(key)
            unique.append(rename)
    return tuple(unique)


@dataclasses.dataclass(frozen=True)
class _Past:
    """What tables and columns were called before."""

    renames: tuple[RenameOp, ...]

    def table(self, table: Table) -> str:
        """Return the former name of a table."""
        pairs = {(each.schema, each.new): each.old for each in self.renames if each.kind == "table"}
        return pairs.get((table.schema, table.name), table.name)

    def columns(self, table: Table) -> Mapping[str, str]:
        """Return the former names of renamed columns by their new names."""
        renames = [each for each in self.renames if each.kind == "column" and each.schema == table.schema]
        return {each.new: each.old for each in renames if each.table_name == table.name}

    def touches(self, table: Table) -> bool:
        """Whether the table or one of its columns was renamed."""
        return self.table(table) != table.name or bool(self.columns(table))


def _touched(metadata: MetaData, past: _Past) -> list[Table]:
    """Return renamed tables, and those that refer to them and may be named after them."""
    found = []
    for table in metadata.sorted_tables:
        referred = {key.column.table for key in table.foreign_keys if key.column is not None}
        if past.touches(table) or any(past.touches(other) for other in referred):
            found.append(table)
    return found


def _of_table(table: Table, past: _Past, connection: Connection) -> Iterator[RenameOp]:
    inspector: Any = inspect(connection)
    where: dict[str, Any] = {"schema": table.schema}
    names = _Names(table, past, connection)
    primary = inspector.get_pk_constraint(table.name, **where)
    if primary.get("name"):
        yield from names.constraint(primary["name"], table.primary_key, (), suffix="pkey")
    for unique in inspector.get_unique_constraints(table.name, **where):
        columns = unique["column_names"]
        yield from names.constraint(unique["name"], _unique(table, columns), columns, suffix="key")
    for key in inspector.get_foreign_keys(table.name, **where):
        columns = key["constrained_columns"]
        yield from names.constraint(key["name"], _foreign_key(table, columns, key["referred_table"]), columns, suffix="fkey")
    for check in inspector.get_check_constraints(table.name, **where):
        yield from names.check(check["name"])
    for name, column in connection.execute(_SEQUENCES, {"table": qualified(connection, table.schema or "", table.name)}):
        new = names.chosen(name, (column,), suffix="seq")
        yield RenameOp("sequence", name, new or name, schema=table.schema)


def _unique(table: Table, columns: Sequence[str]) -> UniqueConstraint | None:
    found = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return next((each for each in found if [column.name for column in each.columns] == list(columns)), None)


def _foreign_key(table: Table, columns: Sequence[str], referred: str) -> ForeignKeyConstraint | None:
    for each in table.foreign_key_constraints:
        if [column.name for column in each.columns] == list(columns) and each.referred_table.name == referred:
            return each
    return None


class _Names:
    """New names for what belongs to one table."""

    def __init__(self, table: Table, past: _Past, connection: Connection) -> None:
        self._table = table
        self._former_table = past.table(table)
        self._former_columns = past.columns(table)
        self._connection = connection

    def constraint(self, name: str, declared: Any, columns: Sequence[str], *, suffix: str) -> Iterator[RenameOp]:
        """Return the rename of a constraint: to the name in the models, else to the one that PostgreSQL would choose."""
        preparer: Any = self._connection.dialect.identifier_preparer
        wanted = preparer.format_constraint(declared) if declared is not None and declared.name is not None else None
        new = preparer._unescape_identifier(wanted.strip('"')) if wanted else self.chosen(name, columns, suffix=suffix)
        if new and new != name:
            yield RenameOp("constraint", name, new, table=self._table.name, schema=self._table.schema)

    def check(self, name: str) -> Iterator[RenameOp]:
        """Return the rename of a check that PostgreSQL named and the models do not."""
        declared = {str(each.name) for each in self._table.constraints if isinstance(each, CheckConstraint) and each.name}
        for column in (*self._table.columns.keys(), ""):
            new = self.chosen(name, (column,) if column else (), suffix="check")
            if new and new != name and name not in declared:
                yield RenameOp("constraint", name, new, table=self._table.name, schema=self._table.schema)
                return

    def chosen(self, name: str, columns: Sequence[str], *, suffix: str) -> str:
        """Return the name that PostgreSQL would choose now, if ``name`` is the one that it chose before."""
        before = [self._former_columns.get(column, column) for column in columns]
        if name != _choose(self._former_table, before, suffix=suffix):
            return ""
        return _choose(self._table.name, columns, suffix=suffix)


def _choose(table: str, columns: Sequence[str], *, suffix: str) -> str:
    if columns:
        return choose_name(table, columns, suffix=suffix)
    return f"{table.encode()[: _LONGEST - len(suffix) - 1].decode(errors='ignore')}_{suffix}"


def _types(metadata: MetaData, past: _Past, connection: Connection) -> Iterator[RenameOp]:
    """Return enum types of renamed columns and tables that have another name in the models, and the same labels."""
    inspector: Any = inspect(connection)
    existing = {each["name"] for each in inspector.get_enums()}
    declared = {
        str(kind.name) for table in metadata.tables.values() for column in table.columns if is_native_enum(kind := _kind(column))
    }
    for table in metadata.sorted_tables:
        if not past.touches(table) or not inspector.has_table(table.name, schema=table.schema):
            continue
        for column in inspector.get_columns(table.name, schema=table.schema):
            model = table.columns.get(column["name"])
            old, new = getattr(column["type"], "item_type", column["type"]), _kind(model) if model is not None else None
            if not isinstance(old, Enum) or not is_native_enum(new) or old.schema or getattr(new, "schema", None):
                continue
            before, after = str(old.name), str(getattr(new, "name", ""))
            if before not in declared and after not in existing and list(old.enums) == list(getattr(new, "enums", [])):
                existing.add(after)
                yield RenameOp("type", before, after)


def _kind(column: Any) -> Any:
    return getattr(column.type, "item_type", column.type)


def _pairs(comparison: Comparison) -> Iterator[RenameOp]:
    """Return indexes and checks that are dropped and added with one definition and two names."""
    operations: list[Any] = [each for part in comparison.script.upgrade_ops_list for each in flatten(part.ops)]
    dropped = [each for each in operations if isinstance(each, ops.DropIndexOp) or _is_check(each)]
    added = [each for each in operations if isinstance(each, (ops.CreateIndexOp, ops.CreateCheckConstraintOp))]
    for new in added:
        created = _created(new, comparison)
        for old in dropped:
            same_place = table_of(old) == table_of(new) and isinstance(old, ops.DropIndexOp) == isinstance(new, ops.CreateIndexOp)
            if created and same_place and _definition(old, comparison.connection) == created:
                dropped.remove(old)
                kind: Any = "index" if isinstance(old, ops.DropIndexOp) else "constraint"
                yield RenameOp(
                    kind,
                    _name(old),
                    _name(new),
                    table=old.table_name if kind == "constraint" else "",
                    schema=old.schema,
                )
                break


def _is_check(operation: Any) -> bool:
    return isinstance(operation, ops.DropConstraintOp) and operation.constraint_type == "check"


def _name(operation: Any) -> str:
    return str(getattr(operation, "index_name", None) or operation.constraint_name)


def _created(operation: Any, comparison: Comparison) -> str:
    """Return the definition of what an operation creates, learnt by creating it; nothing when it cannot stand yet."""
    connection, context = comparison.connection, comparison.context.migration_context
    savepoint = connection.begin_nested()
    try:
        Operations(context).invoke(operation)
        return _definition(operation, connection)
    except DBAPIError:
        # It needs a column that is added in the same change: it is new.
        return ""
    finally:
        savepoint.rollback()


def _definition(operation: Any, connection: Connection) -> str:
    schema = operation.schema or ""
    if isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp)):
        found = connection.scalar(_INDEX, {"name": qualified(connection, schema, _name(operation))})
        head, _, tail = str(found or "").partition(" ON ")
        return f"{'UNIQUE ' if ' UNIQUE ' in head else ''}{tail}"
    table = qualified(connection, schema, operation.table_name)
    return str(connection.scalar(_CHECK, {"name": _name(operation), "table": table}) or "")
