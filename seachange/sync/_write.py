"""Artefacts on disk: written whole or not at all, only when they changed, or only compared."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import stat
from pathlib import Path
from typing import Literal

from seachange.errors import NotWritableError
from seachange.partial import partial_folder

__all__ = ["SyncResult", "SyncedFile", "publish"]

# Beyond this many lines, comparing takes longer than anybody reads.
_MOST_LINES = 20_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncedFile:
    """What became of one artefact; ``diff`` is unified, from the file to what it should be."""

    path: Path
    status: Literal["written", "unchanged", "stale", "skipped"]
    diff: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What became of all artefacts of one read of the catalogue."""

    files: tuple[SyncedFile, ...]
    fingerprint: str

    @property
    def stale(self) -> tuple[SyncedFile, ...]:
        """The files that differ from the database."""
        return tuple(file for file in self.files if file.status == "stale")


def publish(path: Path, text: str, *, check: bool) -> SyncedFile:
    """Give a file this text, at once and on disk, unless it has it already.

    A symbolic link stays one; mode and owner stay as they are.

    :param path: the file; missing folders are made.
    :param text: what it is to hold.
    :param check: compare only.
    :raises NotWritableError: the file cannot be read or written.
    """
    wanted = text.encode()
    try:
        target = path.resolve()
        present = _read(target)
        if present == wanted:
            return SyncedFile(path=path, status="unchanged")
        diff = _diff(path, present, wanted)
        if check:
            return SyncedFile(path=path, status="stale", diff=diff)
        _replace(target, wanted)
    except OSError as exc:
        hint = "make room on the disk, make the folder writable, or set sync_dir to another one"
        raise NotWritableError(f"{path} cannot be written: {exc.strerror or exc}", hint=hint) from exc
    return SyncedFile(path=path, status="written", diff=diff)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with partial_folder(path.parent) as folder:
        fresh = folder / path.name
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            _keep_mode(path, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    _sync_folder(path.parent)


def _keep_mode(path: Path, descriptor: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        # Only root can give a file away; everybody else owns what they may replace, or makes it theirs.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _diff(path: Path, present: bytes | None, wanted: bytes) -> str:
    before = (present or b"").decode("utf-8", "replace").splitlines()
    after = wanted.decode().splitlines()
    if max(len(before), len(after)) > _MOST_LINES:
        return f"{path.name}: {len(before)} lines become {len(after)}"
    old = "/dev/null" if present is None else f"a/{path.name}"
    return "\n".join(difflib.unified_diff(before, after, old, f"b/{path.name}", lineterm=""))
