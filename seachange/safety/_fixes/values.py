"""What the arguments of an operation say, as far as its text alone says it."""

from __future__ import annotations

import ast
import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["Computed", "SqlText", "arguments_of", "function_of", "value_of"]

# The parameters of Alembic's operations that may be given by place.
_PLACES = {
    "add_column": ("table_name", "column"),
    "alter_column": ("table_name", "column_name"),
    "create_check_constraint": ("constraint_name", "table_name", "condition"),
    "create_exclude_constraint": ("constraint_name", "table_name"),
    "create_foreign_key": ("constraint_name", "source_table", "referent_table", "local_cols", "remote_cols"),
    "create_index": ("index_name", "table_name", "columns"),
    "create_primary_key": ("constraint_name", "table_name", "columns"),
    "create_table": ("table_name",),
    "create_unique_constraint": ("constraint_name", "table_name", "columns"),
    "drop_column": ("table_name", "column_name"),
    "drop_constraint": ("constraint_name", "table_name", "type_"),
    "drop_index": ("index_name", "table_name"),
    "drop_table": ("table_name",),
    "execute": ("sqltext",),
    "rename_table": ("old_table_name", "new_table_name"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Computed:
    """A value that is known only when the revision runs; ``code`` is how it is written."""

    code: str


class SqlText(str):
    """SQL that is written as ``sa.text("...")``."""

    __slots__ = ()


def function_of(call: cst.Call) -> str:
    """Return what is called, with dots: ``op.create_index``; empty for anything but names."""
    import libcst as cst

    node, names = call.func, []
    while isinstance(node, cst.Attribute):
        names.append(node.attr.value)
        node = node.value
    return ".".join([node.value, *reversed(names)]) if isinstance(node, cst.Name) else ""


def arguments_of(call: cst.Call, op: str) -> dict[str, Any]:
    """Return the arguments of an operation by the names of its parameters."""
    places = iter(_PLACES.get(op, ()))
    found: dict[str, Any] = {}
    for number, argument in enumerate(call.args):
        name = argument.keyword.value if argument.keyword else "" if argument.star else next(places, "")
        found[name or f"*{number}"] = value_of(argument.value)
    return found


def value_of(node: cst.BaseExpression) -> Any:
    """Return the value of an expression that is written out, a :class:`Computed` for any other."""
    import libcst as cst

    code = cst.Module([]).code_for_node(node)
    if isinstance(node, cst.Call) and len(node.args) == 1 and not node.args[0].keyword:
        inner = value_of(node.args[0].value)
        last = function_of(node).rpartition(".")[2]
        if isinstance(inner, str) and last in ("f", "text"):
            return SqlText(inner) if last == "text" else inner
    if isinstance(node, (cst.List, cst.Tuple)):
        return [value_of(element.value) for element in node.elements]
    try:
        return ast.literal_eval(code)
    except (ValueError, SyntaxError):
        return Computed(code=code)
