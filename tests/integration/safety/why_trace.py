"""What squawk and the server say of the files of docs/why-trace/, as that page shows it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.safety.facts import RevisionFacts
from seachange.safety.trace import trace_sql
from seachange.testing.fixtures import fresh_database
from tests.project import REPOSITORY

__all__ = ["PAGE", "said_by_squawk", "said_by_the_server", "shop", "squawk", "traced", "transcript"]

PAGE = REPOSITORY / "docs" / "why-trace.md"
_FOLDER = REPOSITORY / "docs" / "why-trace"
_SQUAWK = Path(sys.executable).with_name("squawk")
# Advice about timeouts, repeated runs and types, which has nothing to do with what the statement does to the table.
_ELSEWHERE = "require-lock-timeout,require-statement-timeout,prefer-robust-stmts,prefer-bigint-over-int,prefer-text-field"


def squawk(*arguments: str) -> str:
    """Return what squawk prints."""
    command = [str(_SQUAWK), "--pg-version", "18", "--exclude", _ELSEWHERE, *arguments]
    return subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, check=False).stdout


@contextlib.contextmanager
def shop(server: Server) -> Iterator[Database]:
    """A database with the tables that the files are about."""
    with fresh_database(server) as database:
        with connect(database, autocommit=True) as session:
            session.execute((_FOLDER / "setup.sql").read_bytes())
        yield database


def traced(database: Database, name: str) -> RevisionFacts:
    """Return what a file does."""
    return trace_sql(database, (_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), file=f"{name}.sql")


def said_by_squawk(name: str) -> list[str]:
    """Return the lines that squawk has for a file, or that it has none."""
    return squawk("--reporter", "gcc", f"{name}.sql").splitlines() or ["nothing"]


def said_by_the_server(facts: RevisionFacts) -> list[str]:
    """Return the locks on tables, and the server's own messages, of the last statement."""
    done = facts.statements[-1]
    locks = [f"{lock.mode.words} on {lock.relation}" for lock in done.new_locks if lock.kind == "table"]
    # Where large values are kept has a number in its name.
    told = [message for message in done.messages if "pg_toast_" not in message]
    errors = [f"ERROR: {done.error.message}"] if done.error else []
    return [*locks, *told, *errors] or ["no lock on any table"]


def transcript(name: str, facts: RevisionFacts) -> str:
    """Return what the page shows of a file."""
    sql = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8").strip()
    squawks = "\n".join(f"  {line}" for line in said_by_squawk(name))
    server = "\n".join(f"  {line}" for line in said_by_the_server(facts))
    return f"$ scripts/why-trace {name}\n{sql}\nsquawk:\n{squawks}\nPostgreSQL:\n{server}\n"
