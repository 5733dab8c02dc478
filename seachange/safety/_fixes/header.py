"""The top of a new revision, made from the one that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import libcst as cst

__all__ = ["needed", "retitled"]

_HEADER = ("revision", "down_revision", "branch_labels", "depends_on")
_NAME = re.compile(r"[A-Za-z_]\w*")
_FIRST = re.compile(r"([rRuU]*(?:\"\"\"|'''|\"|')\s*)([^\r\n]*?)(?=(?:\"\"\"|'''|\"|')?\s*(?:[\r\n]|\Z))")


def needed(module: cst.Module, statements: Iterable[str]) -> list[Any]:
    """Return the top level of a module without the imports and definitions that ``statements`` do not use.

    :param module: a revision.
    :param statements: the code of its new functions.
    """
    import libcst as cst

    used = {name for code in statements for name in _NAME.findall(code)} | {"op"}
    nodes = list(module.body)
    kept: dict[int, Any] = {}
    while True:
        before = len(kept)
        for at, node in enumerate(nodes):
            names = _defined(node)
            if at in kept or (at and names is not None and not names & used):
                continue
            function = isinstance(node, cst.FunctionDef) and node.name.value in ("upgrade", "downgrade")
            kept[at] = _unlabelled(node)
            if at and not function and not _is_import(node):
                used |= set(_NAME.findall(module.code_for_node(kept[at])))
        if len(kept) == before:
            return _spaced(nodes, kept)


def _spaced(nodes: Sequence[Any], kept: Mapping[int, Any]) -> list[Any]:
    """Let the first of a group of lines have the empty line above it that the group had."""
    found: list[Any] = []
    above: tuple[Any, ...] = ()
    for at, node in enumerate(nodes):
        lines = getattr(node, "leading_lines", ())
        if at not in kept:
            above = above or tuple(line for line in lines if not line.comment)
            continue
        found.append(kept[at].with_changes(leading_lines=[*above, *kept[at].leading_lines]) if above and not lines else kept[at])
        above = ()
    return found


def _defined(node: Any) -> set[str] | None:
    """Return the names that a statement makes; None for one that stays whatever is used."""
    import libcst as cst

    if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
        return None if node.name.value in ("upgrade", "downgrade") else {node.name.value}
    if not isinstance(node, cst.SimpleStatementLine):
        return None
    found: set[str] = set()
    for part in node.body:
        if isinstance(part, cst.ImportFrom) and isinstance(part.module, cst.Name) and part.module.value == "__future__":
            return None
        if isinstance(part, (cst.Import, cst.ImportFrom)):
            found |= _imported(part)
        elif isinstance(part, cst.Assign):
            found |= {target.target.value for target in part.targets if isinstance(target.target, cst.Name)}
        elif isinstance(part, cst.AnnAssign) and isinstance(part.target, cst.Name):
            found.add(part.target.value)
        else:
            return None
    return None if found & set(_HEADER) else found


def _imported(part: Any) -> set[str]:
    if not isinstance(part.names, (list, tuple)):
        return {"*"}
    return {each.evaluated_alias or each.evaluated_name.partition(".")[0] for each in part.names}


def _is_import(node: Any) -> bool:
    import libcst as cst

    return isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], (cst.Import, cst.ImportFrom))


def _unlabelled(node: Any) -> Any:
    """Return ``branch_labels = None`` and ``depends_on = None`` for what they were: the first revision keeps them."""
    import libcst as cst

    if not isinstance(node, cst.SimpleStatementLine) or not isinstance(node.body[0], (cst.Assign, cst.AnnAssign)):
        return node
    part = node.body[0]
    target = part.targets[0].target if isinstance(part, cst.Assign) else part.target
    if isinstance(target, cst.Name) and target.value in ("branch_labels", "depends_on"):
        return node.with_changes(body=[part.with_changes(value=cst.Name("None"))])
    return node


def retitled(node: Any, title: str) -> Any:
    """Return a docstring with another first line; any other statement as it is."""
    import libcst as cst

    if not isinstance(node, cst.SimpleStatementLine) or not isinstance(node.body[0], cst.Expr):
        return node
    value = node.body[0].value
    if not isinstance(value, cst.SimpleString):
        return node
    if (before := _FIRST.match(value.value)) is None:
        return node
    rest = value.value[before.end() :]
    # What the docstring says besides its fields was about the whole; the fields follow after an empty line.
    fields = re.search(r"\n[ \t]*\n(?=[ \t]*Revision ID:)", rest)
    made = f"{before[1]}{title}{rest[fields.start() :] if fields else rest}"
    return node.with_changes(body=[cst.Expr(value=cst.SimpleString(made))])
