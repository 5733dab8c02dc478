"""generate: a revision from what the models have and the shadow database at head has not."""

from __future__ import annotations

from seachange.errors import ExitCode
from seachange.plan import StepResult
from seachange.workflow.run import Run

__all__ = ["generate"]

_NOTHING = "no new revision: the models and the history agree"


def generate(run: Run) -> StepResult:
    """Write a revision when the models differ from the history; where revisions are deployed, only compare.

    :returns: a warning when there is nothing to do.
    """
    from seachange.revisions.generate import generate as write_revision
    from seachange.revisions.generate import pending_operations

    if run.dry_run or run.settings.production:
        operations = pending_operations(run.settings, run.history, metadata=run.metadata, shadow=run.shadow)
        if not operations:
            return StepResult(status="warning" if run.dry_run else "done", summary=_NOTHING)
        if run.settings.production:
            return StepResult(
                status="failed",
                summary=f"the models have {len(operations)} changes that no revision makes",
                facts=operations,
                hint="run migration.generate in development and commit the revision",
                exit_code=ExitCode.FOUND,
            )
        return StepResult(status="skipped", summary="would write a revision", facts=operations, data={"operations": operations})
    made = write_revision(
        run.settings,
        run.history,
        metadata=run.metadata,
        shadow=run.shadow,
        name=run.options.get("name", ""),
        location=run.options.get("location", ""),
        progress=run.progress,
    )
    if made is None:
        return StepResult(status="warning", summary=_NOTHING)
    run.history_changed()
    path = made.path.relative_to(run.settings.root) if made.path.is_relative_to(run.settings.root) else made.path
    return StepResult(
        status="warning" if made.warnings else "done",
        summary=f"new revision {made.revision}, run up, down and up on the shadow",
        facts=(f"written: {path}", *made.operations, *made.warnings),
        data={"revision": made.revision, "path": made.path, "operations": made.operations},
    )
