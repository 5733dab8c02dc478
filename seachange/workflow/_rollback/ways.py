"""The ways back from a failed run, and what a person can do where none was taken."""

from __future__ import annotations

import dataclasses

from seachange.errors import RefusedError
from seachange.workflow._rollback.left import Left
from seachange.workflow.origin import open_ledger, unwritten
from seachange.workflow.run import Run
from seachange.workflow.standing import Standing

__all__ = ["Outcome", "downgraded", "next_steps"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a way back did: which revisions it undid, newest first, and whether part of one is still there."""

    facts: tuple[str, ...]
    undone: tuple[str, ...] = ()
    half: bool = False


def downgraded(run: Run, left: Left, *, said: str) -> Outcome:
    """Undo what a run applied, newest first; the caller holds the migration lock and knows that it may.

    :param run: the run.
    :param left: what is to be undone.
    :param said: on what grounds, for people.
    :raises MigrationFailedError: a downgrade fails.
    :raises RefusedError: the way back is no line.
    """
    from seachange.revisions.runner import downgrade

    if not left.applied:
        return Outcome(facts=(), half=left.half)
    if len(left.before) > 1:
        raise RefusedError(f"it began at several heads, {' and '.join(left.before)}, and a way back leads to one revision")
    ledger = open_ledger(run)
    done = downgrade(
        run.database,
        run.settings,
        history=run.history,
        target=left.before[0] if left.before else "base",
        on_revision=lambda revision: run.progress(f"undoing {revision.revision} {revision.title}"),
        on_retry=run.teller(),
        ledger=ledger,
    )
    facts = tuple(
        f"undone {revision} {run.history.find(revision).title} in {seconds:.2f} s"
        for revision, seconds in done.durations_s.items()
    )
    noted = tuple(finding.message for finding in unwritten(ledger))
    return Outcome(facts=(said, *facts, *noted), undone=done.revisions, half=left.half)


def next_steps(run: Run, left: Left, now: Standing) -> tuple[str, ...]:
    """Return what a person can do, first what costs least.

    :param run: the run.
    :param left: what it left.
    :param now: where the database stands.
    """
    known = run.history.by_id.get(left.failed)
    if known is None:
        steps = [f"write a revision that mends what {left.failed} found, from {now.place} on, and `invoke migration.apply`"]
    else:
        after = f", and does not send again what is committed of {left.failed}" if left.half else ""
        mend = f"mend {run.history.relative(known.path)}, then"
        steps = [f"{mend} `invoke migration.apply`, which goes on from {now.place}{after}"]
    if left.applied or left.half:
        names = ", ".join([*([f"part of {left.failed}"] if left.half else []), *reversed(left.applied)])
        steps.append(f"`invoke migration.rollback` undoes {names} and shows before what that takes with it")
    if left.backup:
        steps.append(
            f"`invoke migration.rollback --policy restore` puts {left.backup} in its place, if nothing was written since"
        )
    return tuple(f"next, {number}: {step}" for number, step in enumerate(steps, 1))
