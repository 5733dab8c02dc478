"""Server defaults that only seem to differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import literal_column, select

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["drop_false_defaults"]


def drop_false_defaults(operations: list[Any], connection: Connection) -> None:
    """Remove changes of a default that gives another value each time and is the same by its text.

    Alembic asks the server whether both expressions are equal, which two calls of ``gen_random_uuid()`` never are.

    :param operations: operations of Alembic, changed in place.
    :param connection: where to ask whether an expression equals itself.
    """
    for container in operations:
        if isinstance(container, ops.ModifyTableOps):
            container.ops = [operation for operation in container.ops if _still_needed(operation, connection)]
    operations[:] = [part for part in operations if not (isinstance(part, ops.ModifyTableOps) and not part.ops)]


def _still_needed(operation: Any, connection: Connection) -> bool:
    if not isinstance(operation, ops.AlterColumnOp):
        return True
    old = _text(operation.existing_server_default, connection)
    new = _text(operation.modify_server_default, connection)
    if old and new and "(" in old and _plain(old) == _plain(new) and not _stable(old, connection):
        operation.modify_server_default = False
    return bool(operation.has_changes())


def _text(default: Any, connection: Connection) -> str:
    argument = getattr(default, "arg", None)
    if argument is None or isinstance(argument, str):
        return argument or ""
    return str(argument.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))


def _stable(expression: str, connection: Connection) -> bool:
    equal: Any = connection.scalar(select(literal_column(expression) == literal_column(expression)))
    return bool(equal)


def _plain(expression: str) -> str:
    """Return an expression without casts, parentheses, white space and letter case."""
    return re.sub(r"::[\w\s]+(\[\])?|[()\s]", "", expression).lower()
