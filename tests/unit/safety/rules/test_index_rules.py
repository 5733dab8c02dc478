"""Section C over facts made by hand: what only the real server knows, and what the catalogue shows."""

from __future__ import annotations

from typing import Any

import pytest

from seachange.postgres.catalog import Index
from seachange.safety.environment import Environment
from seachange.safety.lint import lint
from seachange.safety.rules import Context, load_rules
from seachange.safety.statistics import IndexStatistics, Statistics
from tests.unit.safety.rules.facts import catalog, found, revision, statement, table

BUILD = "CREATE INDEX CONCURRENTLY t_a ON t (a)"


def _said(rule: str, *statements: Any, context: Context, **fields: Any) -> list[str]:
    known = load_rules()[rule]
    return [finding.message for finding in lint([revision(*statements, **fields)], rules={rule: known}, context=context)]


def _index(name: str, keys: str, **fields: Any) -> Index:
    unique = "UNIQUE " if fields.get("unique") else ""
    method = fields.pop("method", "btree")
    definition = f"CREATE {unique}INDEX {name} ON public.t USING {method} ({keys})"
    columns = tuple("" if "(" in key else key.split()[0] for key in keys.split(", "))
    return Index(name=name, definition=definition, columns=columns, **fields)


@pytest.mark.parametrize(
    ("version", "count"),
    [
        pytest.param(140000, 1, id="the first with the fault"),
        pytest.param(140003, 1, id="the last with it"),
        pytest.param(140004, 0, id="mended"),
        pytest.param(130009, 0, id="older"),
        pytest.param(150000, 0, id="newer"),
    ],
)
def test_concurrent_builds_are_refused_on_servers_that_corrupt_them(version: int, count: int) -> None:
    context = Context(environment=Environment(version=version))

    assert len(_said("SC307", statement(BUILD, transaction=0), context=context, major=14)) == count


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"lock_timeout": "2s"}, ["lock_timeout of 2000 ms"], id="seconds"),
        pytest.param({"statement_timeout": "500ms"}, ["statement_timeout of 500 ms"], id="milliseconds"),
        pytest.param({"lock_timeout": "0", "statement_timeout": "6h"}, [], id="none and long"),
        pytest.param({}, [], id="unknown"),
    ],
)
def test_the_limits_of_the_real_server_are_held_against_a_concurrent_build(settings: dict[str, str], expected: list[str]) -> None:
    context = Context(environment=Environment(version=180000, settings=settings))

    assert [said.partition(",")[0] for said in _said("SC306", statement(BUILD, transaction=0), context=context)] == expected


def test_an_index_that_queries_use_is_reported_when_it_is_dropped() -> None:
    used = Statistics(
        tables={}, indexes={"public.t_a": IndexStatistics(table="public.t", bytes=8192, scans=4711)}, since="2026-01-01"
    )
    dropped = statement("DROP INDEX CONCURRENTLY t_a", transaction=0)

    assert _said("SC315", dropped, context=Context(statistics=used)) == [
        "index public.t_a of public.t was used 4,711 times since 2026-01-01"
    ]


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        pytest.param(_index("n", "a"), _index("o", "a, b"), "is the beginning of o", id="beginning"),
        pytest.param(_index("n", "a"), _index("o", "a"), "is the same as o", id="same"),
        pytest.param(_index("n", "a"), _index("o", "b, a"), "", id="other order"),
        pytest.param(_index("n", "a DESC"), _index("o", "a, b"), "", id="other direction"),
        pytest.param(_index("n", "a", unique=True), _index("o", "a, b"), "", id="unique"),
        pytest.param(_index("n", "a"), _index("o", "a, b", partial=True), "", id="of some rows only"),
        pytest.param(_index("n", "a"), _index("o", "a, b", valid=False), "", id="of no use"),
        pytest.param(_index("n", "a", method="gin"), _index("o", "a, b"), "", id="of another kind"),
        pytest.param(_index("n", "lower(a)"), _index("o", "a, b"), "", id="expression"),
    ],
)
def test_an_index_is_redundant_only_if_another_answers_the_same(new: Index, old: Index, expected: str) -> None:
    before, after = table("t", "a text, b text", indexes=(old,)), table("t", "a text, b text", indexes=(old, new))

    said = found("SC310", statement("CREATE INDEX n ON t (a)"), before=catalog(before), after=catalog(after))

    assert [each.rpartition(") ")[2] for each in said] == ([expected] if expected else [])


def test_an_index_that_was_redundant_before_is_nobodys_fault_now() -> None:
    same = catalog(table("t", "a text", indexes=(_index("n", "a"), _index("o", "a"))))

    assert found("SC310", statement("ALTER TABLE t ADD COLUMN c int"), before=same, after=same) == []


def test_an_index_that_is_left_invalid_is_reported_with_the_statement_that_built_it() -> None:
    wreck = _index("n", "a", valid=False)
    before, after = catalog(table("t", "a text")), catalog(table("t", "a text", indexes=(wreck,)))

    assert found("SC305", statement("CREATE INDEX CONCURRENTLY n ON t (a)", transaction=0), before=before, after=after) == [
        "1: index n of public.t is INVALID after the revision: no query uses it"
    ]


def test_if_not_exists_is_fine_after_the_wreck_was_dropped() -> None:
    dropped = statement("DROP INDEX CONCURRENTLY IF EXISTS t_a", transaction=0)
    built = statement("CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a)", transaction=0)

    assert (len(found("SC305", built)), found("SC305", dropped, built)) == (1, [])


@pytest.mark.parametrize(
    ("after", "count"),
    [
        pytest.param("ANALYZE t", 0, id="of the table"),
        pytest.param("ANALYZE", 0, id="of all"),
        pytest.param("VACUUM (ANALYZE) t", 0, id="by VACUUM"),
        pytest.param("VACUUM t", 1, id="VACUUM alone"),
        pytest.param("ANALYZE u", 1, id="of another"),
    ],
)
def test_an_index_on_an_expression_wants_statistics(after: str, count: int) -> None:
    built = statement("CREATE INDEX n ON t (lower(a))", new="t=S", transaction=0)

    assert len(found("SC318", built, statement(after, transaction=0))) == count


@pytest.mark.parametrize(
    ("transaction", "count"), [pytest.param(1, 1, id="in a transaction"), pytest.param(0, 0, id="outside of any")]
)
def test_without_a_server_concurrently_in_a_transaction_is_known_to_fail(transaction: int, count: int) -> None:
    assert len(found("SC304", statement(BUILD, transaction=transaction, provenance="inferred"))) == count
