"""Findings about a revision, placed at the line where it says what is wrong."""

from __future__ import annotations

from seachange.plan import Finding, Severity
from seachange.revisions._revision import Revision
from seachange.revisions.history import History

__all__ = ["finding", "some"]


def finding(
    history: History, code: str, message: str, *, hint: str, at: Revision, name: str = "revision", severity: Severity = "error"
) -> Finding:
    """Return a finding at the line where ``at`` has ``name``."""
    file, line = history.relative(at.path), at.lines.get(name, 0)
    return Finding(code=code, message=message, hint=hint, severity=severity, file=file, line=line)


def some(names: list[str] | tuple[str, ...]) -> str:
    """Return the first names of a list, and how many more there are."""
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
