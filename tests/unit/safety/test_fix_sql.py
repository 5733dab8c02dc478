"""Tests of seachange.safety.fix: operations that are written in SQL."""

from __future__ import annotations

import pytest

from tests.unit.safety.fixing import rewritten, source


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
