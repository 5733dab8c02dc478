"""The models of a commit, loaded in a process of their own: what they know of the database and what they send to it."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.errors import ModelsNotImportableError, ProgramFailedError, SeachangeError
from seachange.workflow._worktree import Worktree

if TYPE_CHECKING:
    from seachange.safety.compatibility import Code

__all__ = ["answer", "load_code"]

_TIMEOUT_S = 300.0

# Ours is imported from where this process has it, and before the project's folders are on the path: they may have an older one.
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); import seachange.workflow._code as code; sys.path.pop(0); code.answer()"

# What a project may have said otherwise in that commit.
_OWN = ("models", "alembic_ini", "env_context")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Task:
    """What the process is told: the project's folder, the top of the repository there and here, and how models are loaded."""

    root: str
    top: str
    original: str
    models: str
    alembic_ini: str
    env_context: str


def load_code(settings: Settings, worktree: Worktree, *, name: str) -> Code:
    """Import the models of a checked-out commit and compile what they send; this process imports none of it.

    :param settings: the project's settings as they are now; what the commit's pyproject.toml says about models goes first.
    :param worktree: where the commit is.
    :param name: what the commit is called.
    :raises ModelsNotImportableError: they cannot be imported there.
    """
    from seachange.postgres import programs
    from seachange.safety.compatibility import Code

    own = _own_settings(worktree.root)
    chosen = {key: own.get(key) or getattr(settings, key) for key in _OWN}
    task = _Task(root=str(worktree.root), top=str(worktree.top), original=str(worktree.original), **chosen)
    package = str(Path(__file__).resolve().parents[2])
    arguments = ["-P", "-B", "-c", _PROGRAM, package, json.dumps(dataclasses.asdict(task))]
    try:
        done = programs.run(Path(sys.executable), arguments, env=settings.environment, timeout_s=_TIMEOUT_S)
    except ProgramFailedError as exc:
        raise ModelsNotImportableError(f"the models of {name} cannot be loaded: {exc.message}", hint=_hint(name)) from exc
    document: dict[str, Any] = json.loads(done.stdout)
    if "error" in document:
        raise ModelsNotImportableError(f"the models of {name} cannot be loaded: {document['error']}", hint=_hint(name))
    return Code.from_dict(document, name=name)


def _hint(name: str) -> str:
    return (
        f"they are imported by this Python, {sys.executable}, with the files of {name}: what they need has to be installed here; "
        "or name another commit"
    )


def _own_settings(root: Path) -> Mapping[str, str]:
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {}).get("seachange", {})
    except (OSError, ValueError, AttributeError):
        return {}
    return {key: value for key, value in tool.items() if isinstance(value, str)}


def answer() -> None:
    """Be the process: load the models that the last argument describes, and write them to stdout as JSON."""
    # Whatever the models print goes elsewhere.
    stdout = os.dup(1)
    os.dup2(2, 1)
    task = _Task(**json.loads(sys.argv[-1]))
    try:
        document = _loaded(task)
    except SeachangeError as exc:
        document = {"error": exc.message}
    with os.fdopen(stdout, "w", encoding="utf-8") as out:
        json.dump(document, out)


def _loaded(task: _Task) -> dict[str, Any]:
    from sqlalchemy import event
    from sqlalchemy.orm import Mapper

    from seachange.revisions.models import load_metadata
    from seachange.safety.compatibility import compile_code

    mappers: list[Mapper[Any]] = []

    def note(mapper: Mapper[Any], _class: type[Any]) -> None:
        mappers.append(mapper)

    event.listen(Mapper, "instrument_class", note)
    os.chdir(task.root)
    _look_there(task)
    chosen = {key: getattr(task, key) for key in _OWN}
    metadata = load_metadata(Settings(root=Path(task.root), environment=dict(os.environ), **chosen))
    _require_from_there(task)
    return compile_code(metadata, mappers).to_dict()


def _look_there(task: _Task) -> None:
    """Let every folder of the repository that modules are imported from be that of the commit."""
    for index, entry in enumerate(sys.path):
        if there := _moved(task, Path(entry)):
            sys.path[index] = str(there)


def _moved(task: _Task, path: Path) -> Path | None:
    if task.top == task.original or not path.is_absolute():
        return None
    resolved = path.resolve()
    if not resolved.is_relative_to(task.original) or resolved.is_relative_to(task.top):
        return None
    there = Path(task.top) / resolved.relative_to(task.original)
    return there if there.exists() else None


def _require_from_there(task: _Task) -> None:
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and name.partition(".")[0] != "seachange" and _moved(task, Path(file)):
            raise ModelsNotImportableError(f"module {name} was imported from the working tree: {file}")
