"""Unpack wheels and npm packages with their executable bits and links, and nothing outside their folder."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

__all__ = ["make_links", "unpack_tar", "unpack_wheel"]


def unpack_wheel(wheel: Path, folder: Path) -> None:
    """Unpack a wheel; the standard library's own extraction would drop the executable bits.

    :raises ValueError: it is damaged.
    :raises OSError: a file cannot be written.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    with archive.open(entry) as source:
                        _write(source, folder, entry.filename, runs=bool(entry.external_attr >> 16 & 0o100))
    except (zipfile.BadZipFile, zlib.error) as exc:
        raise ValueError(f"{wheel.name} is damaged: {exc}") from exc


def unpack_tar(path: Path, folder: Path) -> None:
    """Unpack the regular files of a tar archive.

    :raises ValueError: it is damaged.
    :raises OSError: a file cannot be written.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:
                source = archive.extractfile(entry) if entry.isfile() else None
                if source:
                    with source:
                        _write(source, folder, entry.name, runs=bool(entry.mode & 0o100))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as exc:
        raise ValueError(f"{path.name} is damaged: {exc}") from exc


def _write(source: IO[bytes], folder: Path, name: str, *, runs: bool) -> None:
    target = _inside(folder, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(source, file)
    target.chmod(0o755 if runs else 0o644)


def make_links(folder: Path, listed: Path) -> None:
    """Make the links that npm cannot carry: a JSON list of ``source`` and ``target``, both relative to ``folder``.

    :raises ValueError: the list is malformed.
    :raises OSError: a link cannot be made.
    """
    if not listed.exists():
        return
    try:
        pairs = [(str(entry["source"]), str(entry["target"])) for entry in json.loads(listed.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError) as exc:
        raise ValueError(f"{listed.name} is malformed: {exc}") from exc
    for source, target in pairs:
        link = _inside(folder, target)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(_inside(folder, source), link.parent))


def _inside(folder: Path, name: str) -> Path:
    path = Path(os.path.normpath(folder / name))
    if not path.is_relative_to(folder):
        raise ValueError(f"{name} points out of its package")
    return path
