"""What is left after a fault, in words for the record."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.backup import list_backups
from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import Database, connect
from tests.integration.backup.conftest import left_in

__all__ = ["ask", "backups_left", "failure", "first_line", "processes_with", "soon"]


def failure(caught: pytest.ExceptionInfo[SeachangeError]) -> str:
    """Return the exit code and the message of an error, as a command would."""
    return f'exit {int(caught.value.exit_code)}, "{caught.value.message}"'


def first_line(text: str, *, beginning: str = "error: ") -> str:
    """Return the first line of an output that begins so, without that."""
    lines = (line.strip() for line in text.splitlines())
    return next((line.removeprefix(beginning) for line in lines if line.startswith(beginning)), "")


def backups_left(settings: Settings) -> str:
    """Say what is in the folder of the backups, every digest compared."""
    whole = [backup.name for backup in list_backups(settings, digests=True) if backup.complete]
    others = sorted(set(left_in(settings)) - set(whole))
    count = "no backup" if not whole else "one whole backup" if len(whole) == 1 else f"{len(whole)} whole backups"
    return f"{count} and {', '.join(others)} in the folder" if others else f"{count}, nothing else in the folder"


def ask(database: Database, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(query.encode()).fetchall()


def processes_with(mark: str) -> list[str]:
    """Return the commands of the processes that carry a mark in their environment or command, but not of this one."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                texts = [(folder / name).read_bytes() for name in ("cmdline", "environ")]
                if any(mark.encode() in text for text in texts) and texts[0]:
                    found.append(texts[0].replace(b"\0", b" ").decode(errors="replace"))
    return found


def soon(condition: Callable[[], object], *, timeout_s: float = 20) -> bool:
    """Wait until something holds, and return whether it did."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
