"""Indexes by what PostgreSQL says they are: order, operator classes, INCLUDE, WHERE, method, storage parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from alembic.operations import ops

from seachange.postgres.catalog import qualified
from seachange.revisions._plain_sql import PlainSQLOp, plain_sql
from seachange.revisions._sides import Sides

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrateOperation

    from seachange.postgres.catalog import Index, Table

__all__ = ["compare_indexes", "index_of", "is_plain", "restore_index"]

_NAME = r'(?:[a-z_][\w$]*|"(?:[^"]|"")+")'
# What Alembic's rendering of a reflected index brings back as it was.
_PLAIN = re.compile(rf"CREATE (UNIQUE )?INDEX {_NAME} ON ({_NAME}\.)?{_NAME} USING btree \({_NAME}(, {_NAME})*\)")


def compare_indexes(
    context: AutogenContext, sides: Sides, metadata: sa.MetaData, *, found: list[Any]
) -> Iterator[tuple[MigrateOperation, MigrateOperation]]:
    """Return for each index that changed what drops it and what makes it anew; what only seems to have changed is taken out.

    :param context: filters what env.py does not want to be looked at.
    :param sides: what the models make, and what the database has.
    :param metadata: the models.
    :param found: the operations that Alembic found, changed in place.
    """
    for table, wanted, present in sides.compared(context, metadata):
        there = {index.name: index for index in present.indexes}
        for new in wanted.indexes:
            old = there.get(new.name)
            if old is None:
                continue
            touching = [each for each in found if _touches(each, table, new)]
            if old.definition == new.definition:
                found[:] = [each for each in found if each not in touching]
            elif not touching:
                declared = next((each for each in table.indexes if each.name == new.name), None)
                if declared is None or context.run_object_filters(declared, new.name, "index", False, None):  # noqa: FBT003
                    yield _replacement(sides, table, (old, new), declared=declared)


def _touches(operation: Any, table: sa.Table, index: Index) -> bool:
    return (
        isinstance(operation, (ops.CreateIndexOp, ops.DropIndexOp))
        and operation.index_name == index.name
        and operation.table_name == table.name
    )


def _replacement(
    sides: Sides, table: sa.Table, both: tuple[Index, Index], *, declared: sa.Index | None
) -> tuple[MigrateOperation, MigrateOperation]:
    old, new = both
    what = f"index {old.name} on {table.fullname}"
    differs = f"{what} is {_shown(old)} in the database, {_shown(new)} in the models"
    drop = _drop(sides, table, old, does=f"drop {what}", differs=differs)
    if declared is not None and not _is_unknown(declared):
        return drop, ops.CreateIndexOp.from_index(declared)
    statement = (f"DROP INDEX {_qualified(table, old)}",)
    make = plain_sql(
        table.name,
        (_local(sides, new.definition),),
        statement,
        schema=table.schema,
        does=f"add {what}: {_shown(new)}",
        differs=differs,
        name=f"index_{table.name}",
    )
    return drop, make


def _is_unknown(declared: sa.Index) -> bool:
    # An expression that is no column is rendered as text, in which a colon would be read as a parameter.
    from seachange.revisions._plain_sql import has_binds

    return any(has_binds(str(expression)) for expression in declared.expressions)


def _drop(sides: Sides, table: sa.Table, index: Index, *, does: str, differs: str) -> PlainSQLOp:
    back = (_local(sides, index.definition),)
    drop = (f"DROP INDEX {_qualified(table, index)}",)
    return plain_sql(table.name, drop, back, schema=table.schema, does=does, differs=differs, name=f"index_{table.name}")


def _qualified(table: sa.Table, index: Index) -> str:
    return qualified(table.schema, index.name) if table.schema else qualified(index.name)


def _local(sides: Sides, definition: str) -> str:
    """Return a statement as people write it: without the default schema."""
    return definition.replace(f" ON {qualified(sides.schema)}.", " ON ", 1)


def _shown(index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    return unique + index.definition.partition(" USING ")[2]


def index_of(sides: Sides, operation: ops.DropIndexOp) -> tuple[Table, Index] | None:
    """Return the index of the database that an operation drops, with its table."""
    table = sides.actual_table(str(operation.table_name), operation.schema)
    found = next((each for each in (table.indexes if table else ()) if each.name == operation.index_name), None)
    return (table, found) if table and found else None


def is_plain(index: Index) -> bool:
    """Whether Alembic can make an index again as it was."""
    return _PLAIN.fullmatch(index.definition) is not None


def restore_index(sides: Sides, table: Table, index: Index) -> PlainSQLOp:
    """Return what makes an index again that was dropped."""
    what = f"index {index.name} on {table.name}"
    schema = None if table.schema == sides.schema else table.schema
    return PlainSQLOp(table.name, (_local(sides, index.definition),), schema=schema, does=f"add {what}", differs=what)
