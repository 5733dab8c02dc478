"""What the rows answered -> findings."""

from __future__ import annotations

import dataclasses
from typing import Literal

from seachange.plan import Finding, Severity
from seachange.safety._data.reading import Matched
from seachange.safety._data.values import DataCheck
from seachange.safety._look import NotCheckedError

__all__ = ["Answer", "finding_of", "not_checked", "not_yet"]

Outcome = Literal["fails", "loses", "keeps", "changes"]

_SEVERITIES: dict[Outcome, Severity] = {"fails": "error", "loses": "warning", "keeps": "info", "changes": "info"}
_LONGEST_QUERY = 600
_NOTHING = Matched(count=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What was found in one table: ``fact`` is half a sentence, ``outcome`` what the operation makes of it.

    ``code`` is that of the check by default.
    """

    table: str
    fact: str
    outcome: Outcome = "fails"
    matched: Matched = _NOTHING
    remedy: str = ""
    code: str = ""


def finding_of(check: DataCheck, answer: Answer) -> Finding:
    """Return an answer as a finding on the line of the operation."""
    samples = f" ({answer.matched.samples})" if answer.matched.samples else ""
    fact = f"{answer.table}: {answer.fact}{samples}"
    ends = {
        "fails": f", on which {check.what} fails",
        "loses": f"; {check.what} loses them",
        "keeps": f": {check.what} loses nothing",
        "changes": f"; {check.what} changes them",
    }
    message, severity = f"{fact}{ends[answer.outcome]}", _SEVERITIES[answer.outcome]
    if check.reason and answer.outcome != "keeps":
        message, severity = f"{message}, unless what runs before changes that: {check.reason}", "info"
    query = answer.matched.query if len(answer.matched.query) <= _LONGEST_QUERY else ""
    hint = "; ".join(part for part in (f"see them: {query}" if query else "", answer.remedy) if part)
    return _finding(check, answer.code or check.code, message, severity=severity, hint=hint, table=answer.table)


def not_checked(check: DataCheck, error: NotCheckedError) -> Finding:
    """Return a check that could not be made."""
    table = check.source.table
    place = f"{table}: " if table else ""
    made_before = check.source.layers and error.sqlstate.startswith(("22", "23", "25"))
    if made_before or error.sqlstate.startswith("42"):
        # A name that is not there yet: a column, function, type or table of a pending revision, or one that the session misses;
        # or values that an earlier statement would have to make, and cannot make here.
        message = f"{place}{check.what} cannot be checked yet: {str(error).removeprefix('not checked: ')}"
        return _finding(check, check.code, message, severity="info", table=table)
    hint = "give it more time by setting data_check_timeout, or look at the rows yourself"
    return _finding(check, check.code, f"{place}{check.what}: {error}", severity="warning", hint=hint, table=table)


def not_yet(check: DataCheck) -> Finding:
    """Return a check of rows that are not there yet."""
    message = f"{check.what} cannot be checked yet: {check.reason}"
    return _finding(check, check.code, message, severity="info", table=check.source.alias)


def _finding(check: DataCheck, code: str, message: str, *, severity: Severity, hint: str = "", table: str = "") -> Finding:
    return Finding(
        code=code,
        message=message,
        severity=severity,
        hint=hint,
        file=check.file,
        line=check.line,
        provenance="data",
        table=table,
    )
