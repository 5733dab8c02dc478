"""Operations that Alembic has no name for, as SQL that needs nothing of Seachange."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from alembic.autogenerate import renderers
from alembic.operations.ops import MigrateOperation

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext

__all__ = ["PlainSQLOp", "escape_binds", "has_binds", "plain_sql", "render_statement"]

# What text() of SQLAlchemy takes for a parameter: the colons of '[[:alpha:]]' as well.
_BIND = re.compile(r"(?<![:\w\\]):(?=\w)")


class PlainSQLOp(MigrateOperation):
    """SQL statements about one table or other object.

    :param table_name: the table, or empty.
    :param schema: its schema if that is not the default one.
    :param statements: the statements, in order.
    :param does: what they do: ``make column clients.id an identity``.
    :param differs: what they mend: ``clients.id is no identity in the database``.
    :param note: what their author has to know.
    """

    def __init__(
        self,
        table_name: str,
        statements: tuple[str, ...],
        *,
        schema: str | None = None,
        does: str,
        differs: str,
        note: str = "",
        name: str = "",
    ) -> None:
        self.table_name = table_name
        self.schema = schema
        self.statements = statements
        self.does = does
        self.differs = differs
        self.note = note
        self.name = name
        self.back: PlainSQLOp | None = None

    def reverse(self) -> PlainSQLOp:
        """Return what undoes it."""
        if self.back is None:
            raise ValueError(f"nothing undoes: {self.does}")
        return self.back


def plain_sql(
    table_name: str,
    statements: tuple[str, ...],
    back: tuple[str, ...],
    *,
    schema: str | None = None,
    does: str,
    differs: str,
    note: str = "",
    name: str = "",
) -> PlainSQLOp:
    """Return an operation that knows its way back.

    :param back: the statements that undo it.
    :param name: what to call a revision that does nothing else.
    """
    there = PlainSQLOp(table_name, statements, schema=schema, does=does, differs=differs, note=note, name=name)
    there.back = PlainSQLOp(table_name, back, schema=schema, does=f"undo: {does}", differs=differs)
    there.back.back = there
    return there


def has_binds(statement: str) -> bool:
    """Whether SQLAlchemy would see a parameter in a text that has none."""
    return _BIND.search(statement) is not None


def escape_binds(statement: str) -> str:
    """Return a statement for ``op.execute``, its colons kept from being read as parameters."""
    return _BIND.sub(r"\\:", statement)


def render_statement(statement: str) -> str:
    """Return the line that runs a statement."""
    return f"op.execute({json.dumps(escape_binds(statement), ensure_ascii=False)})"


@renderers.dispatch_for(PlainSQLOp)
def _render(context: AutogenContext, operation: PlainSQLOp) -> str:
    del context
    return "\n".join(render_statement(statement) for statement in operation.statements)
