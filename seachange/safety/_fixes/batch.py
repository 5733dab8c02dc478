"""Operations inside of ``batch_alter_table``, as those that they amount to outside of it."""

from __future__ import annotations

import re
from typing import Any

from seachange.safety._fixes.values import function_of, value_of

__all__ = ["unbatched"]

# Where the table stands among the arguments of the operation outside of a batch.
_PLACES = {
    "add_column": 0,
    "alter_column": 0,
    "create_check_constraint": 1,
    "create_exclude_constraint": 1,
    "create_foreign_key": 1,
    "create_index": 1,
    "create_primary_key": 1,
    "create_unique_constraint": 1,
    "drop_column": 0,
    "drop_constraint": 1,
    "drop_index": 1,
}


def unbatched(node: Any) -> list[Any]:
    """Return the statements of a batch as plain operations; the statement itself where it is no batch, or does more.

    :param node: a statement of a revision.
    """
    import libcst as cst

    if not isinstance(node, cst.With) or len(node.items) != 1 or not isinstance(node.items[0].item, cst.Call):
        return [node]
    opening, name = node.items[0].item, node.items[0].asname
    if function_of(opening) != "op.batch_alter_table" or name is None or not isinstance(name.name, cst.Name):
        return [node]
    table, schema, more = _about(opening)
    found = [_plain(each, name.name.value, table=table, schema=schema) for each in node.body.body]
    if more or table is None or any(each is None for each in found):
        return [node]
    found[0] = found[0].with_changes(leading_lines=[*node.leading_lines, *found[0].leading_lines])
    return found


def _about(opening: Any) -> tuple[Any, Any, bool]:
    """Return the code of the table and of the schema, and whether the batch is told more than these."""
    table, schema, more = None, None, False
    for number, argument in enumerate(opening.args):
        name = argument.keyword.value if argument.keyword else ("table_name", "schema")[number] if number < 2 else ""
        if name == "table_name":
            table = argument.value
        elif name == "schema":
            schema = None if value_of(argument.value) is None else argument.value
        else:
            more = True
    return table, schema, more


def _plain(node: Any, batch: str, *, table: Any, schema: Any) -> Any:
    import libcst as cst

    simple = isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1 and isinstance(node.body[0], cst.Expr)
    call = node.body[0].value if simple else None
    if not isinstance(call, cst.Call):
        return None
    owner, _, op = function_of(call).rpartition(".")
    if owner != batch or op not in _PLACES or len([each for each in call.args if not each.keyword]) < _PLACES[op]:
        return None
    at = _PLACES[op]
    between = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    arguments = [each.with_changes(comma=between) for each in call.args[:at]]
    rest = list(call.args[at:])
    arguments.append(cst.Arg(value=table, comma=between if rest or schema else cst.MaybeSentinel.DEFAULT))
    if schema is not None:
        equal = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))
        rest += [cst.Arg(keyword=cst.Name("schema"), value=schema, equal=equal)]
    made = call.with_changes(func=cst.Attribute(value=cst.Name("op"), attr=cst.Name(op)), args=[*arguments, *rest])
    code = re.sub(rf"\b{re.escape(batch)}\.f\(", "op.f(", cst.Module([]).code_for_node(made))
    plain = cst.parse_statement(code)
    return plain.with_changes(leading_lines=node.leading_lines, trailing_whitespace=node.trailing_whitespace)
