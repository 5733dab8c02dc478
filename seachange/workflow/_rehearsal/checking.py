"""What is looked at on the copy besides the revisions: rows before them, promises of the schema and code of N-1 after them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from seachange.errors import ConfigError, InterruptedRunError, SeachangeError
from seachange.plan import Finding
from seachange.safety.facts import RevisionFacts
from seachange.workflow._rehearsal.values import Check
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Promises", "check_code", "check_rows"]

_ROWS = "data checks"
_PROMISES = "constraints and orphans"
_CODE = "queries of N-1"


def check_rows(run: Run, database: Database, revisions: Sequence[RevisionFacts]) -> Check:
    """Look whether the rows of the copy are ready for the revisions, before any of them runs.

    :param run: the run.
    :param database: the copy.
    :param revisions: the pending revisions, as they ran on an empty throwaway server.
    """
    from seachange.postgres.connection import connect
    from seachange.safety.data_checks import derive, run_checks

    asked = [check for number, facts in enumerate(revisions) for check in derive(facts, earlier=tuple(revisions[:number]))]
    if not asked:
        return Check(name=_ROWS, summary="no revision asks anything of rows")
    run.progress(f"looking at the rows of the copy for {len(asked)} data checks")
    with contextlib.closing(connect(database, lock_timeout_ms=run.settings.session_lock_timeout)) as session:
        findings = run_checks(session, asked, timeout_ms=run.settings.data_check_timeout)
    told = tuple(each for each in findings if each.severity != "info")
    words = f"{_count(len(asked), 'check')}, {_errors(told)}" if told else f"{_count(len(asked), 'check')}, no row is in the way"
    return Check(name=_ROWS, status=_status(told), summary=words, findings=told)


class Promises:
    """Rows, indexes, constraints and sequences of the copy, looked at before the revisions and after them.

    :param run: the run.
    :param database: the copy.
    """

    def __init__(self, run: Run, database: Database) -> None:
        self._run = run
        self._database = database
        self._before = {_key(each) for each in self._look()}

    def check(self) -> Check:
        """Return what is broken now; what was so before the revisions is a warning, as they have not done it."""
        found = self._look()
        told = tuple(each if _key(each) not in self._before else _known(each) for each in found)
        words = _errors(told) if told else "rows keep what the schema promises"
        return Check(name=_PROMISES, status=_status(told), summary=words, findings=told)

    def _look(self) -> tuple[Finding, ...]:
        from seachange.postgres.connection import connect
        from seachange.safety.integrity import check_integrity

        settings = self._run.settings
        with contextlib.closing(connect(self._database)) as session:
            return check_integrity(session, schemas=settings.schemas, timeout_ms=settings.session_statement_timeout)


def check_code(run: Run) -> Check:
    """Look whether the code of the last release works with the schema after the revisions; prepared, its queries need no rows.

    :param run: the run.
    """
    from seachange.safety.compatibility import LEVELS, finding_of
    from seachange.workflow._reference import AUTO
    from seachange.workflow.compatibility import find_compatibility

    run.progress("preparing the queries of the code that runs now")
    try:
        found = find_compatibility(run, AUTO)
    except ConfigError as exc:
        return Check(name=_CODE, status="skipped", summary=exc.message.removeprefix(f"--compatible-with {AUTO}: "))
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        return Check(name=_CODE, status="warning", summary=f"not tried: {exc.message}")
    told = tuple(_softened(finding_of(effect)) for effect in found.effects if effect.severity != "info")
    words = f"{_count(found.queries, 'query', 'queries')} of {found.name}: {LEVELS[found.version_class]}"
    return Check(name=_CODE, status=_status(told), summary=words, findings=told)


def _softened(finding: Finding) -> Finding:
    """Let code that a revision breaks be a warning: whether it still runs by then, the deployment knows."""
    return dataclasses.replace(finding, severity="warning" if finding.severity == "error" else finding.severity)


def _known(finding: Finding) -> Finding:
    return dataclasses.replace(_softened(finding), message=f"{finding.message}; it was so before the revisions")


def _key(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.message


def _status(findings: Iterable[Finding]) -> Literal["done", "warning", "failed"]:
    severities = {each.severity for each in findings}
    return "failed" if "error" in severities else "warning" if "warning" in severities else "done"


def _errors(findings: Iterable[Finding]) -> str:
    severities = [each.severity for each in findings]
    counts = ((severities.count("error"), "error"), (severities.count("warning"), "warning"), (severities.count("info"), "note"))
    return ", ".join(_count(number, noun) for number, noun in counts if number)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"
