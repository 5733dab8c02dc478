"""Captured SQL: loops, reads, transactions, and an order that is the one in which revisions run."""

from __future__ import annotations

import contextlib
import threading

import pytest

from seachange.config import Settings
from seachange.plan import Plan, Statement
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.planning import capture
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import at, body, write_revision


def planned(settings: Settings, database: Database, *lines: str) -> tuple[Statement, ...]:
    """Return what a revision of these lines sends; its first line is the 8th of its file."""
    upgrade(database, settings)
    write_revision(settings, "0004", down="0003", body=body(*lines))
    plan = capture(settings, database, read_history(settings), target="heads")
    return plan.revisions[0].statements


def test_locations_that_depend_on_each_other_are_planned_as_they_run(open_project: Open, database: Database) -> None:
    settings = open_project("depending_locations")
    history = read_history(settings)

    plan = capture(settings, database, history, target="heads")
    back = capture(settings, database, history, target="base", direction="downgrade")

    names = ("20250101000000", "20250301000000", "20250201000000")
    assert tuple(revision.revision for revision in plan.revisions) == names
    assert tuple(revision.revision for revision in back.revisions) == names[::-1]
    assert back.current == plan.target
    assert at(database, settings) == ()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["for n in range(3):", "    op.execute(f\"INSERT INTO clients VALUES ({n}, 'n{n}')\")"],
            [("INSERT INTO clients VALUES (0, 'n0')", 3)],
            id="a loop over values",
        ),
        pytest.param(
            [
                "for n in range(3):",
                "    op.execute(f\"INSERT INTO clients VALUES ({n}, 'n{n}')\")",
                "    op.execute(f'DELETE FROM clients WHERE id = {n}')",
            ],
            [("INSERT INTO clients VALUES (0, 'n0')", 3), ("DELETE FROM clients WHERE id = 0", 3)],
            id="two statements at each turn",
        ),
        pytest.param(
            ["for table in ('a', 'b'):", "    op.execute(f'CREATE TABLE {table} ()')"],
            [("CREATE TABLE a ()", 1), ("CREATE TABLE b ()", 1)],
            id="a loop over names",
        ),
        pytest.param(
            ["for n in range(2):", "    with op.get_context().autocommit_block():", "        op.execute(f'SELECT {n}')"],
            [("SELECT 0", 2)],
            id="a loop outside of transactions",
        ),
        pytest.param(
            [
                "for n in range(50):",
                "    op.execute(f'UPDATE clients SET name = NULL WHERE id = {n}')",
                "    op.execute('COMMIT')",
            ],
            [("UPDATE clients SET name = NULL WHERE id = 0", 50), ("COMMIT", 50)],
            id="a loop that commits at each turn",
        ),
        pytest.param(
            [
                "for table in ('a', 'b'):",
                "    op.execute(f'CREATE TABLE {table} ()')",
                "    op.execute('COMMIT')",
            ],
            [("CREATE TABLE a ()", 1), ("COMMIT", 1), ("CREATE TABLE b ()", 1), ("COMMIT", 1)],
            id="an order that matters",
        ),
        pytest.param(
            [
                "for n in range(9):",
                "    for m in range(n + 1):",
                "        op.execute(f'SELECT {n}, {m}')",
                "    op.execute(f'SELECT {n}')",
            ],
            [("SELECT 0, 0", 45), ("SELECT 0", 9)],
            id="a loop in a loop",
        ),
    ],
)
def test_a_loop_is_counted_and_not_listed(
    linear: Settings, database: Database, lines: list[str], expected: list[tuple[str, int]]
) -> None:
    assert [(one.sql, one.count) for one in planned(linear, database, *lines)] == expected


def test_values_that_are_only_counted_are_part_of_the_hash(linear: Settings, database: Database) -> None:
    upgrade(database, linear)
    hashes = set()
    for last in (7, 8):
        line = f"[op.execute(f'UPDATE clients SET name = {{n}} WHERE id = 1') for n in (1, {last})]"
        write_revision(linear, "0004", down="0003", body=body(line))
        history = read_history(linear)
        plan = capture(linear, database, history, target="heads")
        capture_back(linear, database)
        assert [(one.sql, one.count) for one in plan.revisions[0].statements] == [("UPDATE clients SET name = 1 WHERE id = 1", 2)]
        hashes.add(plan.revisions[0].sql_hash)

    assert len(hashes) == 2


