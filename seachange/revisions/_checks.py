"""Check constraints by what PostgreSQL says they are: their text, whatever the models call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from alembic.operations import ops
from sqlalchemy import CheckConstraint, text
from sqlalchemy.sql.elements import conv

from seachange.postgres.catalog import Constraint, qualified
from seachange.revisions._plain_sql import has_binds, plain_sql
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrateOperation

    from seachange.postgres.catalog import Table

__all__ = ["compare_checks"]


def compare_checks(context: AutogenContext, sides: Sides, metadata: sa.MetaData) -> Iterator[MigrateOperation]:
    """Return what drops and adds check constraints, one that changed being both.

    :param context: filters what env.py does not want to be looked at.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    """
    for table, wanted, present in sides.compared(context, metadata):
        named = _named(context, table)
        gone, new = _unmatched(_checks(present), _checks(wanted), named=frozenset(named))
        for check in gone:
            constraint = CheckConstraint(text(check.definition), name=conv(check.name), table=_copy(table))
            if context.run_object_filters(constraint, check.name, "check_constraint", True, None):  # noqa: FBT003
                yield _drop(sides, table, check)
        taken = {each.name for each in present.constraints} - {each.name for each in gone}
        for check in new:
            declared = named.get(check.name) or CheckConstraint(text(_expression(check)), name=conv(check.name))
            if context.run_object_filters(declared, check.name, "check_constraint", False, None):  # noqa: FBT003
                yield _add(sides, table, check, declared=named.get(check.name), taken=taken)


def _checks(table: Table) -> list[Constraint]:
    return [constraint for constraint in table.constraints if constraint.kind == "check"]


def _unmatched(
    present: list[Constraint], wanted: list[Constraint], *, named: frozenset[str]
) -> tuple[list[Constraint], list[Constraint]]:
    """Return what only one side has: by name and text, and by text alone where the models leave the name open."""
    here = {(each.name, each.definition) for each in wanted}
    there = {(each.name, each.definition) for each in present}
    gone = [each for each in present if (each.name, each.definition) not in here]
    new: list[Constraint] = []
    for each in wanted:
        if (each.name, each.definition) in there:
            continue
        same = next((other for other in gone if each.name not in named and other.definition == each.definition), None)
        if same:
            gone.remove(same)
        else:
            new.append(each)
    return gone, new


def _named(context: AutogenContext, table: sa.Table) -> dict[str, CheckConstraint]:
    """Return the checks that the models name, those of columns and of types included."""
    dialect: Any = context.dialect
    preparer = dialect.identifier_preparer
    of_columns = [constraint for column in table.columns for constraint in column.constraints]
    found: dict[str, CheckConstraint] = {}
    for constraint in (*table.constraints, *of_columns):
        if isinstance(constraint, CheckConstraint) and _is_emitted(constraint, dialect):
            name = preparer.format_constraint(constraint) if constraint.name is not None else None
            if name is not None:
                found[preparer._unescape_identifier(name[1:-1]) if name.startswith('"') else name] = constraint
    return found


def _is_emitted(constraint: CheckConstraint, dialect: Any) -> bool:
    # Boolean and non-native Enum bring constraints that the dialect may not want; _create_rule decides while DDL is compiled.
    rule: Any = getattr(constraint, "_create_rule", None)
    if rule is None or not getattr(constraint, "_type_bound", False):
        return True
    return bool(rule(dialect.ddl_compiler(dialect, cast("Any", None))))


def _copy(table: sa.Table) -> sa.Table:
    from sqlalchemy import MetaData, Table

    return Table(table.name, MetaData(), schema=table.schema)


def _expression(check: Constraint) -> str:
    # CHECK (...) and, for a partitioned table or a parent, NO INHERIT.
    return check.definition.removeprefix("CHECK (").removesuffix(")")


def _drop(sides: Sides, table: sa.Table, check: Constraint) -> MigrateOperation:
    if _is_raw(check):
        return _raw(sides, table, check, dropped=True)
    add = ops.CreateCheckConstraintOp(
        _name(table, check.name, given=None), table.name, text(_expression(check)), schema=table.schema
    )
    return ops.DropConstraintOp(
        _name(table, check.name, given=None), table.name, type_="check", schema=table.schema, _reverse=add
    )


def _add(
    sides: Sides, table: sa.Table, check: Constraint, *, declared: CheckConstraint | None, taken: set[str]
) -> MigrateOperation:
    name = check.name
    number = 1
    while declared is None and name in taken:
        name, number = f"{check.name}{number}", number + 1
    taken.add(name)
    if _is_raw(check):
        return _raw(sides, table, check, dropped=False, name=name)
    source: Any = declared.sqltext if declared is not None else text(_expression(check))
    return ops.CreateCheckConstraintOp(_name(table, name, given=declared), table.name, source, schema=table.schema)


def _name(table: sa.Table, name: str, *, given: CheckConstraint | None) -> str:
    """Mark a name as whole where a naming convention would be applied to it once more."""
    convention = "ck" in (table.metadata.naming_convention or {})
    return conv(name) if convention or (given is not None and isinstance(given.name, conv)) else name


def _is_raw(check: Constraint) -> bool:
    # What Alembic does not render, or renders as something else.
    plain = check.definition.startswith("CHECK (") and check.definition.endswith(")")
    return not plain or has_binds(check.definition) or not check.validated or not check.enforced


def _raw(sides: Sides, table: sa.Table, check: Constraint, *, dropped: bool, name: str = "") -> MigrateOperation:
    shown = qualified(name or check.name)
    suffix = ("" if check.validated else " NOT VALID") if check.enforced else " NOT ENFORCED"
    add = (f"ALTER TABLE {sides.sql_name(table)} ADD CONSTRAINT {shown} {check.definition}{suffix}",)
    drop = (f"ALTER TABLE {sides.sql_name(table)} DROP CONSTRAINT {shown}",)
    what = f"check constraint {name or check.name} on {table.fullname}"
    return plain_sql(
        table.name,
        drop if dropped else add,
        add if dropped else drop,
        schema=table.schema,
        does=f"{'drop' if dropped else 'add'} {what}",
        differs=f"{what} is in the {'database' if dropped else 'models'}, not in the {'models' if dropped else 'database'}",
        name=f"{'drop_constraint_of' if dropped else 'constrain'}_{table.name}",
    )
