"""migration.trace as its user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.project import Project


def test_a_range_is_traced_without_a_database(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    shown = project.invoke("migration.trace", "--from", "0001", env={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    document = json.loads(project.invoke("migration.trace", "--from", "base", "--to", "0002", "--format", "json").stdout)

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert "takes ACCESS EXCLUSIVE on public.clients: readers and writers wait" in shown.stdout
    assert "held to the end of the transaction:" in shown.stdout
    assert document["schema"] == "seachange.trace/1"
    assert [revision["revision"] for revision in document["revisions"]] == ["0001", "0002"]


def test_operations_of_a_library_are_named(scenario: Callable[[str], Project]) -> None:
    done = scenario("enum_plugin").invoke("migration.trace", "--from", "base", "--format", "json")

    statements = [each for revision in json.loads(done.stdout)["revisions"] for each in revision["statements"]]
    assert (done.exit_code, len(statements)) == (0, 3)
    assert all(each["line"] and each["op"] and not each["gaps"] for each in statements)


def test_what_differs_between_versions_is_told(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    path = next((project.path / "migrations" / "versions").glob("0003*.py"))
    line = 'op.create_unique_constraint("clients_email_key", "clients", ["email"])'
    virtual = 'op.execute("alter table clients add column twice int generated always as (id * 2) virtual")'
    path.write_text(path.read_text().replace(line, virtual))

    done = project.invoke("migration.trace", "--from", "0002", "--majors", "14,18")

    assert done.exit_code == 2
    assert "errors with" in done.stdout.splitlines()[-2] + done.stdout.splitlines()[-1]
    assert "on 14, works on 18" in done.stdout


def test_a_wrong_version_is_named(scenario: Callable[[str], Project]) -> None:
    done = scenario("linear").invoke("migration.trace", "--majors", "9")

    assert done.exit_code == 1
    assert "--majors: 9 is not within 14-18" in done.stderr