def capture_back(settings: Settings, database: Database) -> Plan:
    path = settings.root / "migrations" / "versions" / "0004.py"
    path.write_text(path.read_text().replace("    pass\n", "    op.execute('SELECT 1')\n"))
    return capture(settings, database, read_history(settings), target="-1", direction="downgrade")


@pytest.mark.parametrize(
    ("line", "reads"),
    [
        pytest.param("op.get_bind().exec_driver_sql('SELECT id FROM clients').all()", True, id="rows that are looked at"),
        pytest.param("op.get_bind().exec_driver_sql('DELETE FROM clients RETURNING id').all()", True, id="deleted rows"),
        pytest.param("op.execute('SELECT setseed(0.5)')", False, id="a function called by op.execute"),
        pytest.param("op.get_bind().exec_driver_sql('SELECT relname FROM pg_class').all()", False, id="the catalogue"),
        pytest.param("op.get_bind().exec_driver_sql('UPDATE clients SET name = name')", False, id="no rows"),
    ],
)
def test_a_revision_depends_on_data_when_it_looks_at_rows(linear: Settings, database: Database, line: str, reads: bool) -> None:  # noqa: FBT001
    assert [one.reads for one in planned(linear, database, line)] == [reads]


def test_transactions_are_numbered_as_they_are_begun(linear: Settings, database: Database) -> None:
    found = planned(
        linear,
        database,
        "op.execute('CREATE TABLE a ()')",
        "op.execute('SAVEPOINT s')",
        "op.execute('ROLLBACK TO s')",
        "op.execute('COMMIT')",
        "op.execute('CREATE TABLE c ()')",
        "with op.get_context().autocommit_block():",
        "    op.execute('CREATE INDEX CONCURRENTLY i ON clients (name)')",
        "op.execute('CREATE TABLE d ()')",
    )

    assert [(one.line, one.transaction) for one in found] == [
        (8, 1),
        (9, 1),
        (10, 1),
        (11, 1),
        (12, 2),
        (14, 0),
        (15, 3),
    ]


def test_a_revision_that_commits_by_itself_has_two_transactions(linear: Settings, database: Database) -> None:
    found = planned(linear, database, "op.execute('CREATE TABLE a ()')", "op.get_bind().commit()", "op.execute('DROP TABLE a')")

    assert [one.transaction for one in found] == [1, 2]


def test_a_transaction_that_is_begun_by_hand_is_one(linear: Settings, database: Database) -> None:
    found = planned(
        linear,
        database,
        "with op.get_context().autocommit_block():",
        "    op.execute('BEGIN')",
        "    op.execute('CREATE TABLE a ()')",
        "    op.execute('COMMIT')",
        "    op.execute('CREATE INDEX CONCURRENTLY i ON clients (name)')",
    )

    assert [one.transaction for one in found] == [1, 1, 1, 0]


def test_settings_of_the_session_are_no_statements_of_a_revision(linear: Settings, database: Database) -> None:
    found = planned(
        linear,
        database,
        "with op.get_context().autocommit_block():",
        "    op.execute('CREATE INDEX CONCURRENTLY i ON clients (name)')",
        "op.execute('ALTER TABLE clients ADD COLUMN note text')",
    )

    assert [one.sql for one in found] == [
        "CREATE INDEX CONCURRENTLY i ON clients (name)",
        "ALTER TABLE clients ADD COLUMN note text",
    ]


def test_what_is_tried_again_behind_a_lock_is_noted_once(linear: Settings, database: Database) -> None:
    upgrade(database, linear)
    with contextlib.closing(connect(database)) as other:
        other.execute("lock table clients in access exclusive mode")
        release = threading.Timer(2.0, other.rollback)
        release.start()
        found = planned(
            linear,
            database,
            "op.execute('CREATE TABLE a ()')",
            "op.execute('ALTER TABLE clients ADD note text')",
            "op.execute('SELECT 1')",
        )
        release.join()

    assert [(one.sql, one.count, one.transaction) for one in found] == [
        ("CREATE TABLE a ()", 1, 1),
        ("ALTER TABLE clients ADD note text", 1, 1),
        ("SELECT 1", 1, 1),
    ]
