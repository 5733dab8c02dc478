"""Artefacts on disk: written whole or not at all, only when they changed, or only compared."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import difflib
import os
import re
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Literal

from seachange.errors import ExitCode, NotWritableError
from seachange.partial import partial_folder
from seachange.plan import Finding

__all__ = ["SyncResult", "SyncedFile", "Writer", "publish", "remove", "writing"]

# Beyond this many lines, comparing takes longer than anybody reads.
_MOST_LINES = 20_000
# What header() of a target says first.
_MARK = b"Written by Seachange from the database"
_HEAD_BYTES = 1000
# What it says of the schema, in a difference: another one after any change.
_HEAD_LINE = re.compile(r"[-+]\W*(?:revision: .*|catalogue: [0-9a-f]{64}\W*)")
_AT_ONCE = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncedFile:
    """What became of one artefact; ``diff`` is unified, from the file to what it should be.

    ``skipped`` and ``failed`` have a ``reason``, perhaps with a ``hint``; ``generated`` says there what a generator did.
    ``exit_code`` is that of what failed, ``findings`` the places that are to blame.
    """

    path: Path
    status: Literal["written", "unchanged", "removed", "stale", "skipped", "failed", "generated"]
    target: str = ""
    diff: str = ""
    reason: str = ""
    hint: str = ""
    exit_code: ExitCode = ExitCode.ERROR
    findings: tuple[Finding, ...] = ()

    @property
    def differs_in_head(self) -> bool:
        """Whether nothing but the head differs, which names the revision and the fingerprint of the schema."""
        lines = self.diff.splitlines()[2:]
        changed = [line for line in lines if line.startswith(("-", "+"))]
        hunks = sum(line.startswith("@@ ") for line in lines)
        return bool(changed) and hunks == 1 and all(map(_HEAD_LINE.fullmatch, changed))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What became of all artefacts of one read of the catalogue."""

    files: tuple[SyncedFile, ...]
    fingerprint: str

    @property
    def stale(self) -> tuple[SyncedFile, ...]:
        """The files that differ from the database."""
        return tuple(file for file in self.files if file.status == "stale")

    @property
    def failed(self) -> tuple[SyncedFile, ...]:
        """The targets that could not be written."""
        return tuple(file for file in self.files if file.status == "failed")


class Writer:
    """Files that are given their texts together, when all of them are on the disk under other names."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._folders: dict[Path, Path] = {}
        self._pending: dict[Path, Path] = {}

    def put(self, path: Path, content: bytes) -> None:
        """Write the content beside the file.

        :raises OSError: it cannot be written.
        """
        folder = self._folders.get(path.parent)
        if folder is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = self._folders[path.parent] = self._stack.enter_context(partial_folder(path.parent))
        fresh = folder / path.name
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            _keep_mode(path, file.fileno())
            file.write(content)
        self._pending[path] = fresh

    def finish(self) -> None:
        """Give each file its text.

        :raises NotWritableError: a file cannot be written.
        """
        # One after the other, a thousand pages wait a thousand times for the disk.
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            synced = list(zip(self._pending, pool.map(_failure, self._pending.values()), strict=True))
        for path, failure in synced:
            if failure:
                raise _refused(path, failure) from failure
        for path, fresh in self._pending.items():
            try:
                fresh.replace(path)
            except OSError as exc:
                raise _refused(path, exc) from exc
        for folder in self._folders:
            _sync(folder)


@contextlib.contextmanager
def writing() -> Iterator[Writer]:
    """Yield a writer for the files of one target; without an error in the block they have their texts at its end.

    :raises NotWritableError: a file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        writer = Writer(stack)
        yield writer
        writer.finish()


