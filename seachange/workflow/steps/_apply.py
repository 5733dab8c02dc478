"""apply: pending revisions, one transaction each, under the migration lock, read back before "applied" is said."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from seachange.errors import MigrationFailedError, RowsInTheWayError
from seachange.plan import Plan, StepResult
from seachange.workflow._result import result_of
from seachange.workflow._rollback.left import forget_left
from seachange.workflow.data import Guard, stopped
from seachange.workflow.gates import require_open
from seachange.workflow.origin import open_ledger, unwritten
from seachange.workflow.plan import require_current, require_plan
from seachange.workflow.rehearsal import require_rehearsed
from seachange.workflow.run import Run
from seachange.workflow.steps._check import require_direct, require_known, require_writable

if TYPE_CHECKING:
    from seachange.postgres.lock import MigrationLock
    from seachange.revisions.history import Revision
    from seachange.revisions.ledger import Ledger
    from seachange.revisions.runner import Applied

__all__ = ["apply", "locked"]


def apply(run: Run) -> StepResult:
    """Apply pending revisions up to option ``to`` (the head by default), or exactly those of option ``plan``.

    :raises RefusedError: the database or the revisions are not what the plan was made for, or one waits for a release, or nobody
        has rehearsed them where that is required.
    :raises LockNotAcquiredError: another deployer holds the lock, and did so for all of ``migration_timeout``.
    :returns: failed when a revision failed, or would fail on the rows of the database, after what setting ``on_failure`` says.
    """
    from seachange.revisions.planning import plan_upgrade

    require_writable(run)
    require_direct(run)
    plan: Plan | None = run.options.get("plan")
    target = _planned(run, plan) if plan else run.options.get("to") or "heads"
    rehearsed = require_rehearsed(run, target, plan=plan)
    if run.dry_run:
        return _would_apply(run, target, facts=rehearsed.facts)
    ledger, guard = open_ledger(run), Guard(run)
    with locked(run) as lock:
        if plan:
            require_current(run, plan)
        elif rehearsed.plan and plan_upgrade(run.history, current=run.current(), target=target).revisions:
            require_current(run, rehearsed.plan)
        require_known(run, run.current())
        gates = require_open(run, target)
        try:
            guard.before_all()
            _note_standing(run, target, plan=plan)
            applied = _upgrade(run, target, guard=guard, ledger=ledger)
        except MigrationFailedError as exc:
            return _failed(run, exc, lock=lock, plan=plan)
        forget_left(run.settings, run.database.redacted)
    done = tuple(
        f"applied {revision} {run.history.find(revision).title} in {seconds:.2f} s"
        for revision, seconds in applied.durations_s.items()
    )
    facts = (*_facts_of_plan(run, plan), *rehearsed.facts, *gates, *done)
    place = " and ".join(applied.current) or "nothing"
    summary = (
        f"{len(applied.revisions)} applied, the database is at {place}" if applied.revisions else f"nothing to apply, at {place}"
    )
    findings = (*guard.findings, *unwritten(ledger))
    data = {"applied": applied.revisions, "current": applied.current, "plan_hash": plan.hash if plan else ""}
    return StepResult(status="warning" if findings else "done", summary=summary, facts=facts, findings=findings, data=data)


def _upgrade(run: Run, target: str, *, guard: Guard, ledger: Ledger | None) -> Applied:
    from seachange.revisions.runner import upgrade

    def begin(revision: Revision) -> None:
        guard.before(revision)
        run.progress(f"applying {revision.revision} {revision.title}")

    return upgrade(
        run.database,
        run.settings,
        history=run.history,
        target=target,
        on_revision=begin,
        on_retry=run.teller(),
        ledger=ledger,
    )


def _note_standing(run: Run, target: str, *, plan: Plan | None) -> None:
    """Note where the database stands before the first of its pending revisions, to compare what it is after a failure."""
    from seachange.revisions.planning import plan_upgrade
    from seachange.workflow.rollback import begin
    from seachange.workflow.standing import read_standing

    if plan_upgrade(run.history, current=run.current(), target=target).revisions:
        run.standing = read_standing(run, verified="verify" in run.steps)
        begin(run, plan_hash=plan.hash if plan else "")


def _failed(run: Run, exc: MigrationFailedError, *, lock: MigrationLock, plan: Plan | None) -> StepResult:
    from seachange.workflow.rollback import settled_result

    if run.standing is None:
        return stopped(exc) if isinstance(exc, RowsInTheWayError) else result_of(exc)
    return settled_result(run, exc, lock=lock, plan=plan)


def locked(run: Run) -> AbstractContextManager[MigrationLock]:
    """Hold the migration lock of the run's database for a block."""
    from seachange.postgres.lock import migration_lock
    from seachange.revisions.runner import version_table

    tell = run.teller()
    return migration_lock(
        run.database,
        version_table=version_table(run.settings),
        timeout_s=run.settings.migration_timeout / 1000,
        on_wait=lambda holder: tell(f"waiting for the migration lock, held by {holder}"),
    )


def _planned(run: Run, plan: Plan) -> str:
    run.progress("comparing the plan with what the revisions send now")
    return require_plan(run, plan, direction="upgrade")


def _facts_of_plan(run: Run, plan: Plan | None) -> tuple[str, ...]:
    if plan is None:
        return ()
    facts: tuple[str, ...] = (f"exactly as planned: {plan.hash}",)
    if plan.server_major and plan.server_major != run.server.major:
        facts += (f"the plan was made on PostgreSQL {plan.server_major}, this server is {run.server.major}; the SQL is the same",)
    return facts


def _would_apply(run: Run, target: str, *, facts: tuple[str, ...]) -> StepResult:
    from seachange.revisions.planning import plan_upgrade

    plan = plan_upgrade(run.history, current=run.current(), target=target)
    facts += require_open(run, target) + tuple(f"would apply {revision.revision} {revision.title}" for revision in plan.revisions)
    summary = f"{len(plan.revisions)} pending" if plan.revisions else "nothing to apply"
    return StepResult(status="skipped", summary=summary, facts=facts, data={"plan": plan.to_dict()})
