"""Where a project's embedded server lives: its data, log, locks and socket."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.errors import NotWritableError, ServerStartError
from seachange.postgres import interrupt
from seachange.postgres._places import DURABLE_ROOT, durable_folder, fits_socket, fresh_folder, run_root, short_hash
from seachange.postgres._privileges import Identity, can_reach, give, owner, server_identity

__all__ = ["Home", "deserted_homes", "find_home", "make_home", "remove"]

_log = logging.getLogger(__name__)

_POLL_S = 0.02
_POINTER = "location"
_PROJECT = "project"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Home:
    """The folder of one embedded server; ``identity`` is as whom it runs."""

    folder: Path
    identity: Identity | None

    @property
    def data_dir(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log_file(self) -> Path:
        """What the server writes."""
        return self.folder / "server.log"

    @property
    def socket_dir(self) -> Path:
        """Where its socket goes: beside the data, if the path is short enough for PostgreSQL."""
        beside = self.folder / "run"
        return beside if fits_socket(beside) else run_root() / f"embedded-{short_hash(self.folder)}"

    @property
    def major(self) -> int:
        """The major version of the data directory, 0 when there is none."""
        try:
            return int((self.data_dir / "PG_VERSION").read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as exc:
            raise ServerStartError(
                f"the data directory {self.data_dir} cannot be read: {exc}",
                hint=f"run the command as the user who made it, or move {self.folder} away to begin anew",
            ) from exc

    @property
    def running(self) -> bool:
        """Whether a server has the data directory open, in whichever container: it holds a lock as long as it lives."""
        try:
            with self.open_lock() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    @contextlib.contextmanager
    def open_lock(self, *, create: bool = False) -> Iterator[int]:
        """Open the file whose lock the server holds; the descriptor is yielded."""
        # Open for writing, because network file systems lock nothing else exclusively.
        how = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        descriptor = os.open(self.folder / "alive.lock", how | os.O_CLOEXEC, 0o644)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def exclusive(self, *, timeout_s: float) -> Iterator[None]:
        """Let one process at a time start or stop the server.

        :raises ServerStartError: another one takes longer than that.
        """
        deadline = time.monotonic() + timeout_s
        with (self.folder / "start.lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ServerStartError(
                            f"another command has been starting or stopping the server of {self.folder} for {timeout_s:g} s",
                            hint="end that command, then try again",
                        ) from None
                    interrupt.sleep(_POLL_S)
                else:
                    break
            yield


def find_home(settings: Settings) -> Home | None:
    """Return the home of the project's server, or None when it has never had one."""
    folder = _folder(settings)
    if not folder.is_dir():
        return None
    data_dir = folder / "data"
    identity = server_identity()
    if data_dir.exists():
        _check_owner(data_dir)
        identity = owner(data_dir) or identity
    return Home(folder=folder, identity=identity)


def _check_owner(data_dir: Path) -> None:
    owned_by = data_dir.stat().st_uid
    if os.geteuid() not in (0, owned_by):
        raise ServerStartError(
            f"the embedded server's data in {data_dir} belongs to another user (uid {owned_by})",
            hint=f"run the command as that user, or move {data_dir.parent} away to begin anew",
        )


def make_home(settings: Settings) -> Home:
    """Return the home of the project's server; it is made if need be.

    :raises NotWritableError: it cannot be made.
    """
    found = find_home(settings)
    if found is None:
        folder = _folder(settings)
        _ignored_by_git(settings)
        identity = server_identity()
        fresh_folder(folder)
        found = Home(folder=folder, identity=identity)
    if not found.folder.is_relative_to(settings.state_dir):
        _point(settings, found)
    # The socket's folder may be gone: the system empties its folder of temporary files.
    fresh_folder(found.socket_dir)
    found.socket_dir.chmod(0o700)
    give(found.socket_dir, found.identity)
    return found


def _point(settings: Settings, home: Home) -> None:
    pointer = fresh_folder(settings.state_dir / "postgres") / _POINTER
    if not pointer.exists():
        _log.info("the user of the server cannot enter %s: its data is in %s", settings.root, home.folder)
    # Renamed into its place, so that another command never reads half of it.
    written = pointer.with_name(f"{_POINTER}.{os.getpid()}")
    written.write_text(f"{home.folder}\n", encoding="utf-8")
    written.replace(pointer)
    (home.folder / _PROJECT).write_text(f"{settings.root}\n", encoding="utf-8")


def _ignored_by_git(settings: Settings) -> None:
    try:
        settings.make_state_dir()
    except OSError as exc:
        message = f"cannot make the folder {settings.state_dir}: {exc.strerror}"
        raise NotWritableError(message, hint="check the permissions of the project's folder") from exc


def _folder(settings: Settings) -> Path:
    inside = settings.state_dir / "postgres"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        pointed = Path((inside / _POINTER).read_text(encoding="utf-8").strip())
        # A file that is empty or of somebody else must not lead to any other folder: what is found may be removed.
        if pointed.parent == DURABLE_ROOT and pointed.name != ".." and not pointed.is_symlink() and pointed.is_dir():
            return pointed
    if (inside / "data").exists() or can_reach(settings.root, server_identity()):
        return inside
    return durable_folder(settings.root)


def deserted_homes() -> list[Home]:
    """Return the homes of projects that were in the system's folder of temporary files and are gone.

    Of other projects nothing is returned: a checkout may have been moved, or be on a disk that is not mounted.
    """
    temp = Path(tempfile.gettempdir()).resolve()
    found = []
    for marker in DURABLE_ROOT.glob(f"*/{_PROJECT}"):
        if os.access(marker.parent, os.W_OK):
            root = Path(marker.read_text(encoding="utf-8").strip())
            if root.is_relative_to(temp) and not root.exists():
                found.append(Home(folder=marker.parent, identity=server_identity()))
    return found


def remove(home: Home) -> None:
    """Remove the data, the log and all else of a server that does not run."""
    for folder in (home.socket_dir, home.folder):
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
