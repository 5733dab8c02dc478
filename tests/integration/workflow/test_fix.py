"""Tests of seachange.workflow.fix: each kind of fix on the oldest and the newest server, both forms traced there."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.workflow.fix import Fix, plan_fix
from tests.project import Project, clean_environment

_MAJORS = [pytest.param(14, id="pg14"), pytest.param(18, id="pg18")]
_HEADER = '''\
"""{title}

Revision ID: {revision}
Revises: {parent}
Create Date: 2026-03-09 09:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{parent}"
branch_labels = None
depends_on = None


'''


@pytest.fixture
def shop(scenario: Callable[[str], Project]) -> Project:
    """A project whose second revision each test writes."""
    project = scenario("unsafe")
    (project.path / "migrations/versions/0002_tighten_the_orders.py").unlink()
    return project


def _write(project: Project, up: str, down: str, *, revision: str = "0002", parent: str = "0001") -> Path:
    bodies = (textwrap.indent(textwrap.dedent(each).strip("\n"), "    ") for each in (up, down))
    text = "{}def upgrade() -> None:\n{}\n\n\ndef downgrade() -> None:\n{}\n".format(
        _HEADER.format(title="Change the shop", revision=revision, parent=parent), *bodies
    )
    path = project.path / f"migrations/versions/{revision}_change_the_shop.py"
    path.write_text(text)
    return path


def _settings(project: Project) -> Settings:
    return config.load(project.path, environ=clean_environment())


def _fixed(project: Project, major: int) -> Fix:
    return plan_fix(_settings(project), revision="0002", major=major)


_KINDS = [
    pytest.param('op.create_index("ix", "orders", ["amount"])', 'op.drop_index("ix", table_name="orders")', id="index"),
    pytest.param('op.execute("CREATE INDEX ix ON orders (amount)")', 'op.execute("DROP INDEX ix")', id="index in SQL"),
    pytest.param('op.create_index("ix", "orders", ["amount"], unique=True)', 'op.drop_index("ix")', id="unique index"),
    pytest.param('op.create_check_constraint("ck", "orders", "amount > 0")', 'op.drop_constraint("ck", "orders")', id="check"),
    pytest.param(
        'op.execute("ALTER TABLE orders ADD CONSTRAINT ck CHECK (amount > 0)")',
        'op.execute("ALTER TABLE orders DROP CONSTRAINT ck")',
        id="check in SQL",
    ),
    pytest.param(
        'op.create_foreign_key("fk", "orders", "customers", ["customer_id"], ["id"])',
        'op.drop_constraint("fk", "orders", type_="foreignkey")',
        id="foreign key",
    ),
    pytest.param(
        'op.create_foreign_key(None, "orders", "customers", ["customer_id"], ["id"])',
        'op.drop_constraint("orders_customer_id_fkey", "orders", type_="foreignkey")',
        id="foreign key that the server names",
    ),
    pytest.param(
        'op.alter_column("orders", "amount", existing_type=sa.Integer(), nullable=False)',
        'op.alter_column("orders", "amount", existing_type=sa.Integer(), nullable=True)',
        id="not null",
    ),
    pytest.param(
        'op.execute("ALTER TABLE orders ALTER amount SET NOT NULL")',
        'op.execute("ALTER TABLE orders ALTER amount DROP NOT NULL")',
        id="not null in SQL",
    ),
    pytest.param('op.create_unique_constraint("uq", "orders", ["amount"])', 'op.drop_constraint("uq", "orders")', id="unique"),
    pytest.param(
        'op.execute("ALTER TABLE orders ADD CONSTRAINT uq UNIQUE (amount) DEFERRABLE INITIALLY DEFERRED")',
        'op.execute("ALTER TABLE orders DROP CONSTRAINT uq")',
        id="unique in SQL",
    ),
]


@pytest.mark.parametrize("major", _MAJORS)
@pytest.mark.parametrize(("up", "down"), _KINDS)
def test_no_long_work_is_left_while_others_wait_and_the_schema_is_the_same(shop: Project, up: str, down: str, major: int) -> None:
    _write(shop, up, down)

    fix = _fixed(shop, major)

    assert (fix.refused, fix.left) == ("", ())
    assert fix.offered
    assert fix.before.writers > 0
    assert fix.after is not None
    assert (fix.after.readers, fix.after.writers) == (0, 0)
    assert fix.facts[-1] == f"tried up, down and up again on PostgreSQL {major}: it leads to the same schema"
