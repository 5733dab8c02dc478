"""Changes of several files, shown as one diff and written all or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from seachange.errors import NotWritableError

__all__ = ["FileChange", "unified_diff", "written"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileChange:
    """One file before and after; ``target`` is another path when it is renamed, ``before`` is None when it is new."""

    path: Path
    target: Path
    before: bytes | None
    after: bytes


def unified_diff(changes: Iterable[FileChange], *, root: Path) -> str:
    """Return the changes as ``git apply`` takes them, with paths from ``root``."""
    lines: list[str] = []
    for change in changes:
        old, new = (_shown(path, root) for path in (change.path, change.target))
        lines.append(f"diff --git a/{old} b/{new}\n")
        if change.before is None:
            lines.append("new file mode 100644\n")
        elif old != new:
            lines += [f"rename from {old}\n", f"rename to {new}\n"]
        before, after = ((content or b"").decode(errors="replace") for content in (change.before, change.after))
        names = ("/dev/null" if change.before is None else f"a/{old}", f"b/{new}")
        for line in difflib.unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), *names):
            lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _shown(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


@contextlib.contextmanager
def written(changes: Iterable[FileChange]) -> Iterator[None]:
    """Write the changes for the length of the block; they stay when it ends well, and none of them stays otherwise.

    :raises NotWritableError: a file cannot be written, was changed meanwhile, or one of the new name is there.
    """
    todo = tuple(changes)
    with contextlib.ExitStack() as stack:
        try:
            prepared = [(change, stack.enter_context(_prepared(change))) for change in todo]
            for change, temporary in prepared:
                stack.push(_undo(change))
                _put(change, temporary)
        except OSError as exc:
            raise NotWritableError(
                f"{exc.filename or 'a revision file'} cannot be written: {exc.strerror}; nothing was changed",
                hint="check the permissions of the version locations",
            ) from exc
        yield


@contextlib.contextmanager
def _prepared(change: FileChange) -> Iterator[Path]:
    """Write what a file will hold beside its place."""
    _require_unchanged(change)
    temporary = change.target.with_name(f".{change.target.name}.tmp")
    try:
        temporary.write_bytes(change.after)
        if change.before is not None:
            shutil.copymode(change.path, temporary)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _require_unchanged(change: FileChange) -> None:
    if change.before is not None and change.path.read_bytes() != change.before:
        raise NotWritableError(f"{change.path} was changed meanwhile", hint="run the command again")
    if change.target != change.path and change.target.exists():
        raise NotWritableError(f"{change.target} exists already", hint="move it away, or choose another name")


def _put(change: FileChange, temporary: Path) -> None:
    temporary.replace(change.target)
    if change.target != change.path:
        change.path.unlink(missing_ok=True)


def _undo(change: FileChange) -> Callable[..., None]:
    mode = change.path.stat().st_mode if change.before is not None else 0

    def undo(kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            return
        if change.before is None or change.target != change.path:
            change.target.unlink(missing_ok=True)
        if change.before is not None:
            temporary = change.path.with_name(f".{change.path.name}.tmp")
            temporary.write_bytes(change.before)
            temporary.chmod(mode)
            temporary.replace(change.path)

    return undo
