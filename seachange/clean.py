"""Stale build output, unused caches and leftovers of crashed runs: found first, removed on request, never what git tracks."""

from __future__ import annotations

import dataclasses
import fnmatch
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from seachange.config import Settings
from seachange.errors import NotWritableError
from seachange.partial import abandoned, remove_abandoned
from seachange.postgres import interrupt

__all__ = ["KINDS", "Kind", "Stale", "find_stale", "remove"]

log = logging.getLogger(__name__)

Kind = Literal["build", "caches", "leftovers"]
KINDS: tuple[Kind, ...] = ("build", "caches", "leftovers")

# Build tools write beside these; elsewhere a folder named build is more likely somebody's new source.
_BUILD_FILES = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "package.json"})
_NEVER = frozenset({".git", ".hg", ".venv", "venv", ".nox", ".tox", "node_modules", ".seachange", ".env"})
_GIT_TIMEOUT_S = 20
_POLL_S = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stale:
    """One path that may go, and why."""

    path: Path
    kind: Kind
    size_bytes: int
    reason: str


def find_stale(
    root: Path, settings: Settings, *, kinds: Collection[Kind] = KINDS, clock: Callable[[], float] = time.time
) -> tuple[Stale, ...]:
    """Return what is stale in a project; change nothing.

    :param root: the project's folder.
    :param settings: name the build output, the caches, and the folders of backups and state.
    :param kinds: the kinds to look for.
    :param clock: seconds since 1970.
    """
    tracked = _tracked(root) if {"build", "caches"} & set(kinds) else None
    found: list[Stale] = []
    if "build" in kinds and tracked is not None:
        found += _stale_build(root, settings, tracked)
    if "caches" in kinds:
        found += _stale_caches(root, settings, tracked=tracked, now=clock())
    if "leftovers" in kinds:
        found += _leftovers(settings)
    return tuple(sorted(found, key=lambda stale: (KINDS.index(stale.kind), stale.path)))


def remove(stale: Iterable[Stale]) -> tuple[Stale, ...]:
    """Remove what :func:`find_stale` listed, except what git tracks by now and leftovers that found an owner.

    :param stale: what to remove.
    :returns: what was removed.
    :raises NotWritableError: something cannot be removed; the message says what.
    """
    tracked: dict[Path, frozenset[str] | None] = {}
    return tuple(entry for entry in stale if _may_go(entry, tracked) and _remove(entry))


def _may_go(entry: Stale, tracked: dict[Path, frozenset[str] | None]) -> bool:
    folder = entry.path.parent
    if entry.kind == "leftovers":
        return True
    if folder not in tracked:
        tracked[folder] = _tracked(folder)
    known = tracked[folder]
    return entry.path.name not in known if known is not None else entry.kind == "caches"


def _remove(entry: Stale) -> bool:
    try:
        if entry.kind == "leftovers":
            return remove_abandoned(entry.path)
        if entry.path.is_dir():
            shutil.rmtree(entry.path)
        else:
            entry.path.unlink(missing_ok=True)
    except OSError as exc:
        raise NotWritableError(
            f"{entry.path} cannot be removed: {exc.strerror}: {exc.filename}",
            hint="it may belong to another user; remove it as that user, or change its owner",
        ) from exc
    log.info("removed %s (%s)", entry.path, entry.reason)
    return True


def _tracked(root: Path) -> frozenset[str] | None:
    """Return the tracked paths below root, with every folder that holds one; ``None`` when git cannot tell."""
    # Inside a hook git sets GIT_DIR and GIT_INDEX_FILE, which may be another repository's.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        listed = _listed(root, environment)
    except (OSError, subprocess.SubprocessError) as exc:
        log.info("git does not say what it tracks in %s, so build output is kept: %s", root, exc)
        return None
    known = {os.fsdecode(name) for name in listed.split(b"\0") if name}
    for path in tuple(known):
        folder = path.rpartition("/")[0]
        while folder and folder not in known:
            known.add(folder)
            folder = folder.rpartition("/")[0]
    return frozenset(known) or None


