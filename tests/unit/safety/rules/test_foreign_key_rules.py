"""Section B over catalogues made by hand: what a new foreign key needs, and what was there before is not its fault."""

from __future__ import annotations

import pytest

from seachange.postgres.catalog import Constraint, Index, Table
from tests.unit.safety.rules.facts import catalog, found, statement, table

ADD = "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a, b) REFERENCES u (x, y) NOT VALID"


def _key(columns: str = "a, b", *, name: str = "k") -> Constraint:
    return Constraint(
        name=name,
        kind="foreign key",
        definition=f"FOREIGN KEY ({columns}) REFERENCES u(x, y)",
        columns=tuple(columns.split(", ")),
        references_schema="public",
        references_table="u",
        references_columns=("x", "y"),
    )


def _index(columns: str, *, valid: bool = True, partial: bool = False) -> Index:
    definition = f"CREATE INDEX i ON public.t USING btree ({columns})"
    return Index(name="i", definition=definition, columns=tuple(columns.split(", ")), valid=valid, partial=partial)


def _child(*indexes: Index, key: bool = True, columns: str = "a bigint, b text, c int") -> Table:
    return table("t", columns, constraints=(_key(),) if key else (), indexes=indexes)


_PARENT = table("u", "x bigint!, y text!")


@pytest.mark.parametrize(
    ("index", "count"),
    [
        pytest.param(None, 1, id="none"),
        pytest.param(_index("a, b"), 0, id="the same"),
        pytest.param(_index("b, a"), 0, id="in another order"),
        pytest.param(_index("a, b, c"), 0, id="with more behind"),
        pytest.param(_index("c, a, b"), 1, id="with another before"),
        pytest.param(_index("a"), 1, id="one of the two"),
        pytest.param(_index("a, b", valid=False), 1, id="a wreck"),
        pytest.param(_index("a, b", partial=True), 1, id="of some rows"),
    ],
)
def test_an_index_serves_a_foreign_key_when_it_begins_with_its_columns(index: Index | None, count: int) -> None:
    indexes = (index,) if index else ()
    before, after = catalog(_child(*indexes, key=False), _PARENT), catalog(_child(*indexes), _PARENT)

    assert len(found("SC208", statement(ADD), before=before, after=after)) == count


def test_a_foreign_key_that_was_there_before_is_not_reported() -> None:
    same = catalog(_child(), _PARENT)

    assert found("SC208", statement("ALTER TABLE t ADD COLUMN d int"), before=same, after=same) == []


def test_a_foreign_key_of_a_table_that_only_got_another_name_is_not_reported() -> None:
    before, after = catalog(_child(), _PARENT), catalog(table("v", constraints=(_key(),)), _PARENT)

    assert found("SC208", statement("ALTER TABLE t RENAME TO v"), before=before, after=after) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param("a bigint, b text", 0, id="the same"),
        pytest.param("a integer, b text", 1, id="a smaller number"),
        pytest.param("a bigint, b character varying", 0, id="another name for a text"),
        pytest.param("a bigint, b character varying(10)", 1, id="a shorter text"),
        pytest.param("a numeric, b character varying(10)", 2, id="both"),
    ],
)
def test_the_types_on_both_sides_are_compared(columns: str, expected: int) -> None:
    before, after = catalog(_child(key=False, columns=columns), _PARENT), catalog(_child(columns=columns), _PARENT)

    assert len(found("SC209", statement(ADD), before=before, after=after)) == expected


def test_without_catalogues_nothing_is_claimed() -> None:
    assert [found(rule, statement(ADD)) for rule in ("SC208", "SC209", "SC217", "SC220")] == [[], [], [], []]


def test_names_are_looked_up_along_the_search_path() -> None:
    there = catalog(Table(schema="shop", name="t"), Table(schema="shop", name="u"))
    change = statement("ALTER TABLE t ALTER COLUMN a DROP NOT NULL", settings={"search_path": '"$user", shop, public'})

    assert found("SC407", statement("ALTER TABLE shop.t INHERIT shop.u"), before=there, after=there) == [
        "1: the rows of shop.t appear in queries on shop.u"
    ]
    assert found("SC213", change, before=None) == [
        "1: shop.t.a may be NULL from now on; code that runs meanwhile does not expect it"
    ]
