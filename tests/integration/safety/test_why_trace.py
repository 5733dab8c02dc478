"""The page docs/why-trace.md: what a linter of text says of a statement, and what the server says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.safety.facts import StatementFacts
from seachange.safety.trace import trace_sql
from seachange.testing.fixtures import fresh_database
from tests.conftest import NEWEST
from tests.project import REPOSITORY

FOLDER = REPOSITORY / "docs" / "why-trace"
SQUAWK = Path(sys.executable).with_name("squawk")
# Advice about timeouts, repeated runs and types, which has nothing to do with what the statement does to the table.
_ELSEWHERE = "require-lock-timeout,require-statement-timeout,prefer-robust-stmts,prefer-bigint-over-int,prefer-text-field"

_ADDS = "adding-field-with-default"
_TYPE = "changing-column-type"
_DOMAIN = "ban-alter-domain-with-add-constraint"
_KEY = "adding-foreign-key-constraint"
_REWRITTEN = {"locks": {"orders": "AX"}, "rewrites": ["orders"]}


def squawk(name: str) -> list[str]:
    """Return the rules that squawk finds broken in a file."""
    command = [str(SQUAWK), "--pg-version", "18", "--reporter", "json", "--exclude", _ELSEWHERE, f"{name}.sql"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    return sorted(found["rule_name"] for found in json.loads(done.stdout))


def words(facts: StatementFacts) -> dict[str, Any]:
    """Return what is not nothing of a statement's facts."""
    found: dict[str, Any] = {
        "locks": {lock.relation.partition(".")[2]: lock.mode.short for lock in facts.new_locks if lock.kind == "table"},
        "rewrites": [name.partition(".")[2] for name in facts.rewrites],
        "reads": [name.partition(".")[2] for name in facts.verified],
        "builds": [build.index.partition(".")[2] for build in facts.index_builds] if not facts.rewrites else [],
        "proofs": len(facts.proofs),
        "error": facts.error.message if facts.error else "",
    }
    return {name: value for name, value in found.items() if value}


@pytest.fixture(scope="module")
def template(server_of: Callable[[int], Server]) -> Server:
    return server_of(NEWEST)


@pytest.fixture
def shop(template: Server) -> Any:
    with fresh_database(template) as database:
        with connect(database, autocommit=True) as session:
            session.execute((FOLDER / "setup.sql").read_bytes())
        yield database


_CASES = [
    pytest.param("serial", ["prefer-identity"], _REWRITTEN, id="serial is only disliked"),
    pytest.param("identity", [_ADDS], _REWRITTEN, id="identity is found, and right"),
    pytest.param("virtual", [_ADDS], {"locks": {"orders": "AX"}}, id="virtual is a false alarm"),
    pytest.param("domain", [], _REWRITTEN, id="a domain is missed"),
    pytest.param(
        "references",
        [_KEY],
        {"locks": {"orders": "AX", "customers": "SRX"}},
        id="references reads nothing",
    ),
    pytest.param(
        "unique",
        ["constraint-missing-not-valid", "disallowed-unique-constraint"],
        {"locks": {"orders": "AX"}, "builds": ["code_once"]},
        id="unique gets two pieces of advice",
    ),
    pytest.param(
        "unique_not_valid",
        ["disallowed-unique-constraint"],
        {"error": "UNIQUE constraints cannot be marked NOT VALID"},
        id="the first of them is no SQL",
    ),
    pytest.param("partition", [], {"locks": {"events": "AX"}}, id="a new partition is missed"),
    pytest.param(
        "attach", [], {"locks": {"events": "SUX", "events_2027": "AX"}, "reads": ["events_2027"]}, id="an attached one is missed"
    ),
    pytest.param(
        "attach_checked", [], {"locks": {"events": "SUX", "events_2028": "AX"}, "proofs": 1}, id="with a check it reads nothing"
    ),
    pytest.param(
        "alter_domain",
        [_DOMAIN],
        {"locks": {"orders": "S"}},
        id="a check of a domain locks a table",
    ),
    pytest.param("alter_domain_not_valid", [_DOMAIN], {}, id="not valid it locks nothing"),
    pytest.param("timestamptz_utc", [_TYPE], {"locks": {"orders": "AX"}}, id="no rewrite where the zone is UTC"),
    pytest.param("timestamptz_oslo", [_TYPE], _REWRITTEN, id="a rewrite where it is another"),
    pytest.param("wider", [_TYPE], {"locks": {"orders": "AX"}}, id="a wider column is no rewrite"),
    pytest.param("collate", [_TYPE], {"locks": {"orders": "AX"}, "builds": ["orders_code"]}, id="a collation builds the index"),
    pytest.param(
        "set_not_null", ["adding-not-nullable-field"], {"locks": {"orders": "AX"}, "proofs": 1}, id="not null that is proven"
    ),
]


@pytest.mark.parametrize(("name", "said", "done"), _CASES)
def test_text_and_server_say_what_the_page_shows(shop: Database, name: str, said: list[str], done: dict[str, Any]) -> None:
    facts = trace_sql(shop, (FOLDER / f"{name}.sql").read_text(encoding="utf-8"), file=f"{name}.sql")

    assert (squawk(name), words(facts.statements[-1])) == (said, done)
