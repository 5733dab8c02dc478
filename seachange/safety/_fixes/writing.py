"""Python written into revisions: calls, texts and blocks, laid out as `ruff format` and `black` would."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["autocommit", "call", "edited", "execute", "script", "text"]

_BLOCK = "with op.get_context().autocommit_block():\n    pass\n"
_STEP = "    "
# sqlalchemy.sql.elements.TextClause: what it takes for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\x5c]):(\w+)(?!:)")


def text(value: str) -> str:
    """Return a string of Python in double quotes, or in single ones where that saves backslashes."""
    if not value.isprintable():
        return repr(value)
    body = value.replace("\\", "\\\\")
    if value.count('"') > value.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'


def call(function: str, arguments: Iterable[str], *, width: int) -> str:
    """Return a call as a statement: on one line if it fits there, indented by one step."""
    parts = list(arguments)
    line = f"{function}({', '.join(parts)})"
    if len(line) + len(_STEP) <= width and "\n" not in line:
        return line
    joined = ", ".join(parts)
    if len(joined) + 2 * len(_STEP) <= width and "\n" not in joined:
        return f"{function}(\n{_STEP}{joined}\n)"
    return "\n".join([f"{function}(", *(f"{_STEP}{part}," for part in parts), ")"])


def execute(sql: str, *, width: int) -> str:
    """Return ``op.execute`` of one statement, broken between words where it is long."""
    safe = _PARAMETER.sub(r"\\:\1", sql)
    if len(f"op.execute({text(safe)})") + len(_STEP) <= width:
        return f"op.execute({text(safe)})"
    room = width - 2 * len(_STEP) - 2
    pieces = textwrap.wrap(safe, room, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["op.execute(", *(f"{_STEP}{text(piece)}" for piece in pieces), ")"])


def script(sql: str) -> str:
    """Return ``op.execute`` of a statement on several lines."""
    escaped = _PARAMETER.sub(r"\\:\1", sql).replace("\\", "\\\\")
    body = textwrap.indent(escaped, 2 * _STEP)
    return f'op.execute(\n{_STEP}"""\n{body}\n{2 * _STEP}"""\n)'


def autocommit(statements: Iterable[str]) -> str:
    """Return statements in a block that runs each outside of a transaction."""
    import libcst as cst

    block = cst.parse_module(_BLOCK).body[0]
    body = cst.parse_module("\n".join(statements) + "\n").body
    made = block.with_deep_changes(block, body=cst.IndentedBlock(body))
    return cst.Module([made]).code.rstrip("\n")


def edited(node: cst.Call, *, add: Mapping[str, str], without: Collection[str] = (), width: int) -> str:
    """Return a call with arguments by name added or left out, in the layout that it has.

    :param node: the call.
    :param add: code by name; one that is there already is replaced in its place.
    :param without: names to leave out.
    :param width: the longest line; a call on one line that grows beyond it is broken.
    """
    import libcst as cst

    arguments = [each for each in node.args if not (each.keyword and each.keyword.value in without)]
    for name, code in add.items():
        place = next((at for at, each in enumerate(arguments) if each.keyword and each.keyword.value == name), None)
        if place is not None:
            arguments[place] = arguments[place].with_changes(value=cst.parse_expression(code))
        else:
            arguments = _appended(node, arguments, _argument(name, code))
    if arguments and len(arguments) < len(node.args):
        arguments[-1] = arguments[-1].with_changes(comma=node.args[-1].comma)
    code = cst.Module([]).code_for_node(node.with_changes(args=arguments))
    if "\n" in code or len(code) + len(_STEP) <= width:
        return code
    plain = [cst.Module([]).code_for_node(each.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for each in arguments]
    return call(cst.Module([]).code_for_node(node.func), plain, width=width)


def _argument(name: str, code: str) -> cst.Arg:
    import libcst as cst

    no_space = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))
    return cst.Arg(keyword=cst.Name(name), value=cst.parse_expression(code), equal=no_space)


def _appended(node: cst.Call, arguments: list[cst.Arg], made: cst.Arg) -> list[cst.Arg]:
    import libcst as cst

    if not arguments:
        return [made]
    last = arguments[-1]
    made = made.with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg)
    between = next((each.comma for each in arguments[:-1] if isinstance(each.comma, cst.Comma)), None)
    if between is None:
        after = node.whitespace_before_args
        spaced = isinstance(after, cst.ParenthesizedWhitespace)
        between = cst.Comma(whitespace_after=after if spaced else cst.SimpleWhitespace(" "))
    ending = last.comma.whitespace_after if isinstance(last.comma, cst.Comma) else None
    if isinstance(ending, cst.ParenthesizedWhitespace) and ending.first_line.comment:
        # A comment behind the last argument stays there.
        inner = node.whitespace_before_args
        indent = inner.last_line if isinstance(inner, cst.ParenthesizedWhitespace) else ending.last_line
        between = cst.Comma(whitespace_after=ending.with_changes(last_line=indent))
        bare = ending.with_changes(first_line=cst.TrailingWhitespace(newline=ending.first_line.newline))
        made = made.with_changes(comma=cst.Comma(whitespace_after=bare))
    return [*arguments[:-1], last.with_changes(comma=between, whitespace_after_arg=cst.SimpleWhitespace("")), made]
