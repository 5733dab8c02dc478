"""What the tests of client programs share: the programs, a server that asks for a password, and a private folder."""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres import binaries
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server, throwaway

__all__ = ["PASSWORD", "SH"]

SH = Path("/bin/sh")
PASSWORD = "k4n4ry:\\ '\"@/%ü$`"


@pytest.fixture
def psql(settings: Settings, server: Server) -> Path:
    return binaries.client(settings, "psql", major=server.major)


@pytest.fixture
def pg_dump(settings: Settings, server: Server) -> Path:
    return binaries.client(settings, "pg_dump", major=server.major)


@pytest.fixture(autouse=True)
def private_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where passwords are put for the programs; nothing may be left there."""
    folder = tmp_path / "private"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture(scope="package")
def guarded(settings: Settings) -> Iterator[Database]:
    """A database that is reached over TCP, with a password of special characters only."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    own = {key: value for key, value in settings.environment.items() if key != "SEACHANGE_ADMIN_URL"}
    options = {"listen_addresses": "127.0.0.1", "port": port}
    with throwaway(dataclasses.replace(settings, environment=own), options=options) as server:
        with connect(server.database("postgres"), autocommit=True) as session:
            session.execute("create role ann login superuser")
            session.execute("select set_config('password_encryption', 'scram-sha-256', false)")
            session.execute("alter role ann password " + "'" + PASSWORD.replace("'", "''") + "'")
        yield server.database("postgres").with_parameters(host="127.0.0.1", port=port, user="ann", password=PASSWORD)
