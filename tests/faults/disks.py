"""Small disks that every user can enter."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.postgres.server import Server
from tests.integration.backup.conftest import fill

__all__ = ["make_tablespace", "open_folder", "small_disk_for_all"]


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that every user can enter, unlike those of the tests."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="sc-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.contextmanager
def small_disk_for_all(size: str) -> Iterator[Path]:
    """Mount a file system of so many bytes (``2m``) for the length of the block; where that is forbidden the test is skipped."""
    with open_folder() as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "seachange-test", str(folder)]
        if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("a small disk needs the right to mount a tmpfs: run as root")
        try:
            yield folder
        finally:
            subprocess.run(["umount", str(folder)], check=True)


def make_tablespace(server: Server, folder: Path) -> None:
    """Make the tablespace ``small`` in a folder of its own there."""
    inside = folder / "tablespace"
    inside.mkdir(mode=0o700)
    if server.data_dir is not None:
        owner = server.data_dir.stat()
        os.chown(inside, owner.st_uid, owner.st_gid)
    fill(server.database(), f"CREATE TABLESPACE small LOCATION '{inside}'")
