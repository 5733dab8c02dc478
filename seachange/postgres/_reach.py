"""Bring programs to where the user of the servers can run them: a virtual environment below /root is closed to it."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.partial import partial_folder
from seachange.postgres._docker import ContainerInstallation
from seachange.postgres._installation import Installation
from seachange.postgres._places import cache_folder, copy_tree, fresh_folder, publish, short_hash
from seachange.postgres._privileges import Identity, can_reach

__all__ = ["build_key", "open_to_all", "within_reach"]

_log = logging.getLogger(__name__)


def build_key(installation: Installation) -> str:
    """Return twelve digits that change when the server program does."""
    status = installation.program("postgres").stat()
    return short_hash(installation.bin_dir, installation.version, status.st_mtime_ns, status.st_size)


def within_reach(settings: Settings, installation: Installation, identity: Identity | None) -> Installation:
    """Return the installation, or a copy of it in the cache when ``identity`` cannot run what is there.

    :param settings: they say where the cache is.
    :param installation: what is to be run.
    :param identity: who is to run it; None for the user of this process.
    :raises BinaryNotFoundError: it cannot be run there and is nothing that could be copied.
    """
    if identity is None or isinstance(installation, ContainerInstallation) or _runs_as(installation, identity):
        return installation
    home = cache_folder(settings, "copies") / build_key(installation)
    parts = _parts(installation)
    if not home.exists():
        _log.info("copying PostgreSQL %s to %s for the user %s", installation.version, home, identity.name)
        _copy(parts, home, base=_base(installation))
    moved = home / installation.bin_dir.relative_to(_base(installation))
    return dataclasses.replace(installation, bin_dir=moved)


def _runs_as(installation: Installation, identity: Identity) -> bool:
    return all(can_reach(installation.program(name), identity) for name in ("postgres", "initdb")) and all(
        can_reach(folder, identity) for folder in _siblings(installation)
    )


def _siblings(installation: Installation) -> list[Path]:
    return [folder for name in ("lib", "share") if (folder := installation.bin_dir.parent / name).exists()]


def _base(installation: Installation) -> Path:
    return installation.bin_dir.parents[2] if _is_wheel(installation) else installation.bin_dir.parent


def _is_wheel(installation: Installation) -> bool:
    return installation.bin_dir.parent.name.startswith("pginstall")


def _parts(installation: Installation) -> list[Path]:
    prefix = installation.bin_dir.parent
    if _is_wheel(installation):
        # The programs find the shared libraries of the wheel by a path relative to themselves.
        bundled = prefix.parent.with_name(f"{prefix.parent.name}.libs")
        return [prefix, *([bundled] if bundled.exists() else [])]
    if len(_siblings(installation)) < 2:
        raise BinaryNotFoundError(
            f"the user of the server cannot run {installation.program('postgres')}, and {prefix} is no installation to copy",
            hint="install it where every user can read it, or run the command as an ordinary user",
        )
    return [installation.bin_dir, *_siblings(installation)]


def _copy(parts: list[Path], home: Path, *, base: Path) -> None:
    with partial_folder(home.parent) as work:
        work.chmod(0o755)
        for part in parts:
            target = work / part.relative_to(base)
            fresh_folder(target.parent)
            copy_tree(part, target, follow_links=True)
        open_to_all(work)
        publish(work, home)


def open_to_all(folder: Path) -> None:
    """Let every user read what is in ``folder``, and run what its owner can run."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            runs = mode & 0o100
            path.chmod((mode | 0o444 | (0o111 if runs else 0)) & 0o7755)
