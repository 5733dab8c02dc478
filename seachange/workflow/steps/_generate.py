"""generate: a revision from what the models have and the shadow database at head has not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import ExitCode, ModelsNotImportableError, RefusedError
from seachange.plan import StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.revisions.generate import GeneratedRevision, Wanted

__all__ = ["generate"]

_NOTHING = "no new revision: the models and the history agree"


def generate(run: Run) -> StepResult:
    """Write a revision when the models differ from the history; where revisions are deployed, only compare.

    Options: ``name``, ``location``; ``rename``, a list of ``table.old=new``; ``fill`` and ``default``, lists of
    ``table.column=expression``; ``answers``, a file of answered questions; ``sql`` for two files of SQL.

    :returns: a warning when there is nothing to do.
    :raises ModelsNotImportableError: the models declare nothing.
    :raises RefusedError: the database is behind the head, and this run does not apply what is pending.
    :raises QuestionsOpenError: the change can be meant in several ways; nothing was written.
    """
    from seachange.revisions import generate as revisions

    if run.settings.production:
        return _compared(run)
    _require_models(run)
    _require_current(run)
    wanted = _wanted(run)
    if run.dry_run:
        return _would_write(
            run, revisions.preview(run.settings, run.history, metadata=run.metadata, shadow=run.shadow, wanted=wanted)
        )
    made = revisions.generate(
        run.settings,
        run.history,
        metadata=run.metadata,
        shadow=run.shadow,
        wanted=wanted,
        declared=run.declared,
        progress=run.progress,
    )
    if made is None:
        return StepResult(status="warning", summary=_NOTHING, facts=_unseen(run))
    run.history_changed()
    return StepResult(
        status="warning" if made.warnings else "done",
        summary=f"new revision {made.revision}, run up, down and up on the shadow",
        facts=(
            f"written: {_shown(run, made.path)}{' with .up.sql and .down.sql' if wanted.sql else ''}",
            *made.operations,
            *made.warnings,
            *_unseen(run),
        ),
        data={"revision": made.revision, "path": made.path, "operations": made.operations},
    )


def _wanted(run: Run) -> Wanted:
    from seachange.revisions.answers import read_answers
    from seachange.revisions.generate import Wanted
    from seachange.revisions.population import Population

    options = run.options
    return Wanted(
        name=options.get("name", ""),
        location=options.get("location", ""),
        population=Population(run.database),
        sql=bool(options.get("sql")),
        answers=read_answers(
            renames=options.get("rename") or (),
            fills=options.get("fill") or (),
            defaults=options.get("default") or (),
            file=Path(options["answers"]) if options.get("answers") else None,
            asked=run.answers,
        ),
    )


def _unseen(run: Run) -> tuple[str, ...]:
    from seachange.revisions.unseen import find_unseen

    found = find_unseen(run.shadow, run.settings)
    return (f"not compared, keep it in revisions of your own: {', '.join(found)}",) if found else ()


def _require_models(run: Run) -> None:
    if not run.metadata.tables and run.history.revisions:
        named = run.settings.models or "target_metadata of env.py"
        raise ModelsNotImportableError(
            f"{named} declares no table, and a revision would drop all that the history makes",
            hint="import the modules of the models where their base is named; "
            "without models begin one by hand: `invoke migration.generate --empty --name NAME`",
        )


def _require_current(run: Run) -> None:
    """Refuse to go on from a state that nobody has tried, unless this run applies what is pending."""
    from seachange.revisions.planning import plan_upgrade

    pending = () if "apply" in run.steps else plan_upgrade(run.history, current=run.current()).revisions
    if pending:
        names = ", ".join(revision.revision for revision in pending[:3]) + (", ..." if len(pending) > 3 else "")
        raise RefusedError(
            f"{run.database.redacted} is behind the history by {len(pending)}: {names}",
            hint="bring it to the head first: `invoke migration.apply`; `invoke migration.workflow` does both",
        )


def _compared(run: Run) -> StepResult:
    from seachange.revisions.generate import pending_operations

    operations = pending_operations(run.settings, run.history, metadata=run.metadata, shadow=run.shadow)
    if not operations:
        return StepResult(status="warning" if run.dry_run else "done", summary=_NOTHING)
    return StepResult(
        status="failed",
        summary=f"the models have {len(operations)} changes that no revision makes",
        facts=operations,
        hint="run migration.generate in development and commit the revision",
        exit_code=ExitCode.FOUND,
    )


def _would_write(run: Run, made: GeneratedRevision | None) -> StepResult:
    if made is None:
        return StepResult(status="warning", summary=_NOTHING, facts=_unseen(run))
    return StepResult(
        status="skipped",
        summary="would write a revision",
        facts=(f"would write {_shown(run, made.path)}", *made.operations, *made.warnings, *_unseen(run)),
        data={"operations": made.operations},
    )


def _shown(run: Run, path: Path) -> Path:
    return path.relative_to(run.settings.root) if path.is_relative_to(run.settings.root) else path
