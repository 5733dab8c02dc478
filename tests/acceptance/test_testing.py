"""``python -m seachange.testing`` in projects of other teams."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.project import Outcome, Project

if TYPE_CHECKING:
    from seachange.postgres.server import Server

_COMMAND = (sys.executable, "-m", "seachange.testing")
_NEWEST = "migrations/versions/c4a9f0e17b35_customer_name.py"
_ORDERS = "migrations/versions/8b7e2d4c6f10_create_orders.py"

# Whoever has a database at this address: a run that looks at it fails at once.
_SOMEBODYS = "postgresql://somebody@127.0.0.1:1/live"

# An upgrade that does something else once its downgrade has run.
_MARKED = """def _mark() -> None:
    import os

    os.environ["WENT_DOWN"] = "yes"


def upgrade() -> None:
    import os

    if "WENT_DOWN" in os.environ:
        op.create_index("ix_customers_id", "customers", ["id"])
"""


@pytest.fixture
def consumer(scenario: Callable[[str], Project], server: Server) -> Project:
    """Another team's project, on a machine that has a server."""
    del server
    return scenario("consumer")


def _files(project: Project) -> dict[str, bytes]:
    return {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _live(project: Project, *options: str) -> tuple[Outcome, dict[str, Any]]:
    outcome = project.run(*_COMMAND, "--format", "json", *options, env={"DATABASE_URL": _SOMEBODYS})
    report: dict[str, Any] = json.loads(outcome.stdout)
    return outcome, report


def _ended(report: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in report["steps"]}


def _codes(report: dict[str, Any], step: str) -> list[str]:
    return [finding["code"] for found in report["steps"] if found["name"] == step for finding in found["findings"]]


def test_a_sound_history_lives_through_every_step_and_the_project_stays_as_it_is(consumer: Project) -> None:
    before = _files(consumer)

    outcome, report = _live(consumer, "--seed-scale", "2")

    assert outcome.exit_code == 0, outcome.stderr
    ended = _ended(report)
    assert list(ended) == [
        *("up", "down", "up-again", "seed", "newest", "models"),
        *("check", "backup", "generate", "lint", "rehearse", "apply", "sync", "verify", "sync-check"),
    ]
    assert (ended.pop("generate"), ended.pop("rehearse")) == ("warning", "skipped")
    assert set(ended.values()) == {"done"}
    assert report["steps"][4]["data"]["rows"] == {"public.customers": 200, "public.orders": 600}
    assert _files(consumer) == before


def test_what_a_downgrade_leaves_behind_is_found(consumer: Project) -> None:
    consumer.replace(_ORDERS, old="    order_state.drop(op.get_bind())\n", new="")

    outcome, report = _live(consumer)

    assert outcome.exit_code == 2
    assert _codes(report, "down") == ["left-behind"]
    assert _ended(report)["up-again"] == "not tried"


def test_a_schema_that_depends_on_the_way_to_it_is_found(consumer: Project) -> None:
    consumer.replace(_NEWEST, old="def downgrade() -> None:\n", new="def downgrade() -> None:\n    _mark()\n")
    consumer.replace(_NEWEST, old="def upgrade() -> None:\n", new=_MARKED)

    outcome, report = _live(consumer)

    assert outcome.exit_code == 2
    assert _codes(report, "up-again") == ["not-repeatable"]


def test_rows_that_the_newest_revision_loses_are_counted(consumer: Project) -> None:
    old = '    op.drop_column("customers", "name")\n'
    consumer.replace(_NEWEST, old=old, new=f'    op.execute("delete from orders where id % 2 = 0")\n{old}')

    outcome, report = _live(consumer)

    assert outcome.exit_code == 2
    assert _codes(report, "newest") == ["rows-lost"]
    messages = [finding["message"] for finding in report["steps"][4]["findings"]]
    assert messages == ["public.orders had 300 rows, 150 below and 150 after"]


def test_a_model_without_a_revision_is_found_and_none_is_written(consumer: Project) -> None:
    consumer.replace(
        "shop/models.py", old="    total_cents: Mapped[int]\n", new="    total_cents: Mapped[int]\n    note: Mapped[str | None]\n"
    )
    before = _files(consumer)

    outcome, report = _live(consumer)

    assert outcome.exit_code == 2
    assert _codes(report, "models") == ["model-difference"]
    assert _files(consumer) == before


def test_a_history_that_cannot_go_down_is_a_warning(scenario: Callable[[str], Project], server: Server) -> None:
    del server
    outcome, report = _live(scenario("irreversible"))

    assert outcome.exit_code == 0, outcome.stderr
    ended = _ended(report)
    assert (ended["down"], ended["newest"], ended["seed"]) == ("warning", "done", "skipped")


def test_the_tests_for_other_teams_say_what_is_wrong(consumer: Project) -> None:
    consumer.replace(_ORDERS, old="    order_state.drop(op.get_bind())\n", new="")
    consumer.replace("shop/models.py", old="String(100)", new="String(120)")

    outcome = consumer.run("pytest", "-q", "-p", "no:cacheprovider", env={"DATABASE_URL": _SOMEBODYS})

    assert outcome.exit_code == 1
    failed = {line.split("::")[1].split()[0] for line in outcome.stdout.splitlines() if line.startswith("FAILED")}
    assert failed == {"test_every_revision_goes_up_down_and_up_again", "test_the_models_equal_the_database_at_head"}
    assert "order_state" in outcome.stdout
    assert "VARCHAR(120)" in outcome.stdout


def test_a_major_that_is_missing_is_an_error_with_its_remedy(consumer: Project) -> None:
    outcome, report = _live(consumer, "--pg", "13")

    assert outcome.exit_code == 1
    assert report["schema"] == "seachange.error/1"
    assert report["error"]["type"] == "BinaryNotFoundError"
    assert "invoke db.servers --install 13" in report["error"]["hint"]
    assert outcome.stderr.startswith("error: PostgreSQL 13 was not found on this machine\nhint: ")


def test_an_unknown_option_is_an_error_with_usage(consumer: Project) -> None:
    outcome = consumer.run(*_COMMAND, "--colour")

    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.endswith("error: unrecognized arguments: --colour\n")


def test_a_stopped_run_leaves_no_server(consumer: Project) -> None:
    consumer.replace(
        _NEWEST, old='    op.add_column("customers",', new='    op.execute("select pg_sleep(60)")\n    op.add_column("customers",'
    )
    with consumer.start(*_COMMAND) as process:
        assert process.stdout
        assert "PostgreSQL" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 143
    assert "stopped by SIGTERM" in stdout + stderr
    listed = consumer.run("ps", "-eo", "ppid=,args=").stdout
    assert [line for line in listed.splitlines() if line.split()[0] == str(process.pid)] == []
