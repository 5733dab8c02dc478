"""Client programs on a terminal."""

from __future__ import annotations

import os
import pty
import sys
import time
from pathlib import Path

from seachange.postgres.connection import Database

_INTERACTIVE = """
import sys, tempfile
from pathlib import Path
from seachange.postgres import programs
from seachange.postgres.connection import parse

tempfile.tempdir = sys.argv[4]
status = programs.interactive(Path(sys.argv[1]), ["-X", "-P", "pager=off", "-c", sys.argv[3]], database=parse(sys.argv[2]))
print("status", status, sys.stdin.isatty(), flush=True)
"""


def _on_a_terminal(arguments: list[str], *, ctrl_c_after: str = "") -> str:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", _INTERACTIVE, *arguments])
    shown = b""
    try:
        while True:
            try:
                data = os.read(terminal, 4096)
            except OSError:
                break
            shown += data
            if ctrl_c_after and ctrl_c_after.encode() in shown:
                time.sleep(0.5)
                os.write(terminal, b"\x03")
                ctrl_c_after = ""
            if not data:
                break
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)
    return shown.decode()


class TestInteractive:
    """A program on the terminal has it for itself."""

    def test_program_has_the_terminal_and_returns_its_status(self, guarded: Database, psql: Path, private_folders: Path) -> None:
        shown = _on_a_terminal([str(psql), guarded.url(), "select 'user ' || current_user as who", str(private_folders)])

        assert "user ann" in shown
        assert "status 0 True" in shown

    def test_ctrl_c_is_for_the_program(self, guarded: Database, psql: Path, private_folders: Path) -> None:
        query = "do $$ begin raise notice 'begun'; perform pg_sleep(60); end $$"
        shown = _on_a_terminal([str(psql), guarded.url(), query, str(private_folders)], ctrl_c_after="begun")

        assert "canceling statement due to user request" in shown
        assert "status 1 True" in shown
