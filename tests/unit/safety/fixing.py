"""Revisions as text, and traces of them in which every line has scanned the table."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from seachange.postgres.catalog import Catalog, Column, Constraint, Index, Table, TypeRef
from seachange.safety.facts import RevisionFacts, StatementFacts
from seachange.safety.fix import Rewritten, rewrite

__all__ = ["HEADER", "bodies", "rewritten", "source"]

HEADER = '''\
"""Tighten the orders.

Revision ID: 0002
Revises: 0001
Create Date: 2026-03-09 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = ("shop",)
depends_on = None


'''


def source(up: str, down: str = "pass") -> str:
    parts = (textwrap.indent(textwrap.dedent(each).strip("\n"), "    ") for each in (up, down))
    return "{}def upgrade() -> None:\n{}\n\n\ndef downgrade() -> None:\n{}\n".format(HEADER, *parts)


def _column(name: str, *, not_null: bool = False) -> Column:
    return Column(name=name, type="integer", type_ref=TypeRef(schema="pg_catalog", name="int4"), not_null=not_null)


def _catalog(*, constraints: Iterable[Constraint] = (), indexes: Iterable[Index] = ()) -> Catalog:
    columns = (_column("id", not_null=True), _column("amount"))
    orders = Table(schema="public", name="orders", columns=columns, constraints=tuple(constraints), indexes=tuple(indexes))
    return Catalog(server_version=180000, tables=(orders, Table(schema="public", name="customers", columns=columns)))


def rewritten(text: str, *, major: int = 18, before: Catalog | None = None) -> Rewritten:
    """Rewrite a revision each line of which scans the table."""
    statements = tuple(
        StatementFacts(sql="", line=line, scans={"public.orders": 1}, verified=("public.orders",))
        for line in range(1, text.count("\n") + 1)
    )
    before = before or _catalog()
    facts = RevisionFacts(revision="0002", statements=statements, major=major, before=before, after=before)
    return rewrite(text, facts, major=major)


def bodies(text: str) -> str:
    return text[text.index("def upgrade") :]
