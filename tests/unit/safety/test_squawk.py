"""The second opinion by squawk, as far as squawk is installed."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from seachange.plan import Finding, Statement
from seachange.safety.facts import RevisionFacts
from seachange.safety.predict import predict
from seachange.safety.rules import load_rules
from seachange.safety.squawk import RULES_OF_SQUAWK, Opinion, ask, find_squawk, weigh


def _facts(*texts: str, transaction: int = 1) -> RevisionFacts:
    statements = [Statement(sql=text, line=line, transaction=transaction) for line, text in enumerate(texts, start=1)]
    found = predict(statements, major=17)
    # As if a server had done what the text says, so that there is something to compare with.
    return dataclasses.replace(
        found, statements=tuple(dataclasses.replace(each, provenance="proven") for each in found.statements)
    )


@pytest.fixture
def program() -> Path:
    """The program of squawk-cli; without it there is no second opinion to test."""
    found = find_squawk()
    if found is None:
        pytest.skip("squawk-cli is not installed")
    return found


def _asked(program: Path, facts: RevisionFacts, root: Path) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for opinion in ask(program, facts, root=root):
        found.setdefault(opinion.statement.line, []).append(opinion.rule)
    return found


def test_squawk_is_asked_about_each_statement(program: Path, tmp_path: Path) -> None:
    facts = _facts("SET lock_timeout = '2s'", "SET statement_timeout = '9s'", "DROP TABLE\n  pets", "CREATE INDEX i ON t (a)")

    assert _asked(program, facts, tmp_path) == {3: ["ban-drop-table"], 4: ["require-concurrent-index-creation"]}


def test_squawk_knows_what_is_in_a_transaction(program: Path, tmp_path: Path) -> None:
    text = "CREATE INDEX CONCURRENTLY i ON t (a)"

    assert "ban-concurrent-index-creation-in-transaction" in _asked(program, _facts(text), tmp_path)[1]
    assert "ban-concurrent-index-creation-in-transaction" not in _asked(program, _facts(text, transaction=0), tmp_path).get(1, [])


def test_what_the_trace_disproves_is_shown_as_a_disagreement(program: Path, tmp_path: Path) -> None:
    facts = _facts("ALTER TABLE t ALTER a TYPE numeric(12, 2)")
    facts = dataclasses.replace(facts, statements=(dataclasses.replace(facts.statements[0], rewrites=()),))
    added = weigh(ask(program, facts, root=tmp_path), found=())

    assert ("SC004", "squawk: changing-column-type; the trace: no rewrite, no scan", "info", "proven", 1) in [
        (each.code, each.message, each.severity, each.provenance, each.line) for each in added
    ]


def test_what_only_squawk_says_is_inferred(program: Path, tmp_path: Path) -> None:
    added = weigh(ask(program, _facts("ALTER TABLE t RENAME a TO b"), root=tmp_path), found=())

    assert ("SC701", "info", "inferred") in [(each.code, each.severity, each.provenance) for each in added]


def test_what_both_say_is_said_once(program: Path, tmp_path: Path) -> None:
    opinions = ask(program, _facts("ALTER TABLE t RENAME a TO b"), root=tmp_path)
    added = weigh(opinions, found=[Finding(code="SC701", message="renamed", line=1)])

    assert "SC701" not in [each.code for each in added]


def test_what_our_rules_call_otherwise_is_said_once(program: Path, tmp_path: Path) -> None:
    opinions = ask(program, _facts("ALTER TABLE t ADD CONSTRAINT k EXCLUDE USING gist (b WITH =)"), root=tmp_path)
    added = weigh(opinions, found=[Finding(code="SC207", message="no way online", line=1)])

    assert [each.message for each in added if "constraint-missing-not-valid" in each.message] == []


def test_every_rule_of_squawk_is_told_by_a_rule_of_ours() -> None:
    assert sorted(set(RULES_OF_SQUAWK.values()) - set(load_rules())) == []


def _opinion(rule: str, known: str, **fields: object) -> Opinion:
    statement = dataclasses.replace(_facts("ALTER TABLE t ADD c int").statements[0], **fields)  # type: ignore[arg-type]
    return Opinion(rule=rule, id=known, message="so it is", statement=statement)


@pytest.mark.parametrize(
    "opinion",
    [
        pytest.param(_opinion("require-lock-timeout", "SC501", settings={"lock_timeout": "2s"}), id="a setting that is in force"),
        pytest.param(_opinion("prefer-text-field", "SC1004"), id="a preference"),
    ],
)
def test_what_is_settled_is_left_out(opinion: Opinion) -> None:
    assert weigh([opinion], found=()) == ()


def test_a_program_that_fails_gives_no_opinion(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    program = tmp_path / "squawk"
    program.write_text("#!/bin/sh\necho no JSON\n")
    program.chmod(0o755)

    with caplog.at_level(logging.WARNING):
        assert ask(program, _facts("DROP TABLE t"), root=tmp_path) == ()
    assert "gives no second opinion" in caplog.text
    assert ask(tmp_path / "absent", _facts("DROP TABLE t"), root=tmp_path) == ()