def _listed(root: Path, environment: Mapping[str, str]) -> bytes:
    command = ["git", "ls-files", "-z", "--cached"]
    deadline = time.monotonic() + _GIT_TIMEOUT_S
    null = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=root, env=environment, stdin=null, stdout=subprocess.PIPE, stderr=null) as git:
        try:
            while True:
                interrupt.check()
                try:
                    listed, _ = git.communicate(timeout=_POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline:
                        raise
        finally:
            git.kill()
    if git.returncode:
        raise subprocess.CalledProcessError(git.returncode, command)
    return bytes(listed)


def _stale_build(root: Path, settings: Settings, tracked: frozenset[str]) -> Iterator[Stale]:
    for folder in sorted(_build_folders(tracked)):
        for entry in _matching(root / folder, settings.clean_build):
            reason = _why_kept(entry, root, settings, tracked=tracked)
            if reason:
                log.info("%s is kept: %s", entry.path, reason)
                continue
            size, _ = _measure(entry)
            yield Stale(path=Path(entry.path), kind="build", size_bytes=size, reason="build output that git does not track")


def _build_folders(tracked: frozenset[str]) -> set[str]:
    projects = {folder for folder, _, name in (path.rpartition("/") for path in tracked) if name in _BUILD_FILES}
    folders = {"."} | {folder or "." for folder in projects if not _NEVER & set(folder.split("/"))}
    return folders | {source for source in (os.path.normpath(f"{folder}/src") for folder in folders) if source in tracked}


def _stale_caches(root: Path, settings: Settings, *, tracked: frozenset[str] | None, now: float) -> Iterator[Stale]:
    limit = now - settings.clean_cache_age / 1000
    for entry in _matching(root, settings.clean_caches):
        # Where git cannot tell, only a folder that calls itself a cache (https://bford.info/cachedir/) is one.
        known = tracked is not None or os.path.lexists(f"{entry.path}/CACHEDIR.TAG")
        if known and not _why_kept(entry, root, settings, tracked=tracked or frozenset()):
            size, used = _measure(entry, until=limit)
            if used < limit:
                days = (now - used) / 86_400
                yield Stale(path=Path(entry.path), kind="caches", size_bytes=size, reason=f"a cache not used for {days:.0f} days")


def _leftovers(settings: Settings) -> Iterator[Stale]:
    for folder in (settings.backup_dir, settings.sync_dir, str(settings.state_dir)):
        for path in abandoned(settings.path(folder)):
            size = sum(_measure(entry)[0] for entry in _scan(path))
            yield Stale(path=path, kind="leftovers", size_bytes=size, reason="left by a run that did not end well")


def _matching(folder: Path, patterns: Collection[str]) -> Iterator[os.DirEntry[str]]:
    for entry in _scan(folder):
        if any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in patterns) and not entry.is_symlink():
            yield entry


def _why_kept(entry: os.DirEntry[str], root: Path, settings: Settings, *, tracked: frozenset[str]) -> str:
    path = Path(entry.path)
    if str(path.relative_to(root)) in tracked:
        return "git tracks files in it"
    if entry.name in _NEVER:
        return "it is never removed"
    for name in (".git", "pyvenv.cfg"):
        if os.path.lexists(path / name):
            return f"it holds {name}"
    own = (settings.path(settings.backup_dir), settings.path(settings.sync_dir), settings.path(settings.log_file))
    if any(kept.is_relative_to(path) for kept in own):
        return "the settings put other things there"
    return ""


def _measure(entry: os.DirEntry[str], *, until: float = float("inf")) -> tuple[int, float]:
    """Return the size and the last change of a file or tree; stop at a change later than ``until``."""
    found = entry.stat(follow_symlinks=False)
    size, changed = found.st_size, found.st_mtime
    if entry.is_dir(follow_symlinks=False):
        for inner in _scan(Path(entry.path)):
            if changed > until:
                break
            inner_size, inner_changed = _measure(inner, until=until)
            size, changed = size + inner_size, max(changed, inner_changed)
    return size, changed


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise NotWritableError(
            f"{folder} cannot be read: {exc.strerror}", hint="it may belong to another user; change its owner"
        ) from exc
