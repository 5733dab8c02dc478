"""Settle by hand what a failed run has left."""

from __future__ import annotations

from seachange.tasks._task import Face, task

__all__ = ["rollback"]


@task(
    changes=True,
    collection="migration",
    help={
        "policy": "downgrade: undo what the run did; restore: put its backup back, where nothing was written since",
        "yes": "do not ask",
    },
)
def rollback(face: Face, *, policy: str = "downgrade", yes: bool = False) -> None:
    """Take back what a failed run has left; shows it and asks first."""
    from seachange.workflow import Step, pipeline, steps
    from seachange.workflow.rollback import find_left, require_policy, roll_back, shown

    require_policy(policy)
    with face.new_run() as run:
        left = find_left(run)
        if left is None:
            face.answer([f"nothing to roll back: no failed run has left anything in {run.database.redacted}"], {"left": None})
            return
        question = "\n".join((f"rolling back run {left.run_id} on {run.database.redacted}:", *shown(run, left, policy)))
        if not face.dry_run:
            face.confirm(question, expected=run.database.name, yes=yes)
    step = Step(name="rollback", run=roll_back, needs=("check",))
    face.run(pipeline(steps.check, step, name=face.name), left=left, policy=policy, backwards=True)
