"""Lay out generated statements as `ruff format` and `black` would, without needing them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Iterator
from typing import TypeGuard

__all__ = ["format_body", "format_string"]

_STEP = 4


def format_body(source: str, *, width: int) -> str:
    """Return the statements of a function body, indented by one step.

    Comments keep their place; what cannot be parsed stays as it is.

    :param source: statements at the left margin, with whole lines of comment between them.
    :param width: the longest line.
    """
    lines: list[str] = []
    code: list[str] = []
    for line in [*source.splitlines(), "#"]:
        if line.startswith("#"):
            lines += _format_code("\n".join(code), width)
            code = []
            lines += [" " * _STEP + line.rstrip()] if line != "#" else []
        else:
            code.append(line)
    return "\n".join(lines)


def _format_code(code: str, width: int) -> list[str]:
    if not code.strip():
        return []
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return [" " * _STEP + line for line in code.splitlines()]
    return [line for statement in body for line in _statement(statement, _STEP, width)]


def _statement(node: ast.stmt, indent: int, width: int) -> Iterator[str]:
    margin = " " * indent
    if isinstance(node, ast.With) and len(node.items) == 1 and node.items[0].optional_vars is None:
        yield f"{margin}with {_flat(node.items[0].context_expr)}:"
        for inner in node.body:
            yield from _statement(inner, indent + _STEP, width)
    elif isinstance(node, ast.Expr):
        yield from _layout(node.value, indent, before="", after="", width=width)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield from _layout(node.value, indent, before=f"{_flat(node.targets[0])} = ", after="", width=width)
    else:
        yield from (margin + line for line in ast.unparse(node).splitlines())


def _layout(node: ast.expr, indent: int, *, before: str, after: str, width: int) -> Iterator[str]:
    """Return the lines of an expression between two texts: one line if it fits, else split at its outer brackets."""
    margin = " " * indent
    line = f"{margin}{before}{_flat(node)}{after}"
    brackets = _brackets(node)
    if len(line) > width and before.endswith("=") and isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _parenthesised(node.value, indent, before=before, after=after, width=width)
        return
    if len(line) <= width or brackets is None:
        yield line
        return
    if _is_lone_text(node) and indent + _STEP + len(_flat(node.args[0])) > width:
        yield from _wrapped(node, indent, before=before, after=after, width=width)
        return
    opening, parts, closing = brackets
    yield f"{margin}{before}{opening}"
    joined = " " * (indent + _STEP) + ", ".join(prefix + _flat(part) for prefix, part in parts)
    # A call tries all its arguments on one line first; a list goes one by one at once.
    if isinstance(node, ast.Call) and len(joined) <= width:
        yield joined
    else:
        for prefix, part in parts:
            comma = "" if isinstance(part, ast.Starred) and len(parts) == 1 else ","
            yield from _layout(part, indent + _STEP, before=prefix, after=comma, width=width)
    yield f"{margin}{closing}{after}"


def _is_lone_text(node: ast.expr) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords and _is_text(node.args[0])


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _wrapped(node: ast.Call, indent: int, *, before: str, after: str, width: int) -> Iterator[str]:
    """Break the only argument of a call, a long text, between words into texts that Python puts together again."""
    yield f"{' ' * indent}{before}{_flat(node.func)}("
    yield from _pieces(ast.literal_eval(node.args[0]), indent + _STEP, width)
    yield f"{' ' * indent}){after}"


def _parenthesised(text: str, indent: int, *, before: str, after: str, width: int) -> Iterator[str]:
    """Break a long text that is an argument by name; each of its own lines begins a new one."""
    yield f"{' ' * indent}{before}("
    for line in text.splitlines(keepends=True):
        yield from _pieces(line, indent + _STEP, width)
    yield f"{' ' * indent}){after}"


def _pieces(text: str, indent: int, width: int) -> Iterator[str]:
    wrapper = textwrap.TextWrapper(
        width=width - indent - 2,
        expand_tabs=False,
        replace_whitespace=False,
        drop_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for part in wrapper.wrap(text):
        yield f"{' ' * indent}{format_string(part)}"


_Parts = list[tuple[str, ast.expr]]


def _brackets(node: ast.expr) -> tuple[str, _Parts, str] | None:
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        named = [(f"{keyword.arg}=" if keyword.arg else "**", keyword.value) for keyword in node.keywords]
        return f"{_flat(node.func)}(", [("", argument) for argument in node.args] + named, ")"
    if isinstance(node, ast.List) and node.elts:
        return "[", [("", element) for element in node.elts], "]"
    if isinstance(node, ast.Tuple) and node.elts:
        return "(", [("", element) for element in node.elts], ")"
    if isinstance(node, ast.Dict) and node.keys and all(key is not None for key in node.keys):
        pairs = zip(node.keys, node.values, strict=True)
        return "{", [(f"{_flat(key)}: ", value) for key, value in pairs if key is not None], "}"
    return None


def _flat(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return format_string(node.value)
    if isinstance(node, ast.Attribute):
        return f"{_flat(node.value)}.{node.attr}"
    if isinstance(node, ast.Call) and not node.args and not node.keywords:
        return f"{_flat(node.func)}()"
    if isinstance(node, ast.Tuple) and len(node.elts) == 1:
        return f"({_flat(node.elts[0])},)"
    if (brackets := _brackets(node)) is not None:
        opening, parts, closing = brackets
        return opening + _comma(prefix + _flat(part) for prefix, part in parts) + closing
    return ast.unparse(node)


def _comma(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def format_string(text: str) -> str:
    """Return ``text`` as a string of Python in double quotes, or in single ones where that saves backslashes."""
    if not text.replace("\n", "").replace("\t", "").isprintable():
        return repr(text)
    body = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    if text.count('"') > text.count("'"):
        return "'" + body.replace("'", "\\'") + "'"
    return '"' + body.replace('"', '\\"') + '"'
