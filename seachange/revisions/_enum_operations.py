"""Operations on enum types as Alembic operations: they are rendered as plain SQL that needs nothing of Seachange."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.autogenerate import renderers
from alembic.operations.ops import MigrateOperation

from seachange.revisions._enums import EnumChange, EnumColumn, EnumType, literal, qualified
from seachange.revisions._plain_sql import render_statement

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection

__all__ = ["EnumOp", "enum_operations"]


class EnumOp(MigrateOperation):
    """SQL statements about one enum type.

    :param change: what differs.
    :param statements: the statements, in order.
    :param autocommit: whether they have to run outside a transaction.
    :param comment: why nothing, or something unexpected, is done.
    :param labels_stay: whether they leave labels where they are that they should take away.
    """

    def __init__(
        self,
        change: EnumChange,
        statements: tuple[str, ...],
        *,
        autocommit: bool = False,
        comment: tuple[str, ...] = (),
        labels_stay: bool = False,
    ) -> None:
        self.change = change
        self.labels_stay = labels_stay
        self.statements = statements
        self.autocommit = autocommit
        self.comment = comment


@renderers.dispatch_for(EnumOp)
def _render(context: AutogenContext, operation: EnumOp) -> str:
    del context
    lines = [render_statement(statement) for statement in operation.statements]
    if operation.autocommit:
        lines = ["with op.get_context().autocommit_block():", *(f"    {line}" for line in lines)]
    return "\n".join([*(f"# {line}" for line in operation.comment), *lines])


def enum_operations(connection: Connection, change: EnumChange) -> tuple[EnumOp, EnumOp]:
    """Return what makes the change, and what undoes it."""
    old, new = change.old, change.new
    if old is None and new is not None:
        return EnumOp(change, (_create(connection, new),)), EnumOp(change, (_drop(connection, new),))
    if new is None and old is not None:
        return EnumOp(change, (_drop(connection, old),)), EnumOp(change, (_create(connection, old),))
    if old is None or new is None:
        raise ValueError("an enum type has to be on one side at least")
    if change.added and not change.removed:
        return EnumOp(change, _additions(connection, change, new), autocommit=True), _removal(connection, change, old)
    return EnumOp(change, _swap(connection, change, new)), EnumOp(change, _swap(connection, change, old))


def _additions(connection: Connection, change: EnumChange, new: EnumType) -> tuple[str, ...]:
    name = qualified(connection, new.schema, new.name)
    return tuple(
        f"ALTER TYPE {name} ADD VALUE IF NOT EXISTS {literal(label)} {place}".rstrip() for label, place in change.placements()
    )


def _removal(connection: Connection, change: EnumChange, old: EnumType) -> EnumOp:
    labels = ", ".join(literal(label) for label in change.added)
    if change.fixed:
        comment = (
            "PostgreSQL cannot drop labels, and views, triggers, policies, functions or generated columns need the type",
            "as it is: the labels stay, unused. upgrade() finds them there and goes on.",
        )
        said = literal(f"PostgreSQL cannot drop {labels} of enum type {old}: left there, unused".replace("%", "%%"))
        return EnumOp(change, (f"DO $$ BEGIN RAISE NOTICE {said}; END $$",), comment=comment, labels_stay=True)
    comment = (
        f"PostgreSQL cannot drop labels ({labels}): the type is made anew without them.",
        "A row that uses one of them stops this with an error, and nothing is changed.",
    )
    return EnumOp(change, _swap(connection, change, old), comment=comment)


def _swap(connection: Connection, change: EnumChange, wanted: EnumType) -> tuple[str, ...]:
    quote = connection.dialect.identifier_preparer.quote
    name, away = qualified(connection, wanted.schema, wanted.name), f"{wanted.name[:59]}_old"
    statements = [drop for drop, _ in change.dependents]
    statements += [f"ALTER TYPE {name} RENAME TO {quote(away)}", _create(connection, wanted)]
    for column in change.columns:
        statements += _retype(connection, column, name)
    statements += [f"DROP TYPE {qualified(connection, wanted.schema, away)}"]
    statements += [make for _, make in change.dependents]
    return tuple(statements)


def _retype(connection: Connection, column: EnumColumn, name: str) -> list[str]:
    schema, _, table = column.table.rpartition(".")
    alter = f"ALTER TABLE {qualified(connection, schema, table)} ALTER COLUMN "
    quoted = connection.dialect.identifier_preparer.quote(column.column)
    brackets = "[]" if column.array else ""
    retype = f"{alter}{quoted} TYPE {name}{brackets} USING {quoted}::text{brackets}::{name}{brackets}"
    if not column.default:
        return [retype]
    return [f"{alter}{quoted} DROP DEFAULT", retype, f"{alter}{quoted} SET DEFAULT {column.default}"]


def _create(connection: Connection, enum: EnumType) -> str:
    labels = ", ".join(literal(label) for label in enum.labels)
    return f"CREATE TYPE {qualified(connection, enum.schema, enum.name)} AS ENUM ({labels})"


def _drop(connection: Connection, enum: EnumType) -> str:
    return f"DROP TYPE {qualified(connection, enum.schema, enum.name)}"
