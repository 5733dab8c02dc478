"""What tests of sessions need: the answer to a query, and roles for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg

from seachange.postgres.connection import Database, Session, connect

__all__ = ["temporary_role", "value_of"]


def value_of(session: Session, query: str) -> object:
    """Return the row that a query gives, or its only value."""
    row = session.execute(query).fetchone()
    assert row
    return row[0] if len(row) == 1 else row


@contextlib.contextmanager
def temporary_role(database: Database, options: str) -> Iterator[str]:
    """A role with these options, dropped at the end."""
    name = f'role of "{database.name}"'
    identifier = psycopg.sql.Identifier(name).as_string()
    with connect(database, autocommit=True) as session:
        session.execute(f"create role {identifier} {options}")
        try:
            yield name
        finally:
            session.execute(f"drop role {identifier}")
