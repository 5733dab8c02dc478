"""Where servers keep things: the cache, the short-lived folders of runs, and a home for data that must outlive a checkout."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import re
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from seachange.config import Settings
from seachange.errors import NotWritableError, OutOfDiskError, ServerStartError
from seachange.postgres._privileges import Identity, can_reach, server_identity, spawn

__all__ = [
    "cache_folder",
    "cache_root",
    "copy_tree",
    "durable_folder",
    "fits_socket",
    "fresh_folder",
    "place_tree",
    "publish",
    "run_root",
    "short_hash",
]

_SYSTEM_CACHE = Path("/var/cache/seachange")
DURABLE_ROOT = Path("/var/lib/seachange")
# sun_path has 108 bytes on Linux and 104 on macOS, with the final zero; ".s.PGSQL.5432.lock" is what comes after the folder.
_LONGEST_SOCKET_FOLDER = (103 if sys.platform == "darwin" else 107) - len("/.s.PGSQL.65535.lock")
_LONGEST_TEMP = 40
# Copying a data directory there takes half the time on a disk that is idle, and a tenth on one that is busy.
_MEMORY = Path("/dev/shm")  # noqa: S108
_MEMORY_ROOM = 2 * 1024**3
# unix_socket_directories is a list with quoting rules of its own, and -c takes its value literally.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@-]+")


def short_hash(*parts: object) -> str:
    """Return twelve hexadecimal digits that stand for ``parts``."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


def fits_socket(folder: Path) -> bool:
    """Whether a server can put its socket into ``folder``: PostgreSQL takes 107 bytes at most."""
    return len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER and bool(_PLAIN_PATH.fullmatch(str(folder)))


def cache_folder(settings: Settings, name: str) -> Path:
    """Return a folder of the cache that the user of the servers can enter; it is made if need be.

    :param settings: ``cache_dir`` counts; by default it is the user's cache folder.
    :param name: which part of the cache.
    :raises NotWritableError: it cannot be made.
    """
    return fresh_folder(cache_root(settings) / name)


def cache_root(settings: Settings) -> Path:
    """Return where the cache is; the folder need not exist."""
    identity = server_identity()
    if settings.cache_dir:
        asked = settings.path(settings.cache_dir)
        return asked if _reachable(asked, identity) else _SYSTEM_CACHE / short_hash(asked)
    default = _user_cache()
    if not _reachable(default, identity):
        return _SYSTEM_CACHE
    return default if _writable(default) else run_root() / "cache"


@functools.cache
def _user_cache() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("seachange")


def _existing(path: Path) -> Path:
    # Unlike Path.exists, this does not fail on a folder that is closed to us.
    return next(folder for folder in (path, *path.parents) if os.path.exists(folder))  # noqa: PTH110


def _reachable(path: Path, identity: Identity | None) -> bool:
    return identity is None or can_reach(_existing(path), identity)


def _writable(path: Path) -> bool:
    return os.access(_existing(path), os.W_OK | os.X_OK)


def durable_folder(root: Path) -> Path:
    """Return where the data of the project at ``root`` goes when the user of the server cannot enter the checkout."""
    return DURABLE_ROOT / f"{re.sub(r'[^A-Za-z0-9_-]', '', root.name)[:32]}-{short_hash(root)}"


def fresh_folder(path: Path) -> Path:
    """Make ``path`` and its parents if need be, open to the user of the servers whatever the umask is.

    :raises NotWritableError: it cannot be made.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            folder.chmod(0o755)
    except OSError as exc:
        raise NotWritableError(
            f"cannot make the folder {path}: {exc.strerror}", hint="set SEACHANGE_CACHE_DIR to a folder that is writable"
        ) from exc
    return path


def run_root(*, in_memory: bool = False) -> Path:
    """Return the folder of this user's runs: its path is short, and nobody else can put anything into it.

    :param in_memory: prefer a file system in memory, if there is one with room.
    :raises ServerStartError: somebody else has made a folder of that name.
    """
    return _private(_MEMORY if in_memory and _has_room(_MEMORY) else _temp())


def run_roots() -> tuple[Path, ...]:
    """Return the folders of this user's runs that exist."""
    folders = [parent / _run_name() for parent in (_temp(), _MEMORY)]
    return tuple(folder for folder in folders if folder.is_dir() and folder.stat().st_uid == os.geteuid())


def _run_name() -> str:
    return f"seachange-{os.geteuid()}"


def _temp() -> Path:
    temp = Path(tempfile.gettempdir()).resolve()
    if len(str(temp)) > _LONGEST_TEMP or not _PLAIN_PATH.fullmatch(str(temp)) or not _reachable(temp, server_identity()):
        return Path("/tmp")  # noqa: S108 - what is made there is checked for its owner
    return temp


def _has_room(memory: Path) -> bool:
    try:
        found = os.statvfs(memory)
    except OSError:
        return False
    return os.access(memory, os.W_OK | os.X_OK) and found.f_bavail * found.f_frsize >= _MEMORY_ROOM


def _private(parent: Path) -> Path:
    root = parent / _run_name()
    wanted = 0o711 if os.geteuid() == 0 else 0o700
    try:
        root.mkdir(mode=wanted, exist_ok=True)
        status = root.lstat()
    except OSError as exc:
        raise ServerStartError(f"cannot make the folder {root}: {exc.strerror}", hint="set TMPDIR to another folder") from exc
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ServerStartError(
            f"{root} is not a folder that only this user can write to", hint="remove it, or set TMPDIR to another folder"
        )
    if stat.S_IMODE(status.st_mode) != wanted:
        root.chmod(wanted)
    return root


def publish(folder: Path, target: Path) -> bool:
    """Give a finished folder its name; whoever comes second leaves what is there, which is as good.

    :param folder: a folder on the same file system.
    :param target: its name.
    :returns: whether it has that name now.
    """
    try:
        folder.rename(target)
    except OSError as exc:
        if exc.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def place_tree(source: Path, target: Path, *, identity: Identity | None, move: bool) -> None:
    """Move a folder that is not needed any more, or copy it; it is copied as well to another file system.

    :raises OutOfDiskError: the disk is full.
    :raises NotWritableError: it cannot be copied.
    """
    if move:
        with contextlib.suppress(OSError):
            source.rename(target)
            return
    copy_tree(source, target, identity=identity)


def copy_tree(source: Path, target: Path, *, identity: Identity | None = None, follow_links: bool = False) -> None:
    """Copy a folder, sharing the blocks where the file system can.

    :param source: an existing folder.
    :param target: the copy; it must not exist.
    :param identity: who copies.
    :param follow_links: copy what links point to.
    :raises OutOfDiskError: the disk is full.
    :raises NotWritableError: it cannot be copied.
    """
    links = ["-L"] if follow_links else []
    # cp is twice as fast as shutil for the thousand small files of a data directory: 0.04 s. That of BusyBox and of
    # macOS has no --reflink.
    said = _cp(["-a", "--reflink=auto", *links, source, target], identity)
    if said is not None and "reflink" in said:
        said = _cp(["-Rp", *links, source, target], identity)
    if said is None:
        return
    if "No space left" in said:
        raise OutOfDiskError(f"cannot copy {source} to {target}: the disk is full", hint="make room on the disk")
    raise NotWritableError(f"cannot copy {source} to {target}: {said}")


def _cp(arguments: list[str | Path], identity: Identity | None) -> str | None:
    with spawn(["cp", *arguments], identity=identity, output=subprocess.PIPE) as process:
        try:
            said = process.communicate()[0]
        except BaseException:
            process.kill()
            raise
    return None if process.returncode == 0 else said.decode(errors="replace").strip()
