"""What tests of servers need: processes that own servers, the processes of the system, and a wait with a deadline."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server

__all__ = [
    "ask",
    "children_of",
    "command_of",
    "folder_of",
    "open_folder",
    "owner_process",
    "processes_in",
    "processes_with",
    "soon",
]

_OWNER = """
import sys, time
from pathlib import Path
from seachange import config
from seachange.postgres.server import throwaway

settings = config.load(Path(sys.argv[1]))
with throwaway(settings) as server:
    print(server.data_dir.parent if server.data_dir else server.database("x").name, flush=True)
    time.sleep(120)
"""


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is ``folder`` or below: PostgreSQL works in its data directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
    return found


def processes_with(mark: str) -> list[int]:
    """Return the running processes that have ``mark`` in their command line or environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                texts = [(entry / name).read_bytes() for name in ("cmdline", "environ")]
            except OSError:
                continue
            if state != "Z" and any(mark.encode() in text for text in texts):
                found.append(int(entry.name))
    return found


def soon(condition: Callable[[], bool], *, seconds: float = 20.0) -> bool:
    """Whether ``condition`` becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def open_folder(*, in_memory: bool = True) -> Iterator[Path]:
    """Make a folder that every user can enter, which is removed at the end; in memory if there is room, which is quicker."""
    memory = Path("/dev/shm")
    roomy = in_memory and memory.is_dir() and shutil.disk_usage(memory).free > 2 * 1024**3
    folder = Path(tempfile.mkdtemp(prefix="seachange-test-", dir=memory if roomy else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def owner_process(settings: Settings) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a process that has a throwaway server, and yield it with the folder of that server."""
    environment = {**settings.environment, "SEACHANGE_CACHE_DIR": settings.cache_dir}
    command = [sys.executable, "-c", _OWNER, str(settings.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def folder_of(server: Server) -> Path:
    """Return the folder of a server of our own."""
    assert server.data_dir
    return server.data_dir.parent


def ask(database: Database, query: str) -> object:
    """Return the row that a query gives, or its only value."""
    with connect(database, autocommit=True) as session:
        row = session.execute(query).fetchone()
    assert row
    return row[0] if len(row) == 1 else row


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
