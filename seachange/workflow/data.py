"""Rows of the real database, looked at before pending revisions meet them."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seachange.errors import ExitCode, InterruptedRunError, RowsInTheWayError, SeachangeError
from seachange.plan import Finding, StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.history import Revision
    from seachange.safety.data_checks import DataCheck
    from seachange.safety.facts import RevisionFacts

__all__ = ["DataChecks", "Guard", "check_data", "derive_pending", "has_tables", "stopped"]

# What was looked at longer ago is looked at once more before its revision runs.
_FRESH_S = 60.0

_ASKING = re.compile(
    r"unique|primary|references|foreign|check|null|alter|drop|truncate|attach|partition|exclu|validate|index|rename|read|open",
    re.IGNORECASE,
)
_IMPORT = re.compile(r"^\s*(?:from|import)\s+(\w+)", re.MULTILINE)
_KNOWN = frozenset({"__future__", "alembic", "collections", "datetime", "sqlalchemy", "typing"})

_TABLES = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f', 'm') AND c.relname <> %s AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname <> 'seachange' AND n.nspname !~ '^pg_'
)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataChecks:
    """What is to be asked before pending revisions, by revision; ``problem`` says why that is not known for all of them."""

    checks: tuple[DataCheck, ...] = ()
    revisions: tuple[RevisionFacts, ...] = ()
    problem: str = ""
    hint: str = ""


def derive_pending(run: Run) -> DataChecks:
    """Return the data checks of the pending revisions, up to option ``to``; nothing is looked at yet.

    Where no pending revision has a word of what asks something of rows, or the database has no table, nothing is traced.
    """
    from seachange.revisions.planning import plan_upgrade
    from seachange.safety.data_checks import derive

    plan = plan_upgrade(run.history, current=run.current(), target=str(run.options.get("to") or "heads"))
    names = [revision.revision for revision in plan.revisions]
    if not any(_may_ask(run.history.by_id[name]) for name in names) or not has_tables(run):
        return DataChecks()
    try:
        trace = run.trace
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        return DataChecks(problem=f"the pending revisions could not be tried on a throwaway server: {exc.message}", hint=exc.hint)
    revisions = tuple(each for each in trace.revisions if each.revision in names)
    checks = tuple(check for number, facts in enumerate(revisions) for check in derive(facts, earlier=revisions[:number]))
    problem = f"what comes after this is not known, as it fails on a throwaway server: {trace.error}" if trace.error else ""
    return DataChecks(checks=checks, revisions=revisions, problem=problem, hint=trace.hint)


def check_data(run: Run) -> StepResult:
    """Look whether the pending revisions fail on the rows of the database, or lose some.

    :returns: failed with exit code 2 when there is an error among the findings.
    """
    asked = derive_pending(run)
    findings = (*_look(run, asked.checks), *_problem(asked))
    errors = sum(finding.severity == "error" for finding in findings)
    count = len(asked.checks)
    facts = (f"{count} data {'check' if count == 1 else 'checks'} of {len(asked.revisions)} pending revisions",) if count else ()
    if errors:
        return StepResult(
            status="failed",
            summary=f"pending revisions fail on rows of the database: {errors} {'error' if errors == 1 else 'errors'}",
            facts=facts,
            findings=findings,
            exit_code=ExitCode.FOUND,
            data={"checks": count},
        )
    grave = any(finding.severity == "warning" for finding in findings)
    summary = "no row is in the way of a pending revision" if count else "nothing to look at"
    return StepResult(
        status="warning" if grave else "done", summary=summary, facts=facts, findings=findings, data={"checks": count}
    )


class Guard:
    """Stops an upgrade before the revision that the rows are not ready for.

    :param run: the run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._asked = DataChecks()
        self._looked_at = 0.0
        self._begun: dict[str, None] = {}
        self.findings: tuple[Finding, ...] = ()

    def before_all(self) -> None:
        """Ask all that can be asked before the first revision.

        :raises RowsInTheWayError: the rows are not ready for one of them.
        """
        self._asked = derive_pending(self._run)
        if self._asked.checks:
            self._run.progress(f"looking at rows for {len(self._asked.checks)} data checks")
        found = _look(self._run, self._asked.checks)
        self._looked_at = time.monotonic()
        self.findings = tuple(each for each in (*found, *_problem(self._asked)) if each.severity != "info")
        self._require(found, named=self._asked.revisions)

    def before(self, revision: Revision) -> None:
        """Ask what could not be asked before, and once more what was asked long ago.

        :param revision: the one that is about to begin.
        :raises RowsInTheWayError: the rows are not ready for it.
        """
        from seachange.safety.data_checks import derive

        name = revision.revision
        first, again = not self._begun, name in self._begun
        self._begun[name] = None
        facts = next((each for each in self._asked.revisions if each.revision == name), None)
        if first or again or facts is None:
            return
        old = time.monotonic() - self._looked_at > _FRESH_S
        late = {check.statement for check in self._asked.checks if check.revision == name and (old or check.depends_on)}
        checks = [check for check in derive(facts) if check.statement in late]
        found = _look(self._run, checks)
        self.findings += tuple(each for each in found if each.severity == "warning" and each not in self.findings)
        self._require(found, named=(facts,))

    def _require(self, found: Sequence[Finding], *, named: Sequence[RevisionFacts]) -> None:
        errors = [finding for finding in found if finding.severity == "error"]
        if not errors:
            return
        files = {statement.file: each.revision for each in named for statement in each.statements}
        failed = files.get(errors[0].file, named[0].revision)
        applied = tuple(name for name in self._begun if name != failed)
        pending = [each.revision for each in self._asked.revisions]
        rest = tuple(pending[pending.index(failed) + 1 :]) if applied else tuple(each for each in pending if each != failed)
        done = f"after {', '.join(applied)}" if applied else "before anything was changed"
        raise RowsInTheWayError(
            f"stopped {done}: revision {failed} fails on rows of the database",
            hint="`invoke migration.check` shows the same at any time; docs/data-checks.md says what can be done",
            applied=applied,
            failed=failed,
            not_tried=rest,
            findings=errors + [finding for finding in found if finding.severity == "warning"],
        )