def publish(
    path: Path,
    text: str,
    *,
    writer: Writer | None = None,
    check: bool = False,
    target: str = "",
    volatile: re.Pattern[str] | None = None,
) -> SyncedFile:
    """Give a file this text, at once and on disk, unless it has it already.

    A symbolic link stays one; mode and owner stay as they are.

    :param path: the file; missing folders are made.
    :param text: what it is to hold.
    :param writer: what writes it together with others; by itself by default.
    :param check: compare only.
    :param target: the target whose artefact it is.
    :param volatile: lines that may differ.
    :raises NotWritableError: the file cannot be read or written.
    """
    wanted = text.encode()
    try:
        place = path.resolve()
        present = _read(place)
        if present is not None and _lasting(present, volatile) == _lasting(wanted, volatile):
            return SyncedFile(path=path, target=target, status="unchanged")
        diff = _diff(path, present, wanted)
        if check:
            return SyncedFile(path=path, target=target, status="stale", diff=diff)
        if writer:
            writer.put(place, wanted)
        else:
            with writing() as alone:
                alone.put(place, wanted)
    except OSError as exc:
        raise _refused(path, exc) from exc
    return SyncedFile(path=path, target=target, status="written", diff=diff)


def _refused(path: Path, exc: OSError) -> NotWritableError:
    hint = "make room on the disk, make the folder writable, or set sync_dir to another one"
    return NotWritableError(f"{path} cannot be written: {exc.strerror or exc}", hint=hint)


def remove(folder: Path, *, keep: Collection[str], target: str, check: bool) -> Iterator[SyncedFile]:
    """Remove the files of a target's folder that Seachange wrote and writes no more.

    :param folder: the folder.
    :param keep: paths in it that stay.
    :param target: the target whose folder it is.
    :param check: say only what would be removed.
    :returns: what became of each such file.
    :raises NotWritableError: a file cannot be removed.
    """
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.relative_to(folder).as_posix() in keep or not path.is_file() or not _is_ours(path, target):
            continue
        if check:
            yield SyncedFile(path=path, target=target, status="stale", diff=_diff(path, path.read_bytes(), b""))
            continue
        try:
            path.unlink()
        except OSError as exc:
            raise NotWritableError(f"{path} cannot be removed: {exc.strerror or exc}", hint="make the folder writable") from exc
        _remove_empty(path.parent, folder)
        yield SyncedFile(path=path, target=target, status="removed")


def _remove_empty(path: Path, folder: Path) -> None:
    with contextlib.suppress(OSError):
        while path != folder:
            path.rmdir()
            path = path.parent


def _is_ours(path: Path, target: str) -> bool:
    # What Python compiles a module to has the module's head.
    if path.parent.name == "__pycache__":
        return False
    # Another target's file may be in this one's folder.
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return _MARK in head and f" --target {target}`".encode() in head


def _lasting(content: bytes, volatile: re.Pattern[str] | None) -> bytes | list[str]:
    if volatile is None:
        return content
    return [line for line in content.decode("utf-8", "replace").splitlines() if not volatile.fullmatch(line)]


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _keep_mode(path: Path, descriptor: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        # Only root can give a file away; everybody else owns what they may replace, or makes it theirs.
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, status.st_uid, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _failure(path: Path) -> OSError | None:
    try:
        _sync(path)
    except OSError as exc:
        return exc
    return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _diff(path: Path, present: bytes | None, wanted: bytes) -> str:
    before = (present or b"").decode("utf-8", "replace").splitlines()
    after = wanted.decode().splitlines()
    if max(len(before), len(after)) > _MOST_LINES:
        return f"{path.name}: {len(before)} lines become {len(after)}"
    if present is None:
        # What difflib would find, and takes its time for.
        head = ["--- /dev/null", f"+++ b/{path.name}", f"@@ -0,0 +{'1' if len(after) == 1 else f'1,{len(after)}'} @@"]
        return "\n".join([*head, *(f"+{line}" for line in after)]) if after else ""
    old = f"a/{path.name}"
    return "\n".join(difflib.unified_diff(before, after, old, f"b/{path.name}", lineterm=""))
