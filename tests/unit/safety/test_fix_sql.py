"""Tests of seachange.safety.fix: operations that are written in SQL, or inside of a batch."""

from __future__ import annotations

import textwrap

import pytest

from tests.unit.safety.fixing import bodies, rewritten, source


@pytest.mark.parametrize(
    ("sql", "text", "parts"),
    [
        pytest.param(
            "create unique index ix on orders (amount)",
            "create unique index CONCURRENTLY IF NOT EXISTS ix on orders (amount)",
            0,
            id="CREATE INDEX",
        ),
        pytest.param("ALTER TABLE orders ADD CONSTRAINT ck CHECK (amount > 0);", "CHECK (amount > 0) NOT VALID;", 1, id="CHECK"),
        pytest.param(
            "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (amount) REFERENCES customers",
            " NOT VALID",
            1,
            id="FOREIGN KEY",
        ),
        pytest.param("ALTER TABLE orders ALTER COLUMN amount SET NOT NULL", "NOT NULL amount NOT", 1, id="SET NOT NULL"),
        pytest.param("ALTER TABLE orders ADD CONSTRAINT uq UNIQUE (amount)", "UNIQUE USING INDEX uq", 0, id="UNIQUE"),
    ],
)
def test_sql_is_rewritten_like_the_operation_that_it_amounts_to(sql: str, text: str, parts: int) -> None:
    made = rewritten(source(f'op.execute("{sql}")'))

    assert text in made.text
    assert len(made.parts) == parts


def test_sql_over_several_lines_keeps_its_layout() -> None:
    made = rewritten(
        source(
            '''
            op.execute("""
                CREATE INDEX ix
                    ON orders (amount)  -- the report
            """)
            ''',
            'op.execute("DROP INDEX ix")',
        )
    )

    assert "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix\n            ON orders (amount)  -- the report\n" in made.text
    assert 'op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix")' in made.text


_BATCH = """
with op.batch_alter_table("orders", schema=None) as batch_op:
    # Searched by the report.
    batch_op.create_index(batch_op.f("ix"), ["amount"], unique=False)
    batch_op.add_column(sa.Column("note", sa.Text()))
"""
_BATCH_BACK = """
with op.batch_alter_table("orders", schema=None) as batch_op:
    batch_op.drop_column("note")
    batch_op.drop_index(batch_op.f("ix"))
"""


def test_a_batch_is_taken_apart_where_something_in_it_is_rewritten() -> None:
    made = rewritten(source(_BATCH, _BATCH_BACK))

    assert bodies(made.text) == textwrap.dedent("""\
        def upgrade() -> None:
            op.add_column("orders", sa.Column("note", sa.Text()))


        def downgrade() -> None:
            op.drop_column("orders", "note")
        """)
    (part,) = made.parts
    assert bodies(part.text) == textwrap.dedent("""\
        def upgrade() -> None:
            # Searched by the report.
            with op.get_context().autocommit_block():
                op.create_index(
                    op.f("ix"),
                    "orders",
                    ["amount"],
                    unique=False,
                    postgresql_concurrently=True,
                    if_not_exists=True,
                )


        def downgrade() -> None:
            with op.get_context().autocommit_block():
                op.drop_index(
                    op.f("ix"), "orders", postgresql_concurrently=True, if_exists=True
                )
        """)


def test_a_harmless_batch_stays_byte_for_byte() -> None:
    text = source('with op.batch_alter_table("orders") as batch:\n    batch.alter_column("amount", nullable=True)')

    assert rewritten(text).text == text
