"""rehearse: what is pending was applied to a copy of the rows, while readers and writers were at it, before it is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seachange.errors import ExitCode, NoCopyError
from seachange.plan import StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.workflow.rehearsal import Rehearsal

__all__ = ["rehearse"]

_NOTHING = "nothing pending to rehearse"


def rehearse(run: Run) -> StepResult:
    """Rehearse the pending revisions on a copy of the database.

    :raises SeachangeError: there is no copy of the kind that was asked for, and a rehearsal is required.
    :returns: failed when a revision fails on the copy, a check does, or a budget was not kept.
    """
    reason = _needless(run)
    if reason:
        return StepResult(status="skipped", summary=reason)
    if run.dry_run:
        return _would_rehearse(run)
    from seachange.workflow.rehearsal import rehearse as rehearse_pending
    from seachange.workflow.rehearsal import requires_rehearsal

    try:
        found = rehearse_pending(run)
    except NoCopyError as exc:
        if requires_rehearsal(run.settings):
            raise
        return StepResult(status="warning", summary=f"not rehearsed: {exc.message}", hint=exc.hint)
    return _result(found) if found is not None else StepResult(status="skipped", summary=_NOTHING)


def _result(found: Rehearsal) -> StepResult:
    from seachange.workflow._rehearsal.telling import budget_findings, facts_of, sentence, way_back_findings

    findings = (*found.findings(), *budget_findings(found), *way_back_findings(found))
    data = {"verdict": found.verdict, "plan_hash": found.plan_hash, "rehearsal": found.to_dict()}
    if found.verdict == "inconclusive":
        words = f"made-up rows prove nothing here: {found.error}"
        hint = "rehearse on a backup: `invoke db.backup`, then `invoke db.verify-backup`"
        return StepResult(status="warning", summary=words, facts=facts_of(found), findings=findings, hint=hint, data=data)
    if found.error:
        return StepResult(
            status="failed",
            summary=found.error,
            facts=facts_of(found),
            findings=findings,
            hint=found.hint,
            data=data,
            exit_code=ExitCode.FAILED_UNCHANGED,
        )
    if not found.passed:
        words = "the copy went over budget" if found.verdict == "over budget" else "what was checked on the copy failed"
        return StepResult(
            status="failed",
            summary=f"{words}; nothing was applied",
            facts=facts_of(found),
            findings=findings,
            data=data,
            exit_code=ExitCode.FOUND,
        )
    grave = any(finding.severity == "warning" for finding in findings)
    return StepResult(
        status="warning" if grave else "done", summary=sentence(found), facts=facts_of(found), findings=findings, data=data
    )


def _needless(run: Run) -> str:
    """Return why there is nothing to rehearse; nothing where there is."""
    from seachange.workflow.data import has_tables
    from seachange.workflow.rehearsal import pending_revisions

    settings = run.settings
    if settings.rehearsal_source == "off":
        return "setting rehearsal.source is off"
    if not pending_revisions(run):
        return _NOTHING
    if settings.databases:
        return "env.py migrates several databases, and a rehearsal has a copy of one"
    return "" if has_tables(run) else "the database has no tables yet: nobody can have to wait"


def _would_rehearse(run: Run) -> StepResult:
    from seachange.workflow.rehearsal import pending_revisions

    facts = tuple(f"would rehearse {revision.revision} {revision.title}" for revision in pending_revisions(run))
    return StepResult(status="skipped", summary=f"would rehearse {len(facts)} pending on a copy", facts=facts)
