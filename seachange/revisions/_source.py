"""What the text of env.py says of how it configures Alembic, as far as a text can say it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["goes_round", "is_plain", "keywords", "namespace_of", "options_in"]

_LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.comprehension)
_MAKES_ENGINE = {"engine_from_config", "async_engine_from_config", "create_engine", "create_async_engine"}
_DOES_MORE = {"execute", "exec_driver_sql", "scalar", "scalars", "execution_options", "listen", "listens_for", "cursor"}
_WANTED = ("target_metadata", "version_table", "version_table_schema")


def keywords(source: str, *names: str) -> list[ast.keyword]:
    """Return the arguments of calls in ``source`` that have one of ``names``; none when it does not compile."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg in names]


def namespace_of(traceback: TracebackType | None, file: Path) -> dict[str, Any]:
    """Return the global names of ``file`` at the moment when it was left by an exception."""
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == str(file):
            return traceback.tb_frame.f_globals
        traceback = traceback.tb_next
    return {}


def options_in(source: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what env.py would have passed to ``configure``, had it come so far.

    :param source: the text of env.py.
    :param namespace: its global names; an argument that is made of others is not known.
    """
    found = {"target_metadata": namespace["target_metadata"]} if "target_metadata" in namespace else {}
    for keyword in keywords(source, *_WANTED):
        try:
            value = eval(compile(ast.Expression(keyword.value), "env.py", "eval"), dict(namespace))  # noqa: S307
        except Exception:  # noqa: BLE001, S112 - it may be made of anything
            continue
        if value is not None:
            found[str(keyword.arg)] = value
    return found


def is_plain(file: Path) -> bool:
    """Say whether the text of env.py shows that it makes one connection and does nothing to it but hand it to Alembic.

    What it imports from the application may hide anything, but not a connection, since env.py then makes none itself.
    """
    tree = _parsed(file)
    if tree is None:
        return False
    calls = [_name(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    functions = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}
    repeated = _loops(tree) or any(calls.count(name) > 1 for name in functions)
    touched = _DOES_MORE.intersection(calls) or keywords(ast.unparse(tree), "connect_args", "schema_translate_map", "creator")
    made = _MAKES_ENGINE.intersection(calls) or any(
        isinstance(node, ast.Attribute) and node.attr == "attributes" for node in ast.walk(tree)
    )
    return bool(made) and not repeated and not touched


def goes_round(file: Path) -> bool:
    """Say whether env.py may go through several schemas or databases, of which there can be more the next time."""
    tree = _parsed(file)
    return tree is None or _loops(tree)


def _parsed(file: Path) -> ast.Module | None:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None


def _loops(tree: ast.Module) -> bool:
    return any(isinstance(node, _LOOPS) for node in ast.walk(tree))


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
