"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seachange.plan import Finding, Severity

__all__ = ["github_lines", "repository_prefix"]

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}

# GitHub documentation, Workflow commands: a step shows at most so many annotations of each kind and drops the others silently.
_MOST = 10


def github_lines(findings: Iterable[Finding], *, prefix: str = "") -> list[str]:
    """Return one command for each finding, as far as GitHub shows them: the last of a kind says how many more there are.

    What has no annotation is a plain line of the log.

    :param findings: what was found.
    :param prefix: what leads from the root of the repository to the project: GitHub knows files from there.
    """
    by_kind: dict[Severity, list[Finding]] = {"error": [], "warning": [], "info": []}
    for finding in findings:
        by_kind[finding.severity].append(finding)
    return [line for kind, found in by_kind.items() for line in _limited(found, kind, prefix)]


def repository_prefix(root: Path) -> str:
    """Return what leads from the root of the git repository to a project in it: nothing, or folders with a slash at the end."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            inner = root.relative_to(folder).as_posix()
            return "" if inner == "." else f"{inner}/"
    return ""


def _limited(findings: list[Finding], kind: Severity, prefix: str) -> list[str]:
    if len(findings) <= _MOST:
        return [_command(finding, prefix) for finding in findings]
    shown, others = findings[: _MOST - 1], findings[_MOST - 1 :]
    word = "remarks" if kind == "info" else f"{kind}s"
    rest = Finding(code="more", message=f"{len(others)} more {word} are in the log of this step", severity=kind)
    plain = (f"{one.where}: {' '.join(one.message.split())} [{one.code}]".removeprefix(": ") for one in others)
    return [*(_command(finding, prefix) for finding in shown), _command(rest, prefix), *plain]


def _command(finding: Finding, prefix: str) -> str:
    properties = {
        "file": f"{prefix}{finding.file}" if finding.file else "",
        "line": str(finding.line or ""),
        "title": finding.code,
    }
    given = ",".join(f"{name}={_escaped(value, also=':,')}" for name, value in properties.items() if value)
    text = f"{finding.message}\n{finding.hint}" if finding.hint else finding.message
    return f"::{_COMMANDS[finding.severity]} {given}::{_escaped(text)}"


def _escaped(text: str, *, also: str = "") -> str:
    # actions/toolkit, packages/core/src/command.ts, escapeData and escapeProperty.
    for character in "%\r\n" + also:
        text = text.replace(character, f"%{ord(character):02X}")
    return text
