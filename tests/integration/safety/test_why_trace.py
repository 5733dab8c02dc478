"""The page docs/why-trace.md: what a linter of text says of a statement, and what the server says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from seachange.safety.facts import StatementFacts
from tests.conftest import NEWEST
from tests.integration.safety.why_trace import PAGE, shop, squawk, traced, transcript

_ADDS = "adding-field-with-default"
_TYPE = "changing-column-type"
_DOMAIN = "ban-alter-domain-with-add-constraint"
_KEY = "adding-foreign-key-constraint"
_REWRITTEN = {"locks": {"orders": "AX"}, "rewrites": ["orders"]}


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


@pytest.fixture
def database(server_of: Callable[[int], Server]) -> Iterator[Database]:
    """The tables that the page is about."""
    with shop(server_of(NEWEST)) as fresh:
        yield fresh


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
def test_text_and_server_say_what_the_page_shows(database: Database, name: str, said: list[str], done: dict[str, Any]) -> None:
    broken = sorted(found["rule_name"] for found in json.loads(squawk("--reporter", "json", f"{name}.sql")))

    facts = traced(database, name)

    assert (broken, words(facts.statements[-1])) == (said, done)
    assert transcript(name, facts) in PAGE.read_text(encoding="utf-8")


def test_the_page_shows_nothing_that_is_not_tested() -> None:
    shown = re.findall(r"^\$ scripts/why-trace (\w+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(shown) == sorted(str(case.values[0]) for case in _CASES)


def test_the_page_names_the_version_that_was_asked() -> None:
    assert squawk("--version").strip() in PAGE.read_text(encoding="utf-8")
