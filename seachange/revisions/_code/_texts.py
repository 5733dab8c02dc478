"""The texts that an expression can stand for, as far as the file itself says."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, Literal, cast

from seachange.revisions._code._names import Scope

__all__ = ["PLACEHOLDER", "Computed", "Text", "texts_of"]

# Stands for what is only known when the revision runs: a name, where most templates have one.
PLACEHOLDER = "placeholder"

_DEPTH = 8
_STRIPS = ("strip", "lstrip", "rstrip")
_SAME_TEXT = (*_STRIPS, "bindparams", "params", "execution_options", "columns")
_MAKES_TEXT = ("format", "format_map", "join", "read", "read_text", "replace", "decode", "substitute", "render", "removesuffix")
_PERCENT = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[sdrfi]")
_BRACES = re.compile(r"\{[^{}]*\}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A text that the file spells out.

    ``template`` is one with parts that are only known when the revision runs; ``bound`` one whose parameters get values;
    ``node`` is where it stands.
    """

    value: str
    node: ast.expr
    kind: Literal["text", "ddl"] = "text"
    template: bool = False
    bound: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Computed:
    """A text that is made elsewhere: read from a file, returned by a function of another module."""

    node: ast.expr


Found = tuple[Text | Computed, ...]
# A text, and whether a part of it is unknown.
Part = tuple[str, bool]


def texts_of(expression: ast.expr, scope: Scope, *, depth: int = _DEPTH) -> Found:
    """Return every text that an expression can be; nothing for what is no text, such as an SQLAlchemy construct.

    :param expression: what is sent to the database.
    :param scope: the names where it stands.
    :param depth: how many names and calls to follow.
    """
    read = _READ.get(type(expression)) if depth else None
    return read(expression, scope, depth - 1) if read else (Computed(node=expression),)


def _of_constant(constant: ast.Constant, scope: Scope, depth: int) -> Found:
    del scope, depth
    return (Text(value=constant.value, node=constant),) if isinstance(constant.value, str) else ()


def _of_name(name: ast.Name, scope: Scope, depth: int) -> Found:
    values = scope.values(name.id)
    if not values:
        return (Computed(node=name),)
    inner = scope.hiding(name.id)
    return _once(found for value in values for found in texts_of(value, inner, depth=depth))


def _of_choice(choice: ast.IfExp, scope: Scope, depth: int) -> Found:
    return (*texts_of(choice.body, scope, depth=depth), *texts_of(choice.orelse, scope, depth=depth))


def _of_assembled(expression: ast.expr, scope: Scope, depth: int) -> Found:
    made = _assembled(expression, scope, depth)
    return (Computed(node=expression),) if made is None else (Text(value=made[0], node=expression, template=made[1]),)


def _of_elements(starred: ast.Starred, scope: Scope, depth: int) -> Found:
    return _of_sequence(_resolved(starred.value, scope), scope, depth=depth)


def _of_part(subscript: ast.Subscript, scope: Scope, depth: int) -> Found:
    if isinstance(subscript.value, ast.Starred):
        return _of_sequence(_resolved(subscript.value.value, scope), scope, depth=depth, part=subscript.slice)
    return (Computed(node=subscript),)


def _of_sequence(sequence: ast.expr, scope: Scope, *, depth: int, part: ast.expr | None = None) -> Found:
    if not isinstance(sequence, (ast.Tuple, ast.List, ast.Set)):
        return (Computed(node=sequence),)
    elements = sequence.elts if part is None else [_part(element, part) for element in sequence.elts]
    return tuple(found for element in elements for found in texts_of(element, scope, depth=depth))


def _resolved(sequence: ast.expr, scope: Scope) -> ast.expr:
    values = scope.values(sequence.id) if isinstance(sequence, ast.Name) else ()
    return values[0] if len(values) == 1 else sequence


def _part(element: ast.expr, part: ast.expr) -> ast.expr:
    if isinstance(element, (ast.Tuple, ast.List)) and isinstance(part, ast.Constant) and isinstance(part.value, int):
        return element.elts[part.value] if part.value < len(element.elts) else element
    return ast.copy_location(ast.Name(id="", ctx=ast.Load()), element)


def _once(found: Iterator[Text | Computed]) -> Found:
    return tuple({id(each.node): each for each in found}.values())


