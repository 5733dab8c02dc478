"""Findings in the formats of others: workflow commands of GitHub, SARIF; and folded for people."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from seachange.plan import Finding, Severity
from seachange.report.console import folded_lines
from seachange.report.documents import findings_document, meanings
from seachange.report.github import github_lines, repository_prefix
from seachange.report.gitlab import gitlab_document
from seachange.report.junit import junit_document
from seachange.report.marks import Marks
from seachange.report.sarif import sarif_document

FAULT = Finding(
    code="sql-syntax", message='does not parse: at "50%",\r\nhere', hint="line 1: SELEC", file="migrations/a b,c:ä.py", line=7
)

# The parts of the OASIS schema of SARIF 2.1.0 that concern what is written here; unknown properties are refused as there.
_TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_RULE = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "shortDescription": _TEXT,
        "fullDescription": _TEXT,
        "help": _TEXT,
        "defaultConfiguration": {"type": "object", "additionalProperties": False, "properties": {"level": _LEVEL}},
    },
}
_PLACE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "artifactLocation": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "uri": {"type": "string", "pattern": r"^(?![a-z]+:|/)[A-Za-z0-9._~%/-]+$"},
                "uriBaseId": {"const": "SRCROOT"},
            },
        },
        "region": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"startLine": {"type": "integer", "minimum": 1}},
        },
    },
}
_RESULT = {
    "type": "object",
    "required": ["message"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": _LEVEL,
        "message": _TEXT,
        "locations": {"type": "array", "items": {"type": "object", "properties": {"physicalLocation": _PLACE}}},
    },
}
_DRIVER = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {"type": "array", "uniqueItems": True, "items": _RULE},
    },
}
_RUN = {
    "type": "object",
    "required": ["tool"],
    "additionalProperties": False,
    "properties": {
        "tool": {"type": "object", "required": ["driver"], "additionalProperties": False, "properties": {"driver": _DRIVER}},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "originalUriBaseIds": {"type": "object", "additionalProperties": {"type": "object"}},
        "results": {"type": "array", "items": _RESULT},
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {"$schema": {"type": "string"}, "version": {"const": "2.1.0"}, "runs": {"type": "array", "items": _RUN}},
}


def sarif(*findings: Finding, prefix: str = "") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(sarif_document(findings, codes=meanings(), version="1.2.3", prefix=prefix))
    Draft202012Validator(SARIF).validate(document)
    return document


def test_a_workflow_command_escapes_what_github_reads() -> None:
    assert github_lines([FAULT], prefix="shop/") == [
        (
            "::error file=shop/migrations/a b%2Cc%3Aä.py,line=7,title=sql-syntax::"
            'does not parse: at "50%25",%0D%0Ahere%0Aline 1: SELEC'
        )
    ]


@pytest.mark.parametrize(("severity", "command"), [("error", "error"), ("warning", "warning"), ("info", "notice")])
def test_each_severity_has_its_command(severity: Severity, command: str) -> None:
    finding = Finding(code="x", message="m", severity=severity)

    assert github_lines([finding]) == [f"::{command} title=x::m"]


def test_of_more_findings_than_github_shows_the_last_says_how_many_there_are_and_the_log_has_them() -> None:
    faults = [Finding(code="e", message=f"e{number}", file="a.py", line=number) for number in range(1, 13)]
    remark = Finding(code="r", message="r", severity="info")

    lines = github_lines([remark, *faults])

    assert lines[:9] == [f"::error file=a.py,line={number},title=e::e{number}" for number in range(1, 10)]
    assert lines[9:] == [
        "::error title=more::3 more errors are in the log of this step",
        "a.py:10: e10 [e]",
        "a.py:11: e11 [e]",
        "a.py:12: e12 [e]",
        "::notice title=r::r",
    ]


def test_gitlab_knows_an_issue_again_when_lines_moved_and_tells_equal_ones_apart() -> None:
    moved = dataclasses.replace(FAULT, line=8)
    before, again, after = (json.loads(gitlab_document(found, prefix="shop/")) for found in ([FAULT], [FAULT, FAULT], [moved]))

    assert before[0] | {"fingerprint": ""} == {
        "description": 'does not parse: at "50%",\r\nhere (line 1: SELEC)',
        "check_name": "sql-syntax",
        "fingerprint": "",
        "severity": "critical",
        "location": {"path": "shop/migrations/a b,c:ä.py", "lines": {"begin": 7}},
    }
    assert before[0]["fingerprint"] == after[0]["fingerprint"]
    assert len({issue["fingerprint"] for issue in again}) == 2


def test_junit_fails_a_case_for_each_error_only() -> None:
    remark = Finding(code="r", message="less \x00than <3", severity="warning")

    top = ElementTree.fromstring(junit_document([FAULT, remark], suite="migration.lint", clean="clean"))

    assert (top.attrib["tests"], top.attrib["failures"]) == ("2", "1")
    cases = top.findall("testsuite/testcase")
    assert [case.attrib["name"] for case in cases] == ["sql-syntax migrations/a b,c:ä.py:7", "r"]
    assert [failure.attrib["type"] for failure in top.iter("failure")] == ["sql-syntax"]
    assert [out.text for out in top.iter("system-out")] == ["warning: less \ufffdthan <3"]


def test_junit_without_findings_has_one_case_that_passes() -> None:
    top = ElementTree.fromstring(junit_document([], suite="migration.lint", clean="nothing found"))

    assert [case.attrib["name"] for case in top.iter("testcase")] == ["nothing found"]


def test_markdown_has_a_row_for_each_finding_the_gravest_first(tmp_path: Path) -> None:
    remark = Finding(code="SC1", message="a | b <c>", severity="info", provenance="proven")

    text = findings_document("markdown", [remark, FAULT], name="migration.lint", clean="clean", root=tmp_path)

    assert text.splitlines() == [
        "### `migration.lint`: 1 error, 1 info",
        "",
        "| | rule | place | finding |",
        "|---|---|---|---|",
        '| ❌ error | sql-syntax | `migrations/a b,c:ä.py:7` | does not parse: at "50%", here<br>**Safe:** line 1: SELEC |',
        "| ℹ️ info | SC1<br>proven |  | a \\| b &lt;c&gt; |",
    ]


def test_markdown_without_findings_is_one_sentence(tmp_path: Path) -> None:
    text = findings_document("markdown", [], name="migration.lint", clean="nothing stands against it", root=tmp_path)

    assert text == "### `migration.lint`\n\n✅ nothing stands against it\n"


def test_a_comment_has_room_for_some_findings_and_says_how_many_it_leaves_out(tmp_path: Path) -> None:
    many = [Finding(code="e", message=f"{number} " + "x" * 500) for number in range(200)]

    text = findings_document("markdown", many, name="migration.lint", clean="clean", root=tmp_path)

    assert len(text) < 65_536
    assert re.search(r"\d+ more findings have no room here", text)


def test_files_are_named_from_the_root_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / "services" / "shop").mkdir(parents=True)
    assert repository_prefix(tmp_path / "services" / "shop") == ""

    (tmp_path / ".git").mkdir()

    assert repository_prefix(tmp_path / "services" / "shop") == "services/shop/"
    assert repository_prefix(tmp_path) == ""


def test_sarif_has_a_rule_for_each_code_and_a_place_for_each_finding() -> None:
    other = Finding(code="empty-upgrade", message="m", severity="warning", file="a.py")
    (run,) = sarif(FAULT, other, FAULT, prefix="shop/")["runs"]

    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["sql-syntax", "empty-upgrade"]
    assert [(each["ruleId"], each["ruleIndex"], each["level"]) for each in run["results"]] == [
        ("sql-syntax", 0, "error"),
        ("empty-upgrade", 1, "warning"),
        ("sql-syntax", 0, "error"),
    ]
    assert run["results"][0]["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/migrations/a%20b%2Cc%3A%C3%A4.py", "uriBaseId": "SRCROOT"},
        "region": {"startLine": 7},
    }
    assert "region" not in run["results"][1]["locations"][0]["physicalLocation"]


def test_sarif_without_findings_has_an_empty_run() -> None:
    (run,) = sarif()["runs"]

    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def test_every_code_and_every_rule_makes_a_valid_rule() -> None:
    document = sarif(*(Finding(code=code, message="m") for code in meanings()))

    assert [rule["id"] for rule in document["runs"][0]["tool"]["driver"]["rules"]] == list(meanings())


def test_of_many_remarks_only_the_first_are_shown_and_every_error() -> None:
    remarks = [Finding(code="r", message=f"r{number}", severity="info") for number in range(9)]
    faults = [Finding(code="e", message=f"e{number}") for number in range(20)]
    lines = folded_lines([*remarks, *faults], Marks(pictures=False, colour=False))

    assert lines[:4] == ["  r0 [r]", "  r1 [r]", "  r2 [r]", "error: e0 [e]"]
    assert lines[-2:] == ["error: e19 [e]", "  6 more [r]: --format json shows every one"]
