"""Which statements cannot run in a transaction, and what they name."""

from __future__ import annotations

import pytest

from seachange.safety._tracing._outside import Outside, outside


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("create index concurrently i on s.t (a)", Outside(tables=('"s"."t"',), chained=True), id="create index"),
        pytest.param("drop index concurrently a.i, j", Outside(indexes=('"a"."i"', '"j"'), chained=True), id="drop index"),
        pytest.param("reindex table concurrently t", Outside(tables=('"t"',), chained=True), id="reindex table concurrently"),
        pytest.param("reindex index concurrently i", Outside(indexes=('"i"',), chained=True), id="reindex index concurrently"),
        pytest.param("reindex table t", Outside(tables=('"t"',), partitioned=True), id="reindex table, if partitioned"),
        pytest.param("reindex schema S", Outside(schema='"s"'), id="reindex schema"),
        pytest.param("reindex (concurrently) database d", Outside(everything=True, chained=True), id="reindex database"),
        pytest.param(
            "alter table p detach partition c concurrently", Outside(tables=('"p"', '"c"'), chained=True), id="detach partition"
        ),
        pytest.param("vacuum full t, a.b", Outside(tables=('"t"', '"a"."b"')), id="vacuum full"),
        pytest.param("vacuum", Outside(everything=True), id="vacuum of everything"),
        pytest.param("vacuum (skip_locked) t", Outside(tables=('"t"',), skips_locked=True), id="vacuum that does not wait"),
        pytest.param("cluster", Outside(everything=True), id="cluster of everything"),
    ],
)
def test_what_cannot_run_in_a_transaction_is_known_by_its_tree(sql: str, expected: Outside) -> None:
    assert outside(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "create index i on t (a)",
        "drop index i",
        "alter table p detach partition c",
        "alter table p detach partition c finalize",
        "analyze t",
        "select 1; vacuum t",
        "this is no sql",
    ],
)
def test_what_can_run_in_a_transaction_is_none_of_it(sql: str) -> None:
    assert outside(sql) is None
