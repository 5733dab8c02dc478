"""A real pgbouncer before a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.postgres._privileges import give, server_identity, spawn
from seachange.postgres.connection import Database
from tests.integration.postgres.processes import open_folder

__all__ = ["pooled"]

_PORT = "6432"
_CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr =
listen_port = {listen_port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = 3
"""


def _program() -> str:
    found = os.environ.get("SEACHANGE_PGBOUNCER") or shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found:
        return found
    reason = "no pgbouncer: install it, or SEACHANGE_PGBOUNCER=$(scripts/dev scripts/pgbouncer)"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@contextlib.contextmanager
def pooled(database: Database, mode: str) -> Iterator[Database]:
    """Yield the address of ``database`` behind a pgbouncer in pool mode ``mode``."""
    program, identity = _program(), server_identity()
    with open_folder() as folder:
        parameters = database.parameters
        text = _CONFIGURATION.format(
            host=parameters["host"], port=parameters.get("port", "5432"), listen_port=_PORT, folder=folder, mode=mode
        )
        (folder / "pgbouncer.ini").write_text(text)
        (folder / "users.txt").write_text(f'"{parameters.get("user", "postgres")}" ""\n')
        give(folder, identity)
        process = spawn([program, "--quiet", str(folder / "pgbouncer.ini")], identity=identity)
        try:
            _wait_for(folder / f".s.PGSQL.{_PORT}")
            yield database.with_parameters(host=str(folder), port=_PORT)
        finally:
            process.terminate()
            process.wait()


def _wait_for(socket: Path) -> None:
    deadline = time.monotonic() + 10
    while not socket.exists():
        assert time.monotonic() < deadline, "pgbouncer has not started"
        time.sleep(0.02)
