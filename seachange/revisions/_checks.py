"""Check constraints by name: what Alembic compares only on request, and not in all versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from alembic.operations import ops
from sqlalchemy import CheckConstraint, Table, inspect
from sqlalchemy.sql.elements import conv

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection, MetaData
    from sqlalchemy.engine.interfaces import ReflectedCheckConstraint

__all__ = ["compare_checks"]


def compare_checks(context: AutogenContext, connection: Connection, metadata: MetaData) -> Iterator[ops.ModifyTableOps]:
    """Return the named check constraints that only the models or only the database have, table by table.

    Checks without a name are left out on both sides: PostgreSQL names them, the models do not know how.

    :param context: filters what env.py does not want to be looked at.
    :param connection: the database.
    :param metadata: the models.
    """
    existing: dict[Any, list[ReflectedCheckConstraint]] = {}
    for schema in {table.schema for table in metadata.tables.values()}:
        existing |= inspect(connection).get_multi_check_constraints(schema=schema)
    for table in metadata.tables.values():
        found = existing.get((table.schema, table.name))
        if found is None or not context.run_object_filters(table, table.name, "table", False, None):  # noqa: FBT003
            continue
        changes = list(_compare_table(context, found, connection, table=table))
        if changes:
            yield ops.ModifyTableOps(table.name, changes, schema=table.schema)


def _compare_table(
    context: AutogenContext, existing: list[ReflectedCheckConstraint], connection: Connection, *, table: Table
) -> Iterator[ops.MigrateOperation]:
    declared, nameless = _declared(connection, table)
    for found in existing:
        name = str(found["name"])
        if name in declared:
            del declared[name]
        elif nameless and name.startswith(f"{table.name}_") and "check" in name:
            nameless -= 1
        else:
            constraint = CheckConstraint(found["sqltext"], name=conv(name), table=_copy(table))
            if context.run_object_filters(constraint, name, "check_constraint", True, None):  # noqa: FBT003
                yield ops.DropConstraintOp.from_constraint(constraint)
    for name, constraint in declared.items():
        if context.run_object_filters(constraint, name, "check_constraint", False, None):  # noqa: FBT003
            yield ops.AddConstraintOp.from_constraint(constraint)


def _declared(connection: Connection, table: Table) -> tuple[dict[str, CheckConstraint], int]:
    preparer: Any = connection.dialect.identifier_preparer
    named: dict[str, CheckConstraint] = {}
    nameless = 0
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint) and _emitted(constraint, connection):
            name = preparer.format_constraint(constraint) if constraint.name is not None else None
            if name is None:
                nameless += 1
            else:
                named[preparer._unescape_identifier(name.strip('"')) if name.startswith('"') else name] = constraint
    return named, nameless


def _emitted(constraint: CheckConstraint, connection: Connection) -> bool:
    # Boolean and non-native Enum bring constraints that the dialect may not want; _create_rule decides while DDL is compiled.
    rule: Any = getattr(constraint, "_create_rule", None)
    if rule is None or not getattr(constraint, "_type_bound", False):
        return True
    compiler: Any = connection.dialect.ddl_compiler(connection.dialect, cast("Any", None))
    return bool(rule(compiler))


def _copy(table: Table) -> Table:
    from sqlalchemy import MetaData

    return Table(table.name, MetaData(), schema=table.schema)