def _of_call(call: ast.Call, scope: Scope, depth: int) -> Found:
    dotted = scope.dotted(call.func)
    sqlalchemy = dotted.startswith("sqlalchemy.")
    name = dotted.rpartition(".")[2] if sqlalchemy or dotted in ("textwrap.dedent", "inspect.cleandoc") else ""
    if call.args and (wrap := _WRAPPERS.get(name)):
        return tuple(wrap(found) for found in texts_of(call.args[0], scope, depth=depth))
    if sqlalchemy:
        return ()
    return _of_method(call, scope, depth) if isinstance(call.func, ast.Attribute) else _returned(call, scope, depth)


def _of_method(call: ast.Call, scope: Scope, depth: int) -> Found:
    func = cast("ast.Attribute", call.func)
    if func.attr in _SAME_TEXT and (func.attr not in _STRIPS or not call.args):
        bound = func.attr in ("bindparams", "params")
        inner = texts_of(func.value, scope, depth=depth)
        return tuple(_changed(found, bound=True) for found in inner) if bound else inner
    if func.attr == "format" and (made := _assembled(func.value, scope, depth)):
        value = _BRACES.sub(PLACEHOLDER, made[0]).replace("{{", "{").replace("}}", "}")
        return (Text(value=value, node=func.value, template=True),)
    return (Computed(node=call),) if func.attr in (*_STRIPS, *_MAKES_TEXT) else ()


def _returned(call: ast.Call, scope: Scope, depth: int) -> Found:
    function = scope.module.functions.get(call.func.id) if isinstance(call.func, ast.Name) else None
    if function is None:
        return (Computed(node=call),)
    inner = scope.module.scope(function)
    values = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
    return tuple(found for value in values for found in texts_of(value, inner, depth=depth))


def _changed(found: Text | Computed, **values: Any) -> Text | Computed:
    return dataclasses.replace(found, **values) if isinstance(found, Text) else found


def _cleaned(found: Text | Computed, *, clean: Callable[[str], str]) -> Text | Computed:
    return dataclasses.replace(found, value=clean(found.value)) if isinstance(found, Text) else found


def _assembled(expression: ast.expr, scope: Scope, depth: int) -> Part | None:
    """Return the text of a formatted or concatenated expression, and whether a part of it is unknown; None for no text at all."""
    if depth == 0:
        return None
    if isinstance(expression, ast.JoinedStr):
        parts = [_assembled(part, scope, depth - 1) or (PLACEHOLDER, True) for part in expression.values]
        return "".join(text for text, _ in parts), any(unknown for _, unknown in parts)
    if isinstance(expression, ast.FormattedValue):
        plain = expression.format_spec is None and expression.conversion == -1
        return _assembled(expression.value, scope, depth - 1) if plain else None
    if isinstance(expression, ast.BinOp):
        return _joined(expression, scope, depth - 1)
    found = texts_of(expression, scope, depth=depth - 1) if isinstance(expression, (ast.Constant, ast.Name, ast.Call)) else ()
    return (found[0].value, found[0].template) if len(found) == 1 and isinstance(found[0], Text) else None


def _joined(expression: ast.BinOp, scope: Scope, depth: int) -> Part | None:
    left, right = (_assembled(side, scope, depth) for side in (expression.left, expression.right))
    if isinstance(expression.op, ast.Mod) and left:
        return _PERCENT.sub(PLACEHOLDER, left[0]).replace("%%", "%"), True
    if not isinstance(expression.op, ast.Add) or (left is None and right is None):
        return None
    (first, open_left), (second, open_right) = left or (PLACEHOLDER, True), right or (PLACEHOLDER, True)
    return first + second, open_left or open_right


_WRAPPERS: dict[str, Callable[[Text | Computed], Text | Computed]] = {
    "text": lambda found: found,
    "DDL": functools.partial(_changed, kind="ddl"),
    "dedent": functools.partial(_cleaned, clean=textwrap.dedent),
    "cleandoc": functools.partial(_cleaned, clean=inspect.cleandoc),
}

_READ: dict[type[ast.expr], Callable[[Any, Scope, int], Found]] = {
    ast.Constant: _of_constant,
    ast.Name: _of_name,
    ast.IfExp: _of_choice,
    ast.JoinedStr: _of_assembled,
    ast.BinOp: _of_assembled,
    ast.Call: _of_call,
    ast.Starred: _of_elements,
    ast.Subscript: _of_part,
}
