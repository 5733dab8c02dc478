"""The three files of a project that takes Seachange on: written where they are missing, extended where they are not."""

from __future__ import annotations

import ast
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from seachange.errors import ConfigError
from seachange.revisions.changes import FileChange

__all__ = ["Proposal", "propose_noxfile", "propose_pyproject", "propose_tasks"]

_TASKS = "from invoke import Collection\nfrom seachange.tasks import db, migration\n\nns = Collection({tasks}db, migration)\n"
_ADDED = "from seachange.tasks import db, migration\n\n{ns}.add_collection(db)\n{ns}.add_collection(migration)\n"
_NOXFILE = 'import nox\nfrom seachange import sessions\n\nnox.options.default_venv_backend = "uv|virtualenv"\n{call}\n'
_SESSIONS = "from seachange import sessions\n\n{call}\n"
_NAMES = ("ns", "namespace")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proposal:
    """What is to become of one file.

    ``extend`` adds lines at the end of a file with code of the team's own and is asked for; ``append`` adds a table to
    pyproject.toml. ``change`` is None where the file stays as it is, for the reason in ``note``.
    """

    file: str
    action: Literal["write", "append", "extend", "keep"]
    note: str
    change: FileChange | None = dataclasses.field(default=None, repr=False)


def propose_tasks(root: Path) -> Proposal:
    """Return what is to become of tasks.py, or of the package ``tasks``."""
    path = next((path for path in (root / "tasks.py", root / "tasks" / "__init__.py") if path.is_file()), root / "tasks.py")
    shown = path.relative_to(root).as_posix()
    if not path.is_file():
        return _write(path, _TASKS.format(tasks=""), note="the commands, as `invoke NAME`")
    tree = _parsed(path, shown)
    if _imports_seachange(tree):
        return Proposal(file=shown, action="keep", note="has Seachange's tasks already")
    bound = set(_bound(tree))
    if taken := sorted(bound & {"db", "migration"}):
        note = (
            f"has {' and '.join(taken)} of its own: `seachange NAME` works all the same, or add seachange.tasks under other names"
        )
        return Proposal(file=shown, action="keep", note=note)
    name = next((name for name in _NAMES if name in bound), "")
    own = "".join(f"{name}, " for name in _own_tasks(tree))
    text = _ADDED.format(ns=name) if name else _TASKS.format(tasks=own)
    return _extend(path, text, note="Seachange's collections beside your own tasks", file=shown)


def propose_noxfile(root: Path) -> Proposal:
    """Return what is to become of noxfile.py."""
    path = root / "noxfile.py"
    call = f"sessions.migration_sessions(install={_installed(root)!r}, skip_missing=True)".replace("'", '"')
    if not path.is_file():
        return _write(path, _NOXFILE.format(call=call), note="the history on throwaway servers, as `nox -s migrations`")
    if _imports_seachange(_parsed(path, "noxfile.py")):
        return Proposal(file="noxfile.py", action="keep", note="has Seachange's sessions already")
    return _extend(path, _SESSIONS.format(call=call), note="Seachange's sessions beside your own", file="noxfile.py")


def propose_pyproject(root: Path, lines: tuple[str, ...]) -> Proposal:
    """Return what is to become of pyproject.toml: the table at its end, every other byte as it was.

    :param root: the project.
    :param lines: what stands in the table.
    :raises ConfigError: the file is no TOML, or takes no further table.
    """
    path = root / "pyproject.toml"
    table = "\n".join(["[tool.seachange]", *lines]) + "\n"
    if not path.is_file():
        return _write(path, table, note="the settings")
    before = path.read_bytes()
    if "seachange" in _toml(before, path).get("tool", {}):
        return Proposal(file="pyproject.toml", action="keep", note="has [tool.seachange] already")
    after = _appended(before, table)
    if "seachange" not in _toml(after, path).get("tool", {}):
        raise ConfigError(f"{path} takes no [tool.seachange] at its end", hint="add the table by hand")
    return Proposal(
        file="pyproject.toml",
        action="append",
        note="the settings, in a table at the end",
        change=FileChange(path=path, target=path, before=before, after=after),
    )


def _toml(content: bytes, path: Path) -> dict[str, dict[str, object]]:
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", hint="mend the file") from exc


def _write(path: Path, text: str, *, note: str) -> Proposal:
    change = FileChange(path=path, target=path, before=None, after=text.encode())
    return Proposal(file=path.name, action="write", note=note, change=change)


def _extend(path: Path, text: str, *, note: str, file: str) -> Proposal:
    before = path.read_bytes()
    change = FileChange(path=path, target=path, before=before, after=_appended(before, text))
    return Proposal(file=file, action="extend", note=note, change=change)


def _appended(before: bytes, text: str) -> bytes:
    """Return ``before`` and, after an empty line, ``text`` with the same line ends."""
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    ended = before if before.endswith(b"\n") or not before else before + newline
    return ended + (newline if ended else b"") + text.encode().replace(b"\n", newline)


def _parsed(path: Path, shown: str) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as exc:
        raise ConfigError(f"{shown} does not compile: {exc}", hint="mend the file first") from exc


def _imports_seachange(tree: ast.Module) -> bool:
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return any(module.split(".")[0] == "seachange" for module in modules)


def _bound(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _own_tasks(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(_is_task(decorator) for decorator in node.decorator_list):
            yield node.name


def _is_task(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(called, ast.Name) and called.id == "task") or (isinstance(called, ast.Attribute) and called.attr == "task")


def _installed(root: Path) -> tuple[str, ...]:
    """What the sessions install: the project as it says itself, and Seachange with a server and a driver."""
    ours = ("seachange[embedded]", "psycopg[binary]")
    path = root / "pyproject.toml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if re.search(r"^\[(project|build-system)\]", text, re.MULTILINE) or (root / "setup.py").is_file():
        return ("-e", ".", *ours)
    return ("-r", "requirements.txt", *ours) if (root / "requirements.txt").is_file() else ours
