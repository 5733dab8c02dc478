"""Data directories in the cache: published whole, checked after a reboot, kept from being pruned while they are copied."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from seachange.partial import partial_folder, remove_published, shared
from seachange.postgres._places import publish, short_hash
from seachange.postgres._privileges import Identity, give

__all__ = ["hold", "keep", "prune"]

_log = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SEAL = "seal"


def keep(folder: Path, identity: Identity | None, fill: Callable[[Path], None]) -> bool:
    """Make a folder of the cache that holds a data directory; whoever comes second leaves what is there.

    :param folder: its path; its parent exists.
    :param identity: whose it is.
    :param fill: puts the data directory where it is told.
    :returns: whether it was this one that was kept.
    """
    with partial_folder(folder.parent) as work:
        give(work, identity)
        fill(work / "data")
        _seal(work)
        return publish(work, folder)


def hold(stack: contextlib.ExitStack, folder: Path) -> bool:
    """Keep a folder of the cache from being pruned as long as ``stack`` is open, and note that it was used.

    :returns: whether it is there, and whole.
    """
    with contextlib.ExitStack() as mine:
        try:
            mine.enter_context(shared(folder))
        except FileNotFoundError:
            return False
        if _is_whole(folder):
            os.utime(folder)
            stack.push(mine.pop_all())
            return True
    _log.warning("%s was not written completely before the system went down, and is made anew", folder)
    remove_published(folder, later=True)
    return False


def _seal(folder: Path) -> None:
    (folder / _SEAL).write_text(f"{_boot_id()}\n{_listing(folder / 'data')}\n", encoding="ascii")


def _is_whole(folder: Path) -> bool:
    # Nothing here is synced, which would take longer than all the rest. So a crash of the system can leave files behind
    # that are shorter than they were; after a clean shutdown nothing is missing.
    try:
        boot, listing, _ = (folder / _SEAL).read_text(encoding="ascii").split("\n")
    except (OSError, ValueError):
        return False
    if boot == _boot_id():
        return True
    if listing != _listing(folder / "data"):
        return False
    _seal(folder)
    return True


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _listing(data_dir: Path) -> str:
    found = [
        (os.path.relpath(path, data_dir), os.stat(path).st_size)  # noqa: PTH116 - pathlib takes four times as long
        for parent, _, names in os.walk(data_dir)
        for path in (os.path.join(parent, name) for name in names)  # noqa: PTH118
    ]
    return short_hash(*sorted(found))


def prune(folders: list[Path], *, to: int) -> list[Path]:
    """Remove all but the ``to`` most recently used folders of the cache; those in use stay.

    :returns: what was removed.
    """
    by_use = sorted(folders, key=_last_use, reverse=True)
    return [folder for folder in by_use[to:] if remove_published(folder, later=True)]


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
