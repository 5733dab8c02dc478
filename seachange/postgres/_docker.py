"""PostgreSQL in containers of the image ``postgres:N``; exercised against a stub of the docker program only, never an engine.

The programs of the image run on the folders of the host, which are mounted under their own names, and as the user of the
host that owns them. So a data directory and its socket are used exactly as those of a local server. That works where
containers share the kernel of the host: on Linux.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from seachange.config import Settings
from seachange.postgres._installation import Installation
from seachange.postgres._privileges import Identity, server_identity
from seachange.postgres._scan import search_path

__all__ = ["MAJORS", "ContainerInstallation", "from_docker", "starter"]

_log = logging.getLogger(__name__)

MAJORS = (18, 17, 16, 15, 14)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContainerInstallation(Installation):
    """The programs of an image; each runs in a container that is removed when it ends."""

    docker: Path
    folder: Path | None = None

    def within(self, folder: Path) -> ContainerInstallation:
        """Return the installation with a folder of the host that its programs see."""
        return dataclasses.replace(self, folder=folder)

    def command(self, name: str, arguments: Sequence[str | Path]) -> list[str]:
        """Return the command line that runs a program in a container; signals to it reach the program."""
        self.program(name)
        identity = server_identity() or Identity(name="", uid=os.geteuid(), gid=os.getegid())
        # initdb looks up the name of its user, and the image knows none of the host's users.
        mounts = ["--volume", "/etc/passwd:/etc/passwd:ro"]
        mounts += ["--volume", f"{self.folder}:{self.folder}"] if self.folder else []
        options = ["--rm", "--network", "none", "--user", f"{identity.uid}:{identity.gid}", *mounts, "--entrypoint", name]
        return [str(self.docker), "run", *options, f"postgres:{self.major}", *map(str, arguments)]


def starter(installation: Installation, identity: Identity | None) -> Identity | None:
    """Return as whom to start the programs that are to run as ``identity``: the docker program changes the user itself."""
    return None if isinstance(installation, ContainerInstallation) else identity


def from_docker(settings: Settings) -> tuple[ContainerInstallation, ...]:
    """Return the supported majors when there is a docker program and an engine answers it."""
    found = shutil.which("docker", path=search_path(settings))
    if not found or not _answers(found):
        return ()
    return tuple(
        ContainerInstallation(
            major=major,
            version=str(major),
            bin_dir=Path("/usr/lib/postgresql") / str(major) / "bin",
            source="docker",
            programs=frozenset({"postgres", "initdb"}),
            docker=Path(found),
        )
        for major in MAJORS
    )


def _answers(docker: str) -> bool:
    try:
        done = subprocess.run(
            [docker, "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        _log.debug("docker does not run: %s", exc)
        return False
    return done.returncode == 0 and bool(done.stdout.strip())
