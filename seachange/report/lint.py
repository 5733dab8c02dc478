"""What the rules said, in a sentence and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from seachange.plan import Finding
from seachange.workflow.lint import Judgement

__all__ = ["judgement_data", "note_lines", "summary_line"]


def summary_line(judgement: Judgement) -> str:
    """Return what was judged, on what, and how it ended."""
    if judgement.words.startswith("in "):
        return f"{judgement.words.removeprefix('in ')}, {_how(judgement)}: {_found(judgement)}"
    count = len(judgement.revisions)
    if not count:
        return f"no revision is {judgement.words}" if judgement.words == "pending" else f"there is no revision {judgement.words}"
    what = f"{count} revision{'' if count == 1 else 's'} {judgement.words}".rstrip()
    return f"{what}, {_how(judgement)}: {_found(judgement)}"


def note_lines(judgement: Judgement) -> Iterator[str]:
    """Yield what else there is to know: what was let pass, and what was not looked at."""
    for finding, allowance in judgement.allowed:
        yield f"allowed {finding.code} at {finding.where or 'the revision'}: {allowance.reason}"
    for finding, comment in judgement.suppressed:
        until = f" (until {comment.until})" if comment.until else ""
        yield f"allowed {finding.code} at {finding.where or 'the revision'} by a comment: {comment.reason}{until}"
    for opinion in judgement.opinions:
        yield f"{opinion.where}: {opinion.message}"
    for sentence in judgement.disagreements:
        yield f"reading the text was wrong: {sentence}"
    if judgement.absent:
        yield f"{_count(judgement.absent)} about tables that the database does not have yet: --from base shows all"
    if judgement.old:
        yield f"{judgement.old} not judged: not newer than lint.since"


def judgement_data(judgement: Judgement) -> dict[str, Any]:
    """Return what a program wants to know besides the findings."""
    trace = judgement.trace
    return {
        "revisions": judgement.revisions,
        "traced_on": trace.server_version if trace is not None else "",
        "allowed": [{"finding": finding, "reason": allowance.reason} for finding, allowance in judgement.allowed],
        "suppressed": [{"finding": finding, "reason": comment.reason} for finding, comment in judgement.suppressed],
        "opinions": judgement.opinions,
        "disagreements": judgement.disagreements,
        "about_absent_tables": judgement.absent,
        "not_judged": judgement.old,
    }


def _found(judgement: Judgement) -> str:
    found = Counter(finding.severity for finding in judgement.findings)
    words = [f"{found[severity]} {severity}{'s' if found[severity] != 1 and severity != 'info' else ''}" for severity in found]
    return ", ".join(words) or "nothing found"


def _count(findings: Sequence[Finding]) -> str:
    return f"{len(findings)} finding{'' if len(findings) == 1 else 's'}"


def _how(judgement: Judgement) -> str:
    return (
        f"traced on PostgreSQL {judgement.trace.server_version}" if judgement.trace is not None else "read only, nothing was run"
    )
