"""What every seed statement promises before it runs."""

from __future__ import annotations

import re

import pytest

from app.seeds._names import ANIMALS, CASES
from app.seeds._tables import TABLES, SeedTable
from app.seeds._values import choose, pick


def test_a_unit_is_a_thousand_rows() -> None:
    assert sum(table.rows for table in TABLES) == 1000


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_nothing_depends_on_the_clock_on_chance_or_on_the_hash_functions_of_a_major(table: SeedTable) -> None:
    found = re.findall(r"(?i)\b(now|random|clock_timestamp|gen_random_uuid|hash\w+|md5|current_\w+)\b", table.statement)

    assert found == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_statement_is_one_insert_that_skips_what_is_there(table: SeedTable) -> None:
    assert table.statement.count("INSERT INTO") == 1
    assert table.statement.endswith("ON CONFLICT DO NOTHING")
    assert "WHERE NOT EXISTS" in table.statement


def test_a_choice_quotes_its_values() -> None:
    assert choose(["O'Neill", "b"], "n") == f"(ARRAY['O''Neill', 'b'])[1 + {pick('n', 2)}]"


def test_lists_of_one_choice_are_equally_long() -> None:
    assert len({len(case) for case in CASES}) == 1
    assert {animal.species for animal in ANIMALS} == {"dog", "cat", "rabbit", "bird"}
