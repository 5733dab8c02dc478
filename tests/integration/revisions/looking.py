"""Look at a database from outside, and write revisions into a scenario."""

from __future__ import annotations

import contextlib
from typing import Any

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import current


def ask(database: Database, query: str) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [row[0] for row in session.execute(query).fetchall()]


def tables(database: Database) -> list[str]:
    return ask(database, "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1")


def at(database: Database, settings: Settings) -> tuple[str, ...]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return current(session, settings)


def write_revision(settings: Settings, name: str, *, down: str, body: str, undo: str = "pass") -> None:
    text = (
        f'from alembic import op\n\nrevision = "{name}"\ndown_revision = "{down}"\n\n\n'
        f"def upgrade():\n{body}\n\n\ndef downgrade():\n    {undo}\n"
    )
    (settings.root / "migrations" / "versions" / f"{name}.py").write_text(text)


def body(*statements: str) -> str:
    return "\n".join(f"    {statement}" for statement in statements)
