"""Renames as operations of Alembic: rendered by Alembic's own words where it has them, else as plain SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from alembic.autogenerate import renderers
from alembic.operations.ops import MigrateOperation

from seachange.revisions._enums import qualified
from seachange.revisions._formatting import format_string

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection

__all__ = ["Kind", "RenameOp"]

Kind = Literal["table", "column", "constraint", "index", "sequence", "type"]


class RenameOp(MigrateOperation):
    """One thing gets another name and keeps what it holds.

    :param kind: what it is.
    :param old: its name.
    :param new: its new name.
    :param table: the table of a column or constraint, by its name at that moment.
    :param schema: where it is; None is the default schema.
    """

    def __init__(self, kind: Kind, old: str, new: str, *, table: str = "", schema: str | None = None) -> None:
        self.kind: Kind = kind
        self.old = old
        self.new = new
        self.table_name = table
        self.schema = schema

    def reverse(self) -> RenameOp:
        """Return the operation that undoes it."""
        return RenameOp(self.kind, self.new, self.old, table=self.table_name, schema=self.schema)

    @property
    def sentence(self) -> str:
        """What it does in words."""
        schema = f"{self.schema}." if self.schema else ""
        table = f"{self.table_name}." if self.kind == "column" else ""
        where = f" of {schema}{self.table_name}" if self.kind == "constraint" else ""
        word = "enum type" if self.kind == "type" else self.kind
        return f"rename {word} {'' if where else schema}{table}{self.old}{where} to {self.new}"

    def sql(self, connection: Connection) -> str:
        """Return the statement."""
        quote = connection.dialect.identifier_preparer.quote
        schema = self.schema or ""
        if self.kind in ("column", "constraint"):
            table = qualified(connection, schema, self.table_name)
            return f"ALTER TABLE {table} RENAME {self.kind.upper()} {quote(self.old)} TO {quote(self.new)}"
        return f"ALTER {self.kind.upper()} {qualified(connection, schema, self.old)} RENAME TO {quote(self.new)}"


@renderers.dispatch_for(RenameOp)
def _render(context: AutogenContext, operation: RenameOp) -> str:
    old, new = (format_string(name) for name in (operation.old, operation.new))
    schema = f", schema={format_string(operation.schema)}" if operation.schema else ""
    if operation.kind == "table":
        return f"op.rename_table({old}, {new}{schema})"
    if operation.kind == "column":
        return f"op.alter_column({format_string(operation.table_name)}, {old}, new_column_name={new}{schema})"
    if context.connection is None:
        raise ValueError("a rename is rendered where its dialect is known")
    return f"op.execute({json.dumps(operation.sql(context.connection), ensure_ascii=False)})"
