"""The engine of the rules: severities by choice and by size, versions, allowances, rules of others."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.errors import ConfigError
from seachange.plan import Finding
from seachange.safety.facts import RevisionFacts, ServerError, StatementFacts
from seachange.safety.lint import Allowance, Choice, available_rules, lint, parse_allowances, split_absent, split_allowed
from seachange.safety.rules import RULES, Context, Rule, Thresholds, Verdict
from seachange.safety.statistics import Statistics, TableStatistics

STATEMENT = StatementFacts(sql="alter table t", file="versions/1.py", line=7, rewrites=("public.t",))
FACTS = RevisionFacts(revision="1", file="versions/1.py", statements=(STATEMENT,), major=16)


def rewritten(facts: RevisionFacts, context: Context) -> Iterator[Verdict]:
    del context
    for statement in facts.statements:
        for table in statement.rewrites:
            yield Verdict(rule="T1", message=f"{table} is rewritten", statement=statement, table=table)


RULE = Rule(
    id="T1",
    name="rewritten",
    title="A table is rewritten",
    severity="error",
    proof="proven",
    reason="It takes long.",
    source="measured",
    remedy="do not",
    check=rewritten,
)


def found(rule: Rule = RULE, *, choice: Choice | None = None, context: Context | None = None) -> list[tuple[str, str]]:
    findings = lint([FACTS], rules={rule.id: rule}, choice=choice, context=context)
    return [(finding.severity, finding.message) for finding in findings]


def sizes(rows: int | None, *, complete: bool = False, table: str = "public.t") -> Context:
    known = {table: TableStatistics(rows=rows, bytes=(rows or 0) * 100)}
    return Context(statistics=Statistics(tables=known, complete=complete))


def test_a_finding_is_on_the_line_of_its_statement_and_says_what_it_rests_on() -> None:
    expected = Finding(
        code="T1",
        message="public.t is rewritten",
        severity="error",
        hint="do not",
        file="versions/1.py",
        line=7,
        provenance="proven",
        table="public.t",
    )

    assert lint([FACTS], rules={"T1": RULE}) == (expected,)


def test_a_table_that_was_never_counted_and_takes_much_space_is_not_small() -> None:
    known = {"public.t": TableStatistics(rows=None, bytes=64 * 1024**2)}

    assert found(context=Context(statistics=Statistics(tables=known))) == [
        ("error", "public.t is rewritten (never counted, 64 MB)")
    ]


@pytest.mark.parametrize(
    ("rows", "severity", "message"),
    [
        pytest.param(None, "warning", "public.t is rewritten (never counted, 0 B)", id="never counted and small"),
        pytest.param(120, "warning", "public.t is rewritten (about 120 rows, 12 kB)", id="small"),
        pytest.param(50_000, "error", "public.t is rewritten (about 50,000 rows, 5 MB)", id="neither small nor large"),
    ],
)
def test_an_error_about_a_small_table_is_a_warning(rows: int | None, severity: str, message: str) -> None:
    assert found(context=sizes(rows)) == [(severity, message)]


def test_a_warning_about_long_work_on_a_large_table_is_an_error() -> None:
    rule = dataclasses.replace(RULE, severity="warning")

    assert found(rule, context=sizes(2_000_000)) == [("error", "public.t is rewritten (about 2,000,000 rows, 191 MB)")]


def test_what_is_lost_is_as_grave_whatever_the_size() -> None:
    rule = dataclasses.replace(RULE, sized=False)

    assert found(rule, context=sizes(120)) == [("error", "public.t is rewritten")]


def test_findings_about_tables_that_the_database_has_not_yet_are_set_aside() -> None:
    findings = lint([FACTS], rules={"T1": RULE})
    there, elsewhere = (sizes(5, complete=True, table=table).statistics for table in ("public.t", "public.other"))

    assert split_absent(findings, there) == (findings, ())
    assert split_absent(findings, elsewhere) == ((), findings)
    assert split_absent(findings, None) == (findings, ())


def test_a_table_that_a_statistics_file_does_not_name_is_of_unknown_size() -> None:
    assert found(context=sizes(5, table="public.other")) == [("error", "public.t is rewritten")]


def test_many_bytes_in_few_rows_are_not_small() -> None:
    context = dataclasses.replace(sizes(120), thresholds=Thresholds(small_bytes=1_000))

    assert found(context=context)[0][0] == "error"


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        pytest.param((("T1", "info"),), "info", id="by id"),
        pytest.param((("T?", "warning"),), "warning", id="by pattern"),
        pytest.param((("rewritten", "info"),), "info", id="by name"),
        pytest.param((("T1", "off"), ("rewritten", "info")), "info", id="the last one wins"),
    ],
)
def test_a_chosen_severity_holds_whatever_the_size(severity: tuple[tuple[str, str], ...], expected: str) -> None:
    assert [one for one, _ in found(choice=Choice(severity=severity), context=sizes(120))] == [expected]


def test_a_rule_is_turned_off_by_a_setting() -> None:
    assert found(choice=Choice(severity=(("T1", "off"),))) == []


def test_advice_that_is_off_is_turned_on_by_a_severity() -> None:
    advice = dataclasses.replace(RULE, by_default=False)

    assert (found(advice), found(advice, choice=Choice(severity=(("T1", "info"),)))) == (
        [],
        [("info", "public.t is rewritten")],
    )


def test_a_severity_for_a_rule_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"lint\.severity: no rule is called 'T2'"):
        found(choice=Choice(severity=(("T2", "off"),)))


@pytest.mark.parametrize(
    ("majors", "speaks"),
    [
        pytest.param((0, 0), True, id="all"),
        pytest.param((14, 15), False, id="older"),
        pytest.param((17, 0), False, id="newer"),
        pytest.param((16, 0), True, id="from here on"),
    ],
)
def test_a_rule_speaks_on_the_versions_where_it_holds(majors: tuple[int, int], speaks: bool) -> None:  # noqa: FBT001
    assert bool(found(dataclasses.replace(RULE, majors=majors))) == speaks


def test_a_statement_that_the_server_refuses_is_an_error() -> None:
    refused = dataclasses.replace(STATEMENT, error=ServerError(sqlstate="42703", message='column "x" does not exist'))
    facts = dataclasses.replace(FACTS, statements=(refused,))

    findings = lint([facts], rules={"SC001": available_rules()["SC001"]})

    assert [finding.message for finding in findings] == [
        'PostgreSQL 16 refuses this statement: column "x" does not exist (SQLSTATE 42703)'
    ]


def test_what_is_allowed_no_longer_counts_and_keeps_its_reason() -> None:
    findings = lint([FACTS], rules={"T1": RULE})
    allowance = Allowance(rule="T1", reason="at night")

    assert split_allowed(findings, [allowance]) == ((), ((findings[0], allowance),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("SC001", "gives no reason", id="no reason"),
        pytest.param("SC001= ", "gives no reason", id="empty reason"),
        pytest.param("SC999=because", "there is no rule 'SC999'", id="unknown rule"),
    ],
)
def test_an_allowance_needs_a_rule_that_there_is_and_a_reason(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_allowances([text])


def test_an_allowance_is_a_rule_and_a_reason() -> None:
    assert parse_allowances(["SC001=agreed  with support"]) == (Allowance(rule="SC001", reason="agreed with support"),)


@pytest.fixture
def rules_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    before = dict(RULES)
    (tmp_path / "clinic_rules.py").write_text(
        "from seachange.safety.rules import Rule, Verdict, rule\n"
        "@rule(Rule(id='CLINIC1', name='no-tables', title='No tables', severity='info', proof='policy', reason='r', source='s',\n"
        "           remedy='m'))\n"
        "def no_tables(facts, context):\n"
        "    yield Verdict(rule='CLINIC1', message=f'revision {facts.revision} was seen')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "clinic_rules"
    sys.modules.pop("clinic_rules", None)
    RULES.clear()
    RULES.update(before)


def test_a_module_of_the_project_adds_rules(rules_of_a_project: str) -> None:
    rules = available_rules([rules_of_a_project])

    findings = lint([FACTS], rules={"CLINIC1": rules["CLINIC1"]})

    assert [(one.code, one.file, one.line, one.message) for one in findings] == [
        ("CLINIC1", "versions/1.py", 0, "revision 1 was seen")
    ]


def test_an_installed_package_adds_rules_by_an_entry_point(rules_of_a_project: str, tmp_path: Path) -> None:
    installed = tmp_path / "clinic_rules-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: clinic-rules\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(f"[seachange.rules]\nclinic = {rules_of_a_project}\n")

    assert available_rules()["CLINIC1"].title == "No tables"


def test_a_module_of_rules_that_does_not_import_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the rules in clinic\.nowhere cannot be loaded: ModuleNotFoundError"):
        available_rules(["clinic.nowhere"])
