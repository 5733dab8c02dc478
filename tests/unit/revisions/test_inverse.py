"""What takes a statement back that was committed before its revision was done."""

from __future__ import annotations

import pytest

from seachange.revisions._inverse import inverse_of


@pytest.mark.parametrize(
    ("statement", "sql", "impossible"),
    [
        pytest.param(
            "CREATE UNIQUE INDEX CONCURRENTLY i ON s.t (x)",
            'DROP INDEX CONCURRENTLY IF EXISTS "s"."i"',
            "",
            id="concurrent index",
        ),
        pytest.param('CREATE INDEX "a""b" ON t (x)', 'DROP INDEX CONCURRENTLY IF EXISTS "a""b"', "", id="index"),
        pytest.param("CREATE INDEX CONCURRENTLY ON t (x)", "", "the server chose the name of the index", id="nameless index"),
        pytest.param("CREATE INDEX IF NOT EXISTS i ON t (x)", "", "IF NOT EXISTS does not tell", id="perhaps there before"),
        pytest.param("CREATE TABLE t (x int)", 'DROP TABLE "t"', "", id="table"),
        pytest.param("ALTER TABLE t ADD COLUMN x int", 'ALTER TABLE "t" DROP COLUMN "x"', "", id="column"),
        pytest.param("ALTER TABLE t ADD CONSTRAINT c CHECK (x > 0)", 'ALTER TABLE "t" DROP CONSTRAINT "c"', "", id="check"),
        pytest.param("ALTER TABLE t ADD COLUMN x int, DROP COLUMN y", "", "several things at once", id="two changes"),
        pytest.param("ALTER TABLE t DROP COLUMN x", "", "nothing is known that takes this change", id="dropped column"),
        pytest.param("ALTER TYPE mood ADD VALUE 'shy'", "", "cannot take the label 'shy' away", id="label"),
        pytest.param("UPDATE t SET x = %(x)s", "", "it changed rows", id="rows"),
        pytest.param("DROP INDEX CONCURRENTLY i", "", "what it dropped is gone", id="dropped"),
        pytest.param("VACUUM t", "", "", id="nothing to do"),
        pytest.param("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'", "", "nothing is known", id="another kind"),
        pytest.param("SELECT 1; SELECT 2", "", "it is not one statement", id="two statements"),
    ],
)
def test_what_takes_a_statement_back(statement: str, sql: str, impossible: str) -> None:
    found = inverse_of(statement)

    assert found.sql == sql
    assert impossible in found.impossible
    assert bool(found.impossible) == bool(impossible)
