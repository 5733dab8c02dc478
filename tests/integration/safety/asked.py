"""Data checks of SQL, beside what the server itself says to it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from seachange.plan import Finding
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.safety.data_checks import derive, run_checks
from seachange.safety.facts import RevisionFacts, StatementFacts

if TYPE_CHECKING:
    from _pytest.mark.structures import ParameterSet

__all__ = ["Case", "ask", "facts_of", "fails", "read_cases", "said"]


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Tables, what a revision does to them, and what the checks say: severity, code and message of each finding."""

    setup: str
    statements: tuple[str, ...]
    says: tuple[str, ...]


def read_cases(name: str) -> list[ParameterSet]:
    """Return the cases of a file in the folder data_checks.

    Each begins with ``# what is special``; its three parts stand between lines ``---``. A line ``@users`` stands for the tables
    of that name in tables.txt.
    """
    tables = dict(_blocks("tables"))
    cases = []
    for title, text in _blocks(name):
        setup, sql, says = (part.strip("\n") for part in f"\n{text}".split("\n---"))
        setup = re.sub(r"^@(\w+)$", lambda found: tables[found[1]], setup, flags=re.MULTILINE)
        statements = tuple(line.removesuffix(";") for line in sql.splitlines())
        cases.append(pytest.param(Case(setup=setup, statements=statements, says=tuple(says.splitlines())), id=title))
    return cases


def _blocks(name: str) -> list[tuple[str, str]]:
    text = (Path(__file__).parent / "data_checks" / f"{name}.txt").read_text(encoding="utf-8")
    blocks = [block.partition("\n") for block in re.split(r"^# ", text, flags=re.MULTILINE) if block.strip()]
    return [(title, body) for title, _, body in blocks]


def said(finding: Finding) -> str:
    """Return severity, code and message of a finding."""
    return f"{finding.severity} {finding.code} {finding.message}"
