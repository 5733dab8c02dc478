"""Settling by hand what a failed run has left: what there is, what a way back would do, doing it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from seachange.errors import ConfigError, ExitCode, RefusedError
from seachange.plan import StepResult
from seachange.workflow._rollback.half import find_halves, taken_back
from seachange.workflow._rollback.left import Left, forget_left, read_left
from seachange.workflow._rollback.proof import look_up_proof
from seachange.workflow._rollback.restoring import backup_of, restored, writes_since
from seachange.workflow._rollback.ways import Outcome, downgraded
from seachange.workflow.losses import preview
from seachange.workflow.revert import plan_revert
from seachange.workflow.run import Run
from seachange.workflow.standing import read_standing
from seachange.workflow.steps._apply import locked
from seachange.workflow.steps._check import require_direct, require_writable
from seachange.workflow.steps._verify import drift_at

if TYPE_CHECKING:
    from seachange.revisions.halves import Half

__all__ = ["POLICIES", "find_left", "require_policy", "roll_back", "shown"]

POLICIES = ("downgrade", "restore")


def find_left(run: Run) -> Left | None:
    """Return what a failed run has left in the database: what this checkout kept of it, else what the database has recorded.

    :raises RefusedError: the database was moved since.
    """
    left, at = read_left(run.settings, run.database.redacted), run.current()
    if left is not None and not left.failed:
        left = _ended(run, left, at)
    if left is not None and left.after != at:
        now, then = (" and ".join(names) or "an empty history" for names in (at, left.after))
        raise RefusedError(
            f"run {left.run_id} left {run.database.redacted} at {then}, and it is at {now} by now: somebody went on from there",
            hint="`invoke migration.revert` and `migration.reset` lead back from where it is",
        )
    if left is not None and (left.applied or left.half):
        return left
    halves = _begun(run)
    if not halves:
        return None
    newest = halves[-1]
    return Left(
        run_id=newest.statements[-1].run_id,
        database=run.database.redacted,
        before=at,
        fingerprint="",
        after=at,
        applied=(),
        failed=newest.revision,
        half=True,
    )


def _ended(run: Run, left: Left, at: tuple[str, ...]) -> Left:
    """Return what a run left that was killed or interrupted: where the database is tells what it had applied."""
    applied = tuple(revision.revision for revision in run.history.between(left.before, at))
    back = tuple(revision.revision for revision in run.history.between(at, left.before))
    halves = _begun(run)
    if back:
        return dataclasses.replace(left, after=left.before)
    failed = halves[-1].revision if halves else "the run, which was ended"
    return dataclasses.replace(left, after=at, applied=applied, failed=failed, half=bool(halves))


def _begun(run: Run) -> tuple[Half, ...]:
    from seachange.revisions.halves import read_halves
    from seachange.revisions.units import read_units

    return tuple(half for half in read_halves(read_units(run.settings, run.database)) if half.direction == "upgrade")


def require_policy(policy: str) -> None:
    """Refuse a policy that there is not.

    :param policy: ``downgrade`` or ``restore``.
    :raises ConfigError: it is neither.
    """
    if policy not in POLICIES:
        raise ConfigError(f"--policy: {policy!r} is none", hint=f"there are {' and '.join(POLICIES)}")


def shown(run: Run, left: Left, policy: str) -> tuple[str, ...]:
    """Return what rolling back would do, and what it takes with it.

    :param run: the run.
    :param left: what is to be settled.
    :param policy: ``downgrade`` or ``restore``.
    :raises RefusedError: it cannot be done; the reason.
    """
    if policy == "restore":
        differences = writes_since(run, left)
        if differences:
            lost = "; ".join(each.sentence for each in differences)
            raise RefusedError(
                f"restoring {left.backup} would lose what was written since: {lost}",
                hint="stop what writes, and copy those rows by hand",
            )
        kept = "the database of now is kept under a dated name, and its sessions are ended"
        return (f"nothing was written since {backup_of(run, left).name}: it would be put into the place; {kept}",)
    sentences = [text for half in _halves(run, left) for text in half.sentences]
    if not left.applied:
        return tuple(sentences)
    target = _target(left)
    proof = look_up_proof(run, left)
    said = f"not proven to be without loss: {proof.missing}" if proof.missing else f"proven by the rehearsal of {proof.rehearsed}"
    return (
        *sentences,
        f"undo {', '.join(reversed(left.applied))}, {said}",
        *preview(run, plan_revert(run, target), target=target).told(),
    )


def roll_back(run: Run) -> StepResult:
    """Settle option ``left`` by option ``policy``, under the migration lock, and verify what the database is then.

    :raises RefusedError: the database was moved meanwhile, or it cannot be done.
    """
    require_writable(run)
    require_direct(run)
    left: Left = run.options["left"]
    if run.dry_run:
        facts = tuple(f"would: {text}" for text in shown(run, left, run.options["policy"]))
        return StepResult(status="skipped", summary="nothing was undone", facts=facts)
    with locked(run):
        if run.current() != left.after:
            raise RefusedError("the database was moved since this was shown", hint="run the command again")
        outcome = restored(run, left) if run.options["policy"] == "restore" else _downgraded(run, left)
    return _verified(run, left, outcome)


def _downgraded(run: Run, left: Left) -> Outcome:
    back = taken_back(run, left) if _halves(run, left) else ()
    done = downgraded(run, left, said="undone as confirmed")
    return dataclasses.replace(done, facts=(*back, *done.facts), half=False)


def _halves(run: Run, left: Left) -> tuple[Half, ...]:
    return find_halves(run, left.failed)


def _target(left: Left) -> str:
    if len(left.before) > 1:
        raise RefusedError(f"the run began at several heads, {' and '.join(left.before)}, and a way back leads to one revision")
    return left.before[0] if left.before else "base"


def _verified(run: Run, left: Left, outcome: Outcome) -> StepResult:
    now = read_standing(run)
    deviations = [] if now.current == left.before else [f"it is at {now.place}"]
    if left.fingerprint and now.fingerprint != left.fingerprint:
        deviations.append("its catalogue is another one than before the run")
    if not left.fingerprint:
        deviations += [finding.message for finding in drift_at(run, now.current)]
    place = " and ".join(left.before) or "an empty history"
    if deviations:
        run.settled = f"{run.known_database} is not as it was at {place}: {'; '.join(deviations)}"
        return StepResult(status="failed", summary=run.settled, facts=outcome.facts, exit_code=ExitCode.FAILED_CHANGED)
    forget_left(run.settings, left.database)
    known = "the catalogue that it had before" if left.fingerprint else "the catalogue that the history makes there"
    return StepResult(summary=f"the database is at {place}, with {known}", facts=outcome.facts, data={"undone": outcome.undone})
