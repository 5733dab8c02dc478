"""Databases that a script has filled."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.testing.fixtures import fresh_database

__all__ = ["filled_database"]


@contextlib.contextmanager
def filled_database(server: Server, script: str) -> Iterator[Database]:
    """Make a database by a script, and drop it afterwards."""
    with fresh_database(server) as database:
        with contextlib.closing(connect(database, autocommit=True)) as connection:
            connection.execute(script.encode())
        yield database
