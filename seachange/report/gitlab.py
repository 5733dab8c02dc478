"""Findings as a report of GitLab's code quality, which merge requests show beside the lines."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable

from seachange.plan import Finding

__all__ = ["gitlab_document"]

# GitLab documentation, Code Quality, "Code Quality report format": info, minor, major, critical or blocker.
_SEVERITIES = {"error": "critical", "warning": "major", "info": "info"}


def gitlab_document(findings: Iterable[Finding], *, prefix: str = "") -> str:
    """Return the findings as one JSON document.

    :param findings: what was found.
    :param prefix: what leads from the root of the repository to the project: GitLab knows files from there.
    """
    seen: Counter[str] = Counter()
    issues = []
    for finding in findings:
        text = f"{finding.message} ({finding.hint})" if finding.hint else finding.message
        path = f"{prefix}{finding.file}"
        # Without the line, so that an issue is the same one after something was written above it; equal ones are counted.
        key = "\0".join((finding.code, path, finding.message))
        seen[key] += 1
        issues.append(
            {
                "description": text,
                "check_name": finding.code,
                "fingerprint": hashlib.sha256(f"{key}\0{seen[key]}".encode()).hexdigest(),
                "severity": _SEVERITIES[finding.severity],
                "location": {"path": path, "lines": {"begin": finding.line or 1}},
            }
        )
    return json.dumps(issues, indent=2, ensure_ascii=False)
