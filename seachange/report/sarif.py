"""Findings as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from seachange.plan import Finding
from seachange.revisions.codes import Code

__all__ = ["sarif_document"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def sarif_document(findings: Iterable[Finding], *, codes: Mapping[str, Code], version: str, prefix: str = "") -> str:
    """Return the findings as one document.

    :param findings: what was found.
    :param codes: what each kind of finding means.
    :param version: that of Seachange.
    :param prefix: what leads from the root of the repository to the project: paths are relative to that root.
    """
    found = list(findings)
    used = list(dict.fromkeys(finding.code for finding in found))
    index = {code: number for number, code in enumerate(used)}
    driver = {"name": "Seachange", "version": version, "rules": [_rule(code, codes.get(code)) for code in used]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "the root of the repository"}}},
        "results": [_result(finding, index[finding.code], prefix) for finding in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(code: str, meaning: Code | None) -> dict[str, Any]:
    if meaning is None:
        return {"id": code}
    level = next(word for word in ("error", "warning", "info") if word in meaning.severity)
    return {
        "id": code,
        "shortDescription": {"text": meaning.title},
        "fullDescription": {"text": meaning.why},
        "help": {"text": f"{meaning.why} {meaning.remedy}", "markdown": f"{meaning.why}\n\n{meaning.remedy}"},
        "defaultConfiguration": {"level": _LEVELS[level]},
    }


def _result(finding: Finding, rule: int, prefix: str) -> dict[str, Any]:
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
    }
    if finding.file:
        uri = quote(f"{prefix}{finding.file}".replace("\\", "/"))
        place: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "SRCROOT"}}
        if finding.line:
            place["region"] = {"startLine": finding.line}
        result["locations"] = [{"physicalLocation": place}]
    return result
