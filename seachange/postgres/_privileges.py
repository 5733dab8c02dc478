"""Servers refuse to run as root: as whom they run instead, and what that user can reach."""

from __future__ import annotations

import dataclasses
import os
import pwd
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from seachange.errors import ServerStartError

__all__ = ["Identity", "can_reach", "give", "owner", "server_identity", "spawn"]

_CANDIDATES = ("postgres", "nobody")
_PASSED_ON = (
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int


def server_identity() -> Identity | None:
    """Return the user that servers run as, or None when that is the user of this process.

    :raises ServerStartError: this is root and there is nobody else.
    """
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Identity(name=name, uid=found.pw_uid, gid=found.pw_gid)
    raise ServerStartError(
        "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor a user nobody",
        hint="add one (useradd --system postgres), or run the command as an ordinary user",
    )


def owner(path: Path) -> Identity | None:
    """Return the owner of ``path`` when this is root and the owner is somebody else; otherwise None."""
    status = path.stat()
    if os.geteuid() != 0 or status.st_uid == 0:
        return None
    try:
        name = pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        name = str(status.st_uid)
    return Identity(name=name, uid=status.st_uid, gid=status.st_gid)


def can_reach(path: Path, identity: Identity | None) -> bool:
    """Whether ``identity`` may enter every folder down to ``path`` and read what it names; None may.

    :param path: an existing file or folder; links are followed.
    """
    if identity is None:
        return True
    real = path.resolve()
    wanted = stat.S_IROTH | stat.S_IXOTH if os.access(real, os.X_OK) else stat.S_IROTH
    return _allows(real, identity, wanted=wanted) and all(
        _allows(folder, identity, wanted=stat.S_IXOTH) for folder in real.parents
    )


def _allows(path: Path, identity: Identity, *, wanted: int) -> bool:
    status = path.stat()
    if status.st_uid == identity.uid:
        wanted <<= 6
    elif status.st_gid == identity.gid:
        wanted <<= 3
    return status.st_mode & wanted == wanted


def give(path: Path, identity: Identity | None) -> None:
    """Make ``identity`` the owner of one file or folder; None changes nothing."""
    if identity is not None:
        os.chown(path, identity.uid, identity.gid)


def spawn(
    arguments: Sequence[str | Path],
    *,
    identity: Identity | None,
    stdin: int = subprocess.DEVNULL,
    output: IO[bytes] | int = subprocess.DEVNULL,
    variables: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in its own session, as ``identity``, with an environment that cannot mislead a server.

    :param arguments: the program and its arguments.
    :param identity: as whom; None as the user of this process.
    :param stdin: its standard input.
    :param output: where both its standard output and its standard error go.
    :param variables: additions to its environment; no variable of libpq or of the locale is passed on from ours.
    :param pass_fds: descriptors that it inherits.
    :raises ServerStartError: this root may not become somebody else.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **(variables or {})}
    try:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            user=identity.uid if identity else None,
            group=identity.gid if identity else None,
            extra_groups=[] if identity else None,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except OSError as exc:
        if identity is None:
            raise ServerStartError(f"cannot run {arguments[0]}: {exc}") from exc
        raise ServerStartError(
            f"cannot run {arguments[0]} as the user {identity.name}: {exc}",
            hint="a container needs the capabilities SETUID and SETGID for that; or run the command as an ordinary user",
        ) from exc
