"""Alembic's post_write_hooks, with their output kept off stdout."""

from __future__ import annotations

import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import RevisionRejectedError
from seachange.revisions.project import Project

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["run_hooks"]

_log = logging.getLogger(__name__)

_FILENAME = "REVISION_SCRIPT_FILENAME"
_TIMEOUT_S = 120


def run_hooks(project: Project, path: Path) -> None:
    """Run the hooks that the project configures for new revisions on ``path``.

    Hooks of kinds that an env.py registers by itself are run as Alembic does.

    :raises RevisionRejectedError: a hook cannot be run.
    """
    for hook in _configured(project.config()):
        command = _command(hook)
        if command is None:
            _run_by_alembic(hook, path)
        else:
            _run([*command, *_arguments(hook, path)], hook, project.settings.root)


def _configured(config: Config) -> Sequence[Mapping[str, str]]:
    if hasattr(config, "get_hooks_list"):
        return config.get_hooks_list()
    # Before Alembic 1.16.
    section = config.get_section("post_write_hooks", {}) or {}
    names = [name for name in re.split(r"[,\s]+", section.get("hooks", "")) if name]
    return [
        {"_hook_name": name, **{key[len(name) + 1 :]: section[key] for key in section if key.startswith(f"{name}.")}}
        for name in names
    ]


def _command(hook: Mapping[str, str]) -> list[str] | None:
    kind = hook.get("type", "")
    if kind == "exec":
        return [_required(hook, "executable")]
    if kind == "module":
        return [sys.executable, "-m", _required(hook, "module")]
    if kind == "console_scripts":
        return [str(Path(sys.executable).with_name(_required(hook, "entrypoint")))]
    return None


def _required(hook: Mapping[str, str], key: str) -> str:
    if not hook.get(key):
        raise RevisionRejectedError(
            f"post_write_hooks: {hook['_hook_name']} has no {key}", hint="complete it in alembic.ini or [tool.alembic]"
        )
    return hook[key]


def _arguments(hook: Mapping[str, str], path: Path) -> list[str]:
    options = hook.get("options", "")
    if _FILENAME not in options:
        options = f"{_FILENAME} {options}"
    return [part.replace(_FILENAME, str(path)) for part in shlex.split(options)]


def _run(command: list[str], hook: Mapping[str, str], root: Path) -> None:
    name = hook["_hook_name"]
    try:
        done = subprocess.run(
            command, cwd=hook.get("cwd") or root, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise RevisionRejectedError(f"the post_write_hook {name} cannot be run: {exc}", hint="install or remove it") from exc
    # Alembic goes on when a formatter complains, so its users' hooks may rely on that.
    _log.info("post_write_hook %s ended with %d: %s", name, done.returncode, (done.stdout + done.stderr).strip())


def _run_by_alembic(hook: Mapping[str, str], path: Path) -> None:
    from alembic.config import Config
    from alembic.script.write_hooks import _run_hooks
    from alembic.util import CommandError

    from seachange.revisions._output import contained

    try:
        with contained():
            _run_hooks(path, [hook] if hasattr(Config, "get_hooks_list") else _as_section(hook))  # type: ignore[arg-type,unused-ignore]
    except CommandError as exc:
        raise RevisionRejectedError(f"post_write_hooks: {exc}", hint="mend them in alembic.ini or [tool.alembic]") from exc


def _as_section(hook: Mapping[str, str]) -> dict[str, str]:
    name = hook["_hook_name"]
    return {"hooks": name, **{f"{name}.{key}": value for key, value in hook.items() if key != "_hook_name"}}
