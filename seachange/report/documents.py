"""Findings in whichever format a command was asked for, with what is known of each code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # tasks read the names of the formats when they are listed
    from seachange.plan import Finding
    from seachange.revisions.codes import Code

__all__ = ["FORMATS", "findings_document", "meanings"]

FORMATS = ("github", "sarif", "gitlab", "junit", "markdown")

# GitHub takes 65,536 characters for a comment; a table that is longer says how many findings it leaves out.
_LONGEST_COMMENT = 60_000
_MARKS = {"error": "❌ error", "warning": "⚠️ warning", "info": "ℹ️ info"}


def findings_document(wanted: str, findings: Iterable[Finding], *, name: str, clean: str, root: Path) -> str:
    """Return findings as one document.

    :param wanted: one of :data:`FORMATS`.
    :param findings: what was found.
    :param name: the command, such as ``migration.lint``.
    :param clean: the sentence for when nothing stands against it.
    :param root: the project's folder; services know files from the root of the repository that it is in.
    """
    import seachange
    from seachange.report.github import github_lines, repository_prefix
    from seachange.report.gitlab import gitlab_document
    from seachange.report.junit import junit_document
    from seachange.report.sarif import sarif_document

    found, prefix = tuple(findings), repository_prefix(root)
    if wanted == "sarif":
        return sarif_document(found, codes=meanings(), version=seachange.__version__, prefix=prefix)
    if wanted == "gitlab":
        return gitlab_document(found, prefix=prefix)
    if wanted == "junit":
        return junit_document(found, suite=name, clean=clean)
    if wanted == "markdown":
        return _markdown(found, name=name, clean=clean)
    faulty = any(finding.severity == "error" for finding in found)
    return "\n".join([*github_lines(found, prefix=prefix), *([] if faulty else [clean])])


def meanings() -> Mapping[str, Code]:
    """Return what each code means: those of the history and the rules of lint."""
    from seachange.revisions.codes import CODES, Code
    from seachange.safety.rules import RULES, load_rules

    load_rules()
    rules = {
        known.id: Code(code=known.id, severity=known.severity, title=known.title, why=known.reason, remedy=known.remedy)
        for known in RULES.values()
    }
    return {**CODES, **rules}


def _markdown(findings: tuple[Finding, ...], *, name: str, clean: str) -> str:
    faulty = any(finding.severity == "error" for finding in findings)
    if not findings:
        return f"### `{name}`\n\n✅ {clean}\n"
    counts = {word: sum(finding.severity == word for finding in findings) for word in _MARKS}
    summary = ", ".join(f"{count} {word}{'' if count == 1 or word == 'info' else 's'}" for word, count in counts.items() if count)
    lines = [f"### `{name}`: {summary}", "", "| | rule | place | finding |", "|---|---|---|---|"]
    order = ("error", "warning", "info")
    room = _LONGEST_COMMENT
    left_out = 0
    for finding in sorted(findings, key=lambda one: order.index(one.severity)):
        row = _row(finding)
        room -= len(row) + 1
        if room > 0:
            lines.append(row)
        else:
            left_out += 1
    ending = [f"{left_out} more findings have no room here: `--format json` has every one."] if left_out else []
    return "\n".join([*lines, *([""] if ending or not faulty else []), *ending, *([] if faulty else [f"✅ {clean}"])]) + "\n"


def _row(finding: Finding) -> str:
    text = _cell(finding.message) + (f"<br>**Safe:** {_cell(finding.hint)}" if finding.hint else "")
    proof = f"<br>{finding.provenance}" if finding.provenance else ""
    place = f"`{finding.where}`" if finding.where else ""
    return f"| {_MARKS[finding.severity]} | {finding.code}{proof} | {place} | {text} |"


def _cell(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return " ".join(escaped.replace("|", "\\|").split())
