"""What a Python file imports, read from its text: enough to find the project's own modules among it."""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
from collections.abc import Iterator

__all__ = ["Import", "imports_of", "module_imports"]

_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)|import[ \t]+([^\n;#]+))", re.MULTILINE)

# Often the name of the script location as well, which shadows nothing: it is no package.
_FOREIGN = {*sys.stdlib_module_names, "alembic", "sqlalchemy", "seachange"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
    """One imported name, dotted; ``level`` counts the dots of a relative import, ``typing`` is one for type checkers only."""

    name: str
    line: int
    level: int = 0
    typing: bool = False


def imports_of(source: bytes, tree: ast.Module) -> tuple[Import, ...]:
    """Return what a file imports, without the standard library, Alembic, SQLAlchemy and Seachange.

    :param source: the file's bytes: walking the tree of each of 10,000 revisions takes longer than all the rest of reading them,
        so it is walked only when the text names something else.
    :param tree: its syntax tree.
    """
    return tuple(_walk(tree, typing=False)) if any(_own(name) for name in _roots(source)) else ()


def module_imports(source: bytes) -> tuple[Import, ...]:
    """Return what a module imports; nothing when it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    return imports_of(source, tree)


def _own(root: str) -> bool:
    return root not in _FOREIGN


def _roots(source: bytes) -> set[str]:
    """Return the top names that import statements in the text name, perhaps some that only look so; a dot for relative ones."""
    found: set[str] = set()
    for one, several in _IMPORT.findall(source):
        names = [one] if one else several.split(b",")
        found.update(name.strip().split(b".")[0].split(b" ")[0].decode(errors="replace") for name in names if name.strip())
    return found


def _walk(node: ast.AST, *, typing: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                if _own(alias.name.partition(".")[0]):
                    yield Import(name=alias.name, line=child.lineno, typing=typing)
        elif isinstance(child, ast.ImportFrom):
            yield from _from(child, typing=typing)
        elif isinstance(child, ast.If) and _for_type_checkers(child.test):
            for statement in child.body:
                yield from _walk(ast.Module(body=[statement], type_ignores=[]), typing=True)
            yield from _walk(ast.Module(body=child.orelse, type_ignores=[]), typing=typing)
        elif isinstance(child, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from _walk(child, typing=typing)


def _from(node: ast.ImportFrom, *, typing: bool) -> Iterator[Import]:
    if node.level or _own((node.module or "").partition(".")[0]):
        for alias in node.names:
            dotted = f"{node.module}.{alias.name}" if node.module else alias.name
            yield Import(name=dotted, line=node.lineno, level=node.level, typing=typing)


def _for_type_checkers(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"
