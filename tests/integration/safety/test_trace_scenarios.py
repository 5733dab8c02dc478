"""Whole histories of the scenarios, from nothing to their heads, are traced without a gap or a contradiction."""

from __future__ import annotations

import pytest

from seachange.postgres.connection import Database
from seachange.safety.facts import StatementFacts
from tests.integration.revisions.conftest import Open
from tests.integration.safety.tracing import locks, traced, traced_pending


@pytest.mark.parametrize(
    ("name", "places"),
    [
        pytest.param("autocommit_blocks", 6, id="autocommit blocks"),
        pytest.param("commits_itself", 3, id="a revision that commits"),
        pytest.param("data_migrations", 13, id="loops and many rows at once"),
        pytest.param("tenants", 5, id="a schema for each tenant"),
        pytest.param("creates_roles", 6, id="roles"),
        pytest.param("transaction_begun", 4, id="a transaction of env.py"),
        pytest.param("search_path", 3, id="a search_path of env.py"),
    ],
)
def test_a_history_is_traced_whole(open_project: Open, database: Database, name: str, places: int) -> None:
    facts = [each for revision in traced_pending(open_project(name), database) for each in revision.statements]

    assert [(each.gaps, each.disagreements, each.error) for each in facts] == [((), (), None)] * len(facts)
    assert all(each.line and each.op for each in facts)
    assert len({(each.file, each.line, each.op, each.created, each.sql[:20]) for each in facts}) == places


def test_the_turns_of_a_loop_are_one_statement_with_all_their_rows(open_project: Open, database: Database) -> None:
    facts = [each for revision in traced_pending(open_project("data_migrations"), database) for each in revision.statements]
    many, loop = facts[1:3]

    assert (many.op, many.count, dict(many.changes)) == ("bulk_insert", 500, {"public.clients": 500})
    assert (loop.op, loop.count, dict(loop.changes)) == ("execute", 1500, {"public.clients": 1500})
    assert loop.sql == "INSERT INTO clients (id, name) VALUES (501, 'client 501')"


def test_a_commit_as_text_by_psycopg2_leaves_what_follows_outside_of_a_transaction(
    open_project: Open, database: Database
) -> None:
    def brief(facts: StatementFacts) -> tuple[str, int, dict[str, str]]:
        return facts.sql[:12], facts.transaction, locks(facts)

    commit, build, add = traced(
        open_project("sync_psycopg2"),
        database,
        "op.execute('COMMIT')",
        "op.execute('create index concurrently by_name on clients (name)')",
        "op.execute('alter table clients add column a int')",
        after="0002",
    )

    assert [brief(each) for each in (commit, build, add)] == [
        ("COMMIT", 1, {}),
        ("create index", 0, {"public.clients": "SUX"}),
        ("alter table ", 0, {"public.clients": "AX"}),
    ]
