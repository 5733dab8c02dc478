"""What follows when a run has moved a database and failed: nothing, a report, the way back, or the backup of before."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seachange.errors import ExitCode, InterruptedRunError, MigrationFailedError, RowsInTheWayError, SeachangeError
from seachange.plan import Plan, StepResult
from seachange.workflow._result import result_of
from seachange.workflow._rollback.by_hand import find_left, require_policy, roll_back, shown
from seachange.workflow._rollback.half import taken_back
from seachange.workflow._rollback.left import Left, forget_left, keep_left
from seachange.workflow._rollback.new import brought_about
from seachange.workflow._rollback.proof import Proof, look_up_proof
from seachange.workflow._rollback.restoring import restored
from seachange.workflow._rollback.ways import Outcome, downgraded, next_steps
from seachange.workflow.data import stopped
from seachange.workflow.run import Run
from seachange.workflow.standing import Standing, read_standing
from seachange.workflow.steps._apply import locked

if TYPE_CHECKING:
    from seachange.postgres.lock import MigrationLock

__all__ = [
    "Failure",
    "Settled",
    "begin",
    "find_left",
    "require_policy",
    "roll_back",
    "settle",
    "settled_check",
    "settled_result",
    "shown",
]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """How a run failed: what it had applied, and what did not go well.

    ``half``: part of the failed revision is in the database; ``in_doubt``: its transaction may still be committed.
    ``exit_code`` is that of the failure when nothing is left of it.
    """

    applied: tuple[str, ...]
    failed: str
    half: bool = False
    in_doubt: bool = False
    exit_code: int = ExitCode.FAILED_UNCHANGED
    plan_hash: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settled:
    """What was done about a failure; ``sentence`` is about the database, ``unchanged`` when it was proven to be as before."""

    unchanged: bool
    exit_code: int
    sentence: str
    facts: tuple[str, ...] = ()
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def begin(run: Run, *, plan_hash: str = "") -> None:
    """Note, before a run moves its database, where that stands: a run that is killed says nothing at its end.

    :param run: the run, with its ``standing``.
    :param plan_hash: of the plan that it carries out, if it was given one.
    """
    keep_left(run.settings, _left(run, Failure(applied=(), failed="", plan_hash=plan_hash), _before(run)))


def settle(run: Run, failure: Failure, *, lock: MigrationLock) -> Settled:
    """Do about a failed run what setting ``on_failure`` says, verify what the database is then, and say it.

    :param run: the run, with its ``standing`` of before.
    :param failure: how it failed.
    :param lock: the migration lock, which the run has held since before it began.
    :raises InterruptedRunError: the run was interrupted on the way back.
    """
    before, now = _before(run), _read(run)
    if now is None or failure.in_doubt:
        return _unknown(run, now)
    if not failure.half and not before.deviations(now):
        forget_left(run.settings, run.database.redacted)
        return _as_before(run, before, failure.exit_code)
    left = _left(run, failure, now)
    keep_left(run.settings, left)
    return _verified(run, left, _act(run, left, lock))


def settled_result(run: Run, exc: MigrationFailedError, *, lock: MigrationLock, plan: Plan | None = None) -> StepResult:
    """Return the result of an apply that an error ended, after what setting ``on_failure`` says was done about it.

    :param run: the run.
    :param exc: why it ended.
    :param lock: the migration lock.
    :param plan: the plan that it carried out, if it was given one.
    """
    names = tuple(dict.fromkeys(name.partition(" in ")[0] for name in exc.applied))
    failure = Failure(
        applied=names,
        failed=exc.failed,
        half=exc.left_behind,
        in_doubt=exc.in_doubt,
        exit_code=int(exc.exit_code),
        plan_hash=plan.hash if plan else "",
    )
    done = settle(run, failure, lock=lock)
    result = stopped(exc) if isinstance(exc, RowsInTheWayError) else result_of(exc)
    summary = result.summary
    if done.unchanged and (exc.applied or exc.left_behind):
        summary = f"revision {exc.failed} was not applied: {exc.reason}"
    return dataclasses.replace(
        result,
        summary=summary,
        facts=(*result.facts, *done.facts),
        exit_code=done.exit_code,
        data={**result.data, **done.data},
    )


def settled_check(run: Run, failed: StepResult, *, applied: tuple[str, ...]) -> StepResult:
    """Return the result of a check after an apply that found errors, after what setting ``on_failure`` says was done about them.

    What was there before the run is no reason to undo anything.

    :param run: the run, which does not hold the migration lock any more.
    :param failed: what the check found.
    :param applied: what the run has applied before it.
    """
    try:
        new = brought_about(run, failed.findings, before=_before(run))
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        fact = f"nothing was undone: which of them were there before the run cannot be found out: {exc.message}"
        return dataclasses.replace(failed, facts=(*failed.facts, fact), exit_code=ExitCode.FAILED_CHANGED)
    if not new:
        fact = "nothing was undone: all of them were there before this run"
        return dataclasses.replace(failed, facts=(*failed.facts, fact))
    at = run.results["apply"].data.get("current")
    with locked(run) as lock:
        if run.current() != at:
            fact = "nothing was undone: somebody has moved the database since"
            return dataclasses.replace(failed, facts=(*failed.facts, fact), exit_code=ExitCode.FAILED_CHANGED)
        plan_hash = str(run.results["apply"].data.get("plan_hash") or "")
        done = settle(run, Failure(applied=applied, failed=run.current_step(), plan_hash=plan_hash), lock=lock)
    stale = ("what step sync has written shows the schema that was undone",) if done.unchanged and "sync" in run.steps else ()
    facts = (f"{len(new)} of them came with this run", *failed.facts, *done.facts, *stale)
    return dataclasses.replace(failed, facts=facts, exit_code=done.exit_code, data={**failed.data, **done.data})


def _before(run: Run) -> Standing:
    if run.standing is None:
        raise AssertionError("a run notes where its database stands before it moves it")
    return run.standing


def _read(run: Run) -> Standing | None:
    try:
        return read_standing(run)
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        _log.warning("the database cannot be asked where it stands: %s", exc)
        return None


def _left(run: Run, failure: Failure, now: Standing) -> Left:
    before, results = _before(run), run.results
    rehearsed = results["rehearse"].data.get("plan_hash", "") if "rehearse" in results else ""
    backup = results["backup"].data.get("backup", "") if "backup" in results else ""
    return Left(
        run_id=run.run_id,
        database=run.database.redacted,
        before=before.current,
        fingerprint=before.fingerprint,
        after=now.current,
        applied=failure.applied,
        failed=failure.failed,
        half=failure.half,
        plan_hash=failure.plan_hash or str(rehearsed),
        backup=str(backup),
    )


def _act(run: Run, left: Left, lock: MigrationLock) -> Outcome:
    policy = run.settings.failure_policy
    acting = _POLICIES.get(policy)
    if acting is None:
        return Outcome(facts=("on_failure is stop: nothing was undone",), half=left.half)
    if not lock.held():
        lost = f"on_failure is {policy}, but the migration lock was lost with its connection: nothing was undone"
        return Outcome(facts=(lost,), half=left.half)
    try:
        return acting(run, left)
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        _log.info("the way back failed", exc_info=True)
        return Outcome(facts=(f"on_failure is {policy}, and the way back stopped: {exc.message}",), half=left.half)


def _downgrade(run: Run, left: Left) -> Outcome:
    proof = look_up_proof(run, left) if left.applied else Proof()
    if proof.missing:
        return Outcome(facts=(f"on_failure is downgrade, and nothing was undone: {proof.missing}",), half=left.half)
    back = taken_back(run, left) if left.half else ()
    done = downgraded(run, left, said=f"undone as the rehearsal of {proof.rehearsed} proved to be without loss")
    return dataclasses.replace(done, facts=(*back, *done.facts), half=False)


_POLICIES: Mapping[str, Callable[[Run, Left], Outcome]] = {"downgrade": _downgrade, "restore": restored}


def _verified(run: Run, left: Left, outcome: Outcome) -> Settled:
    before, now = _before(run), _read(run)
    data = {"on_failure": run.settings.failure_policy, "undone": outcome.undone}
    if now is None:
        return dataclasses.replace(_unknown(run, now), facts=outcome.facts, data=data)
    deviations = before.deviations(now)
    if not deviations and not outcome.half:
        forget_left(run.settings, left.database)
        done = _as_before(run, before, ExitCode.FAILED_UNCHANGED)
        return dataclasses.replace(done, facts=(*outcome.facts, *done.facts), data={**data, **done.data})
    run.settled = sentence = _moved(run, before, now)
    return Settled(
        unchanged=False,
        exit_code=ExitCode.FAILED_CHANGED,
        sentence=sentence,
        facts=(*outcome.facts, *next_steps(run, left, now)),
        data={**data, "deviations": deviations},
    )


def _moved(run: Run, before: Standing, now: Standing) -> str:
    if before.current != now.current:
        return f"{run.known_database} was moved from {before.place} to {now.place}"
    deviations = before.deviations(now) or ("part of a revision is in it",)
    return f"{run.known_database} is at {now.place}, as before, but is not what it was: {'; '.join(deviations)}"


def _as_before(run: Run, before: Standing, exit_code: int) -> Settled:
    sentence = (
        f"{run.known_database} is as before: at {before.place}, its catalogue with the same fingerprint {before.fingerprint[:12]}"
    )
    run.settled = sentence
    code = exit_code if exit_code == ExitCode.TRY_AGAIN else ExitCode.FAILED_UNCHANGED
    data = {"unchanged": True, "fingerprint": before.fingerprint}
    return Settled(unchanged=True, exit_code=code, sentence=sentence, data=data)


def _unknown(run: Run, now: Standing | None) -> Settled:
    why = "it cannot be asked" if now is None else "the transaction of the failed revision may still be committed"
    sentence = f"the state of {run.known_database} is not known: {why}"
    run.settled = sentence
    facts = ("nothing was undone: what is not known is left alone",)
    return Settled(unchanged=False, exit_code=ExitCode.FAILED_CHANGED, sentence=sentence, facts=facts)
