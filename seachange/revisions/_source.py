"""What the text of env.py says of how it configures Alembic, as far as a text can say it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["keywords", "namespace_of", "options_in"]

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
