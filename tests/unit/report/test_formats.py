"""Findings in the formats of others: workflow commands of GitHub, SARIF; and folded for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from seachange.plan import Finding, Severity
from seachange.report.console import folded_lines
from seachange.report.github import github_lines, repository_prefix
from seachange.report.marks import Marks
from seachange.report.sarif import sarif_document
from seachange.revisions.codes import CODES

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
    document: dict[str, Any] = json.loads(sarif_document(findings, codes=CODES, version="1.2.3", prefix=prefix))
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


def test_every_code_makes_a_valid_rule() -> None:
    document = sarif(*(Finding(code=code, message="m") for code in CODES))

    assert [rule["id"] for rule in document["runs"][0]["tool"]["driver"]["rules"]] == list(CODES)


def test_of_many_remarks_only_the_first_are_shown_and_every_error() -> None:
    remarks = [Finding(code="r", message=f"r{number}", severity="info") for number in range(9)]
    faults = [Finding(code="e", message=f"e{number}") for number in range(20)]
    lines = folded_lines([*remarks, *faults], Marks(pictures=False, colour=False))

    assert lines[:4] == ["  r0 [r]", "  r1 [r]", "  r2 [r]", "error: e0 [e]"]
    assert lines[-2:] == ["error: e19 [e]", "  6 more [r]: --format json shows every one"]
