"""Queries of a project as functions: generated, used, and named when a migration breaks them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from seachange.postgres.connection import Database
from tests.project import Project

_PROGRAM = """
import os, psycopg
from shop_queries import customers
from shop_queries.reports import sales

with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    number = customers.add_customer(connection, name="Ana")
    customers.add_customer(connection, name="Bo")
    sales.buy(connection, customer_id=number, price=5)
    print(customers.get_customer(connection, id=number))
    print([(row.name, row.purchases, row.spent) for row in sales.sales(connection)])
"""


def test_queries_follow_the_database_and_those_that_a_migration_breaks_are_named(
    scenario: Callable[[str], Project], database: Database
) -> None:
    project = scenario("named_queries")
    env = {"DATABASE_URL": database.url()}
    begun = project.invoke("migration.apply", "--to", "0001", env=env)
    written = project.invoke("db.generate", "--target", "queries", env=env)
    used = project.run(sys.executable, "-c", _PROGRAM, env=env)
    fresh = project.invoke("db.generate", "--target", "queries", "--check", env=env)
    before = {path: path.read_bytes() for path in (project.path / "shop_queries").rglob("*.py")}
    # The migration is applied and right; what it left behind is a warning that names each query.
    applied = project.invoke("migration.apply", env=env)
    moved = project.invoke("migration.workflow", "--only", "sync", "--format", "json", env=env)
    checked = project.invoke("db.sync", "--check", env=env)
    generated = project.invoke("db.generate", "--check", "--target", "queries", env=env)

    assert (begun.exit_code, written.exit_code, fresh.exit_code, applied.exit_code) == (0, 0, 0, 0), (begun, written, fresh)
    assert used.stdout.splitlines() == [
        "CustomersRow(id=1, name='Ana', nickname=None)",
        "[('Ana', 1, Decimal('5.00')), ('Bo', 0, None)]",
    ], used
    assert moved.exit_code == 0, moved
    (step,) = (step for step in json.loads(moved.stdout)["steps"] if step["name"] == "sync")
    broken = [finding for finding in step["findings"] if finding["code"] == "broken-query"]
    assert [(finding["file"], finding["line"], finding["message"]) for finding in broken] == [
        ("queries/customers.sql", 15, 'called: column "nickname" does not exist at revision 0002'),
        ("queries/reports/sales.sql", 3, "sales: column c.nickname does not exist at revision 0002"),
    ]
    assert (checked.exit_code, generated.exit_code) == (1, 1), (checked, generated)
    assert "or nickname = :name\n         ^\n" in checked.stdout
    assert {path: path.read_bytes() for path in (project.path / "shop_queries").rglob("*.py")} == before
