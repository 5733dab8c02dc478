"""Tests of seachange.workflow.fix: each kind of fix on the oldest and the newest server, both forms traced there."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import RefusedError
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from seachange.revisions.runner import downgrade, upgrade
from seachange.testing.fixtures import fresh_database
from seachange.workflow.fix import Fix, plan_fix, write_fix
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
    pytest.param(
        'op.add_column("orders", sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))',
        'op.drop_column("orders", "token")',
        id="volatile default",
    ),
    pytest.param(
        'op.execute("ALTER TABLE orders ADD COLUMN number bigserial")',
        'op.execute("ALTER TABLE orders DROP COLUMN number")',
        id="serial",
    ),
    pytest.param(
        'op.add_column("orders", sa.Column("number", sa.Integer(), sa.Identity(start=10), nullable=False))',
        'op.drop_column("orders", "number")',
        id="identity",
    ),
    pytest.param(
        'op.add_column("orders", sa.Column("code", sa.Text(), sa.CheckConstraint("code <> \'\'"), unique=True))',
        'op.drop_column("orders", "code")',
        id="inline check and unique",
    ),
    pytest.param(
        'op.alter_column("orders", "amount", existing_type=sa.Integer(), type_=sa.BigInteger())',
        'op.alter_column("orders", "amount", existing_type=sa.BigInteger(), type_=sa.Integer())',
        id="type",
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
    assert fix.facts[-1].startswith(f"tried up, down and up again on PostgreSQL {major}: it leads to the same schema")


_EXPANDED = [
    pytest.param(
        """
        op.alter_column("orders", "placed_on", nullable=False, server_default=sa.text("CURRENT_DATE"))
        op.create_index("ix", "orders", ["placed_on", "amount"])
        """,
        'op.alter_column("orders", "placed_on", existing_type=sa.Date(), type_=sa.TIMESTAMP())',
        'op.alter_column("orders", "placed_on", existing_type=sa.TIMESTAMP(), type_=sa.Date())',
        id="type of a column with index, default and NOT NULL",
    ),
    pytest.param(
        'op.alter_column("orders", "amount", nullable=False, server_default="1")',
        'op.alter_column("orders", "amount", new_column_name="cents")',
        'op.alter_column("orders", "cents", new_column_name="amount")',
        id="rename",
    ),
]


@pytest.mark.parametrize("major", _MAJORS)
@pytest.mark.parametrize(("before", "up", "down"), _EXPANDED)
def test_a_column_is_expanded_beside_running_code(shop: Project, before: str, up: str, down: str, major: int) -> None:
    _write(shop, before, "pass")
    _write(shop, up, down, revision="0003", parent="0002")

    fix = plan_fix(_settings(shop), revision="0003", major=major)

    assert (fix.refused, fix.left) == ("", ())
    assert fix.after is not None
    assert (fix.after.readers, fix.after.writers) == (0, 0)
    assert [sql.split()[0:2] for sql in fix.later[:2]] == [["DROP", "TRIGGER"], ["DROP", "FUNCTION"]]


@pytest.mark.parametrize("major", _MAJORS)
def test_both_columns_stay_in_step_while_code_moves(shop: Project, server_of: Callable[[int], Server], major: int) -> None:
    from seachange.postgres.connection import connect

    _write(
        shop,
        'op.alter_column("orders", "amount", new_column_name="cents")',
        'op.alter_column("orders", "cents", new_column_name="amount")',
    )
    settings = _settings(shop)
    write_fix(settings, plan_fix(settings, revision="0002", major=major))
    with fresh_database(server_of(major)) as database:
        upgrade(database, settings)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("INSERT INTO orders (amount) VALUES (6); INSERT INTO orders (cents) VALUES (7)")
            session.execute("UPDATE orders SET amount = 60 WHERE cents = 6; UPDATE orders SET cents = 70 WHERE amount = 7")
            rows = session.execute("SELECT amount, cents FROM orders ORDER BY id").fetchall()

    assert rows == [(5, 5), (60, 60), (70, 70)]


@pytest.mark.parametrize("major", _MAJORS)
def test_a_type_changes_beside_writers_and_back(shop: Project, server_of: Callable[[int], Server], major: int) -> None:
    from seachange.postgres.connection import connect

    _write(
        shop,
        'op.alter_column("orders", "amount", existing_type=sa.Integer(), type_=sa.BigInteger())',
        'op.alter_column("orders", "amount", existing_type=sa.BigInteger(), type_=sa.Integer())',
    )
    settings = _settings(shop)
    write_fix(settings, plan_fix(settings, revision="0002", major=major))
    with fresh_database(server_of(major)) as database:
        upgrade(database, settings, target="0003")
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("INSERT INTO orders (amount) VALUES (6)")
            upgrade(database, settings)
            session.execute("INSERT INTO orders (amount) VALUES (7000000000), (8)")
            wide = session.execute("SELECT amount, amount_old FROM orders ORDER BY id").fetchall()
            downgrade(database, settings, target="0001")
            narrow = session.execute("SELECT amount FROM orders ORDER BY id").fetchall()

    assert wide == [(5, 5), (6, 6), (7_000_000_000, None), (8, 8)]
    assert narrow == [(5,), (6,), (None,), (8,)]


_PARTITIONED = """
op.execute("CREATE TABLE events (day date NOT NULL, customer_id integer) PARTITION BY RANGE (day)")
op.execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')")
op.execute("CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')")
"""


@pytest.mark.parametrize("major", _MAJORS)
@pytest.mark.parametrize(
    ("up", "down"),
    [
        pytest.param('op.create_index("ix", "events", ["customer_id"])', 'op.drop_index("ix")', id="index"),
        pytest.param(
            'op.create_foreign_key("fk", "events", "customers", ["customer_id"], ["id"])',
            'op.drop_constraint("fk", "events")',
            id="foreign key",
        ),
        pytest.param(
            'op.create_check_constraint("ck", "events", "customer_id > 0")', 'op.drop_constraint("ck", "events")', id="check"
        ),
    ],
)
def test_partitioned_tables_are_changed_partition_by_partition(shop: Project, up: str, down: str, major: int) -> None:
    _write(shop, _PARTITIONED, 'op.drop_table("events")')
    _write(shop, up, down, revision="0003", parent="0002")

    fix = plan_fix(_settings(shop), revision="0003", major=major)

    assert (fix.refused, fix.left) == ("", ())
    assert fix.offered
    assert fix.after is not None
    assert (fix.after.readers, fix.after.writers) == (0, 0)


_FILLED = [
    pytest.param(
        'op.add_column("orders", sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False))',
        "SELECT count(*) = 2 AND count(DISTINCT token) = 2 FROM orders",
        id="volatile default",
    ),
    pytest.param(
        'op.add_column("orders", sa.Column("number", sa.Integer(), sa.Identity(start=10), nullable=False))',
        "SELECT array_agg(number ORDER BY id) = '{10,11}' FROM orders",
        id="identity",
    ),
]


@pytest.mark.parametrize(("up", "question"), _FILLED)
def test_what_is_written_fills_the_rows_that_are_there_and_those_that_come(
    shop: Project, database: Database, up: str, question: str
) -> None:
    from seachange.postgres.connection import connect

    _write(shop, up, f'op.drop_column("orders", "{"token" if "token" in up else "number"}")')
    settings = _settings(shop)
    upgrade(database, settings, target="0001")

    write_fix(settings, plan_fix(settings, revision="0002"))
    upgrade(database, settings)

    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("INSERT INTO orders (amount) VALUES (7)")
        assert session.execute(question).fetchone() == (True,)


def test_the_only_pending_revision_is_taken_and_an_applied_one_refused(
    scenario: Callable[[str], Project], database: Database
) -> None:
    settings = config.load(scenario("unsafe").path, environ={**clean_environment(), "DATABASE_URL": database.url()})
    upgrade(database, settings, target="0001")

    fix = plan_fix(settings)
    upgrade(database, settings)

    assert fix.revision is not None
    assert (fix.revision.revision, fix.offered) == ("0002", True)
    assert plan_fix(settings).revision is None
    with pytest.raises(RefusedError, match="an applied revision stays as it is"):
        plan_fix(settings, revision="0002")
