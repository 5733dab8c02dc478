"""lint: what is pending was run on a throwaway server, and what that did there is judged before it is applied."""

from __future__ import annotations

from collections import Counter

from seachange.errors import ExitCode
from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["lint"]


def lint(run: Run) -> StepResult:
    """Judge the pending revisions; errors fail the step, unless option ``allow`` lets them pass.

    :raises MigrationFailedError: a revision that is applied fails on the throwaway server.
    """
    from seachange.workflow.lint import judge_pending

    judgement = judge_pending(run)
    if not judgement.revisions:
        old = (f"{judgement.old} pending, none newer than lint.since",) if judgement.old else ()
        return StepResult(summary="nothing pending to judge", facts=old)
    facts = (
        f"{_count(len(judgement.revisions), 'revision')} traced on PostgreSQL {run.trace.server_version}",
        *([f"{len(judgement.absent)} findings about tables that the database does not have yet"] if judgement.absent else ()),
        *(f"allowed {finding.code} at {finding.where}: {allowance.reason}" for finding, allowance in judgement.allowed),
    )
    found = Counter(finding.severity for finding in judgement.findings)
    data = {"revisions": judgement.revisions, "allowed": [allowance for _, allowance in judgement.allowed]}
    if judgement.faulty:
        codes = dict.fromkeys(finding.code for finding in judgement.findings if finding.severity == "error")
        return StepResult(
            status="failed",
            summary=f"{_count(found['error'], 'hazard')} in what is pending; nothing was applied",
            facts=facts,
            findings=judgement.findings,
            data=data,
            hint=f"`invoke migration.fix` writes the safe way where it knows one; --allow {next(iter(codes))}=REASON lets pass",
            exit_code=ExitCode.FOUND,
        )
    return StepResult(
        status="warning" if found["warning"] else "done",
        summary=f"{_count(found['warning'], 'warning')} about what is pending"
        if found["warning"]
        else "nothing stands against it",
        facts=facts,
        findings=judgement.findings,
        data=data,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
