"""Findings as JUnit's XML, which every CI system shows: a test case for each, failed where it is an error."""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from seachange.plan import Finding

__all__ = ["junit_document"]

# XML 1.0, 2.2 Characters: what else there is may not stand in a document, however it is written.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_document(findings: Iterable[Finding], *, suite: str, clean: str) -> str:
    """Return the findings as one XML document.

    :param findings: what was found.
    :param suite: the name of the suite, such as that of the command.
    :param clean: the one test case that there is when nothing was found.
    """
    found = list(findings)
    failures = sum(finding.severity == "error" for finding in found)
    counts = {"tests": str(len(found) or 1), "failures": str(failures), "errors": "0"}
    top = ET.Element("testsuites", counts)
    inner = ET.SubElement(top, "testsuite", {"name": suite, **counts})
    if not found:
        ET.SubElement(inner, "testcase", {"classname": suite, "name": clean})
    for finding in found:
        _case(inner, finding, suite)
    ET.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(top, encoding="unicode")


def _case(suite: ET.Element, finding: Finding, name: str) -> None:
    place = {"file": finding.file, "line": str(finding.line)} if finding.file else {}
    title = f"{finding.code} {finding.where}".strip()
    case = ET.SubElement(suite, "testcase", {"classname": _legal(finding.file) or name, "name": _legal(title), **place})
    text = "\n".join(part for part in (finding.where, finding.message, finding.hint and f"hint: {finding.hint}") if part)
    if finding.severity == "error":
        ET.SubElement(case, "failure", {"type": finding.code, "message": _legal(finding.message)}).text = _legal(text)
    else:
        ET.SubElement(case, "system-out").text = _legal(f"{finding.severity}: {text}")


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
