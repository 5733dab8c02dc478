"""What the names in a revision file stand for: imports, constants, functions."""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from seachange.revisions._code._dialects import foreign_branches

__all__ = ["Function", "Module", "Scope"]

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """The names of one file.

    ``origins`` tell what imported names are (``sa`` is ``sqlalchemy``), ``functions`` are those of the module.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self.origins = dict(_origins(tree))
        self.functions = {node.name: node for node in tree.body if isinstance(node, Function)}

    @functools.cached_property
    def bound(self) -> Mapping[str, list[ast.expr]]:
        """What is bound to names in the body of the module itself."""
        return _bound([node for node in self._tree.body if not isinstance(node, (*_FUNCTIONS, ast.ClassDef))])

    def scope(self, function: Function) -> Scope:
        """Return the scope of a function's body."""
        return Scope(module=self, body=function.body)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """The names of a function's body, and behind them those of its module."""

    module: Module
    body: list[ast.stmt]
    hidden: frozenset[str] = frozenset()

    @functools.cached_property
    def bound(self) -> Mapping[str, list[ast.expr]]:
        """What is bound to names in the body; most functions are never asked."""
        return _bound(self.body)

    def values(self, name: str) -> tuple[ast.expr, ...]:
        """Return every expression that is bound to a name; several when it is bound anew."""
        if name in self.hidden:
            return ()
        return tuple(self.bound.get(name) or self.module.bound.get(name) or ())

    def hiding(self, name: str) -> Scope:
        """Return the scope without a name: what is bound to it may name it again."""
        return dataclasses.replace(self, hidden=self.hidden | {name})

    def dotted(self, expression: ast.expr) -> str:
        """Return what a chain of names is where it comes from an import: ``sa.text`` is ``sqlalchemy.text``."""
        if isinstance(expression, ast.Name):
            return self.module.origins.get(expression.id, "")
        if isinstance(expression, ast.Attribute):
            base = self.dotted(expression.value)
            return f"{base}.{expression.attr}" if base else ""
        return ""


_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _origins(node: ast.AST) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                first = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            for alias in child.names:
                yield alias.asname or alias.name, f"{child.module}.{alias.name}"
        elif isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from _origins(child)


def _bound(body: list[ast.stmt]) -> dict[str, list[ast.expr]]:
    bound: dict[str, list[ast.expr]] = {}
    for node in _nodes(body):
        for target, value in _bindings(node):
            for name, part in _unpacked(target, value):
                bound.setdefault(name, []).append(part)
    return bound


def _nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield everything in a body, without the branches for other databases."""
    waiting = deque(body)
    while waiting:
        node = waiting.popleft()
        yield node
        if isinstance(node, ast.If) and (foreign := foreign_branches(node)):
            waiting.extend(part for name in {"body", "orelse"}.difference(foreign) for part in getattr(node, name))
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield target, node.value
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value:
        yield node.target, node.value
    elif isinstance(node, ast.AugAssign):
        yield node.target, ast.BinOp(left=ast.Name(id="", ctx=ast.Load()), op=node.op, right=node.value)
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.target, ast.Starred(value=node.iter, ctx=ast.Load())
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield from ((item.optional_vars, item.context_expr) for item in node.items if item.optional_vars)


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name of a target with its value; of a loop it is a starred sequence, of a part of one its subscript."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, (ast.Tuple, ast.List)):
        for number, part in enumerate(target.elts):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                yield from _unpacked(part, value.elts[number])
            else:
                yield from _unpacked(part, ast.Subscript(value=value, slice=ast.Constant(value=number), ctx=ast.Load()))
