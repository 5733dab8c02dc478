"""Keys by what PostgreSQL says they are: primary keys, exclusions, and what Alembic overlooks of unique and foreign keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from alembic.operations import ops

from seachange.postgres.catalog import Constraint, qualified
from seachange.revisions._plain_sql import plain_sql
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrateOperation

    from seachange.postgres.catalog import Table

__all__ = ["add_constraint", "compare_keys", "constraint_of", "is_told_whole"]

# Words of a definition that reflection loses: what is dropped is put back by its text then.
_LOST = ("DEFERRABLE", "NULLS NOT DISTINCT", "INCLUDE (", "MATCH FULL", "WITHOUT OVERLAPS", "PERIOD ", " SET NULL (", " WITH (")
_KINDS: Mapping[str, Literal["unique_constraint", "foreign_key_constraint"]] = {
    "unique": "unique_constraint",
    "foreign key": "foreign_key_constraint",
}


def compare_keys(
    context: AutogenContext, sides: Sides, metadata: sa.MetaData, *, found: Iterable[Any]
) -> Iterator[tuple[MigrateOperation, MigrateOperation]]:
    """Return for each key that changed what drops it and what adds it.

    :param context: filters what env.py does not want to be looked at.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    :param found: the operations that Alembic found; what they touch is left to them.
    """
    touched = {(each.table_name, each.constraint_name) for each in found if isinstance(each, ops.DropConstraintOp)}
    for table, wanted, present in sides.compared(context, metadata):
        for kind in ("primary key", "unique", "foreign key", "exclusion"):
            for old, new in _changed(_of(present, kind), _of(wanted, kind)):
                if old and (table.name, old.name) in touched:
                    continue
                if kind in _KINDS and not (old and new):
                    continue  # Alembic sees what is new and what is gone
                if _is_wanted(context, table, old or new, kind=kind):
                    yield _replacement(sides, table, (old, new), kind=kind)


def _of(table: Table, kind: str) -> list[Constraint]:
    return [constraint for constraint in table.constraints if constraint.kind == kind]


def _changed(present: list[Constraint], wanted: list[Constraint]) -> Iterator[tuple[Constraint | None, Constraint | None]]:
    """Pair what differs: by name, else by columns; keys that differ in nothing but their names are equal."""
    old = [each for each in present if each.definition not in {other.definition for other in wanted}]
    new = [each for each in wanted if each.definition not in {other.definition for other in present}]
    for each in new:
        same = next((other for other in old if other.name == each.name), None)
        same = same or next((other for other in old if each.columns and other.columns == each.columns), None)
        same = same or (old[0] if old and each.kind == "primary key" else None)
        if same:
            old.remove(same)
        yield same, each
    yield from ((each, None) for each in old)


def _is_wanted(context: AutogenContext, table: sa.Table, key: Constraint | None, *, kind: str) -> bool:
    # Alembic has no filter for primary keys and exclusions.
    constraint = _constraint(table, key) if key and kind in _KINDS else None
    if constraint is None or key is None:
        return True
    return bool(context.run_object_filters(constraint, key.name, _KINDS[kind], False, None))  # noqa: FBT003


def _constraint(table: sa.Table, key: Constraint) -> sa.ForeignKeyConstraint | sa.UniqueConstraint | None:
    from sqlalchemy import ForeignKeyConstraint, UniqueConstraint

    wanted = ForeignKeyConstraint if key.kind == "foreign key" else UniqueConstraint
    for constraint in table.constraints:
        if isinstance(constraint, wanted) and tuple(column.name for column in constraint.columns) == key.columns:
            return constraint
    return None


def _replacement(
    sides: Sides, table: sa.Table, both: tuple[Constraint | None, Constraint | None], *, kind: str
) -> tuple[MigrateOperation, MigrateOperation]:
    old, new = both
    what = f"{kind} constraint {(new or old or _NONE).name} on {table.fullname}"
    name = sides.sql_name(table)
    if old and new:
        differs = f"{what} is {old.definition} in the database, {new.definition} in the models"
    else:
        differs = f"{what} is in the {'models' if new else 'database'}, not in the {'database' if new else 'models'}"
    common: dict[str, Any] = {"schema": table.schema, "differs": differs, "name": f"constrain_{table.name}"}
    drop = [f"ALTER TABLE {name} DROP CONSTRAINT {qualified(old.name)}"] if old else []
    back = [add_constraint(name, old)] if old else []
    add = [add_constraint(name, new)] if new else []
    away = [f"ALTER TABLE {name} DROP CONSTRAINT {qualified(new.name)}"] if new else []
    note = f"upgrade() fails while rows of {table.fullname} violate {new.name}: {new.definition}" if new else ""
    does = f"drop {kind} constraint {old.name} on {table.fullname}" if old else ""
    there = plain_sql(table.name, tuple(drop), tuple(back), does=does, **common)
    made = plain_sql(
        table.name, tuple(add), tuple(away), does=f"add {what}: {new.definition if new else ''}", note=note, **common
    )
    return there, made


_NONE = Constraint(name="", kind="check", definition="")


def add_constraint(table: str, constraint: Constraint) -> str:
    """Return the statement that adds a constraint.

    :param table: the table's name in a statement.
    :param constraint: the constraint.
    """
    suffix = ("" if constraint.validated else " NOT VALID") if constraint.enforced else " NOT ENFORCED"
    return f"ALTER TABLE {table} ADD CONSTRAINT {qualified(constraint.name)} {constraint.definition}{suffix}"


def constraint_of(sides: Sides, operation: ops.DropConstraintOp) -> Constraint | None:
    """Return the constraint of the database that an operation drops."""
    table = sides.actual_table(operation.table_name, operation.schema)
    return next((each for each in (table.constraints if table else ()) if each.name == operation.constraint_name), None)


def is_told_whole(constraint: Constraint) -> bool:
    """Whether Alembic can put a constraint back as it was."""
    return not any(word in constraint.definition for word in _LOST) and constraint.validated and constraint.enforced
