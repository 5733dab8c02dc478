"""Data checks of SQL, beside what the server itself says to it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import psycopg

from seachange.plan import Finding
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.safety.data_checks import derive, run_checks
from seachange.safety.facts import RevisionFacts, StatementFacts

__all__ = ["ask", "facts_of", "fails"]


def facts_of(statements: Sequence[str], *, revision: str = "0002", connection: Session | None = None) -> RevisionFacts:
    """Return a revision that sends these statements, one line each."""
    before = None
    if connection is not None:
        before = read_catalog(connection)
        connection.rollback()
    return RevisionFacts(
        revision=revision,
        before=before,
        statements=tuple(
            StatementFacts(sql=sql, number=number, file=f"{revision}.py", line=number, op="execute")
            for number, sql in enumerate(statements, start=1)
        ),
    )


def ask(database: Database, setup: str, statements: Sequence[str]) -> tuple[tuple[Finding, ...], bool]:
    """Return what the checks of a revision say in a database with these tables, and whether the server refuses it there."""
    with contextlib.closing(connect(database)) as connection:
        connection.execute(setup.encode())
        connection.commit()
        checks = derive(facts_of(statements, connection=connection))
        findings = run_checks(connection, checks, timeout_ms=10_000)
        connection.rollback()
        return findings, fails(connection, statements)


def fails(connection: Session, statements: Sequence[str]) -> bool:
    """Return whether the server refuses one of the statements."""
    try:
        for sql in statements:
            connection.execute(sql.encode())
    except psycopg.Error:
        return True
    finally:
        connection.rollback()
    return False