def stopped(error: RowsInTheWayError) -> StepResult:
    """Return the result of an upgrade that a guard has stopped."""
    lists = (("applied before it", error.applied), ("not tried", error.not_tried))
    return StepResult(
        status="failed",
        summary=error.message,
        facts=tuple(f"{word}: {', '.join(names)}" for word, names in lists if names),
        findings=tuple(each for each in error.findings if isinstance(each, Finding)),
        hint=error.hint,
        exit_code=int(error.exit_code),
        data={"applied": error.applied, "failed": error.failed, "not_tried": error.not_tried},
    )


def _may_ask(revision: Revision) -> bool:
    """Whether a revision has a word of what asks something of rows, or runs what is written elsewhere."""
    text = revision.path.read_text(encoding="utf-8", errors="replace")
    return bool(_ASKING.search(text)) or any(name not in _KNOWN for name in _IMPORT.findall(text))


def _look(run: Run, checks: Sequence[DataCheck]) -> tuple[Finding, ...]:
    from seachange.postgres.connection import connect
    from seachange.safety.data_checks import run_checks

    if not checks:
        return ()
    with contextlib.closing(connect(run.database, lock_timeout_ms=run.settings.session_lock_timeout)) as connection:
        return run_checks(connection, checks, timeout_ms=run.settings.data_check_timeout)


def _problem(asked: DataChecks) -> tuple[Finding, ...]:
    if not asked.problem:
        return ()
    return (Finding(code="data-not-checked", message=asked.problem, severity="warning", hint=asked.hint),)


def has_tables(run: Run) -> bool:
    """Whether the run's database has a table besides the version table and our own."""
    from seachange.postgres.connection import connect
    from seachange.revisions.runner import version_table

    name = version_table(run.settings).rpartition(".")[2]
    with contextlib.closing(connect(run.database, autocommit=True)) as connection:
        row = connection.execute(_TABLES, [name]).fetchone()
    return bool(row and row[0])
