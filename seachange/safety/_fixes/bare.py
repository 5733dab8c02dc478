"""A column without what would make the server work on its rows: no default that is computed, no constraint, no index."""

from __future__ import annotations

from seachange.postgres.catalog import Column, qualified
from seachange.safety._fixes.source import Statement
from seachange.safety._fixes.steps import NotFixableError
from seachange.safety._fixes.writing import call, execute, text

__all__ = ["bare_column"]

_GIVEN_LATER = {"unique", "index", "primary_key", "autoincrement", "default"}


def bare_column(statement: Statement, column: Column, *, filled: bool, width: int) -> str:
    """Return ``op.add_column`` for the plain column.

    :param statement: the operation, of Alembic or in SQL.
    :param column: the column as it will be.
    :param filled: whether its value is computed for each row later, so that it can be NULL until then.
    :param width: the longest line.
    :raises NotFixableError: the column is not written out.
    """
    if statement.sql:
        target = qualified(*filter(None, (statement.schema, statement.table)))
        words = f"ALTER TABLE {target} ADD COLUMN {qualified(column.name)} {column.type}"
        if not filled:
            words += f" DEFAULT {column.default}" if column.default else ""
            words += " NOT NULL" if column.not_null else ""
        return execute(words, width=width)
    arguments = [text(statement.table), _column(statement, filled=filled)]
    arguments += [f"schema={text(statement.schema)}"] if statement.schema else []
    return call("op.add_column", arguments, width=width)


def _column(statement: Statement, *, filled: bool) -> str:
    import libcst as cst

    inner = statement.call.args[1].value if statement.call is not None and len(statement.call.args) > 1 else None
    if not isinstance(inner, cst.Call) or len(inner.args) < 2 or inner.args[1].keyword:
        raise NotFixableError("the column is not written out as sa.Column(name, type, ...)", manual="write it out like this")
    bare = cst.Module([])
    left_out = _GIVEN_LATER | ({"server_default", "nullable"} if filled else set())
    named = {each.keyword.value: bare.code_for_node(each.value) for each in inner.args if each.keyword}
    parts = [bare.code_for_node(each.value) for each in inner.args[:2]]
    parts += [f"{name}={code}" for name, code in named.items() if name not in left_out]
    parts += ["nullable=True"] if filled else []
    return f"{bare.code_for_node(inner.func)}({', '.join(parts)})"
