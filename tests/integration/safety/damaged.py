"""Databases and findings for the tests of this folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from seachange.plan import Finding
from seachange.postgres.connection import Database, Session, connect

__all__ = ["PETS", "filled", "said"]

PETS = """
create table clients (id integer primary key);
create table pets (id integer primary key, client_id integer);
insert into clients values (1);
insert into pets values (1, 1), (2, 17), (3, 17), (4, 18), (5, null);
"""


@contextlib.contextmanager
def filled(database: Database, script: str) -> Iterator[Session]:
    """Run a script in a database and open a session there."""
    with contextlib.closing(connect(database)) as connection:
        connection.execute(script.encode())
        connection.commit()
        yield connection


def said(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    """Return the code and message of each finding."""
    return [(finding.code, finding.message) for finding in findings]
