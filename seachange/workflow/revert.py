"""Back to an earlier revision: what would be reverted, when it is refused, doing it."""

from __future__ import annotations

import datetime
import re
from typing import Any

from seachange.errors import RefusedError, RevisionUnknownError
from seachange.plan import Plan, StepResult, jsonable
from seachange.workflow._repository import Git
from seachange.workflow.losses import Preview
from seachange.workflow.origin import open_ledger, unwritten
from seachange.workflow.plan import require_current
from seachange.workflow.run import Run
from seachange.workflow.steps._apply import locked
from seachange.workflow.steps._check import require_direct, require_writable

__all__ = ["plan_revert", "require_backup", "resolve_target", "revert"]

# A dump older than this says little about what a reset would lose.
_FRESH_S = 24 * 3600.0


def resolve_target(run: Run, text: str) -> str:
    """Return the revision that ``text`` means: ``base``, ``-N``, a revision or the start of one, or a release (a git tag).

    :raises RevisionUnknownError: it is none of them.
    """
    if text == "base" or re.fullmatch(r"-\d+", text):
        return text
    try:
        return run.history.find(text).revision
    except RevisionUnknownError as unknown:
        files = _files_at(run, text)
        if not files:
            raise RevisionUnknownError(
                f"{text!r} is neither a revision nor a git tag of this project",
                hint="invoke migration.show lists the revisions, git tag the releases",
            ) from unknown
    root = run.settings.root
    released = [revision for revision in run.history.revisions if str(revision.path.relative_to(root)) in files]
    parents = {parent for revision in released for parent in revision.down_revisions}
    heads = [revision.revision for revision in released if revision.revision not in parents]
    if len(heads) != 1:
        raise RevisionUnknownError(f"release {text} has {len(heads)} heads in its files", hint="name a revision instead")
    return heads[0]


def plan_revert(run: Run, target: str) -> Plan:
    """Return what reverting to ``target`` would run, newest first.

    :raises RevisionUnknownError: the target is not an ancestor of where the database is.
    """
    from seachange.revisions.planning import plan_downgrade

    return plan_downgrade(run.history, current=run.current(), target=target)


def require_backup(run: Run) -> None:
    """Refuse a reset in staging and production without a fresh, undamaged backup of this database at its revision.

    Where another tool makes the backups (setting ``backup_external``), its last one is looked at instead.

    :raises RefusedError: there is none.
    """
    if not run.settings.production:
        return
    from seachange.backup import fetched, list_backups, require_external, verify_digests

    now = datetime.datetime.now(datetime.UTC)
    if run.settings.backup_external:
        require_external(run.settings, run.server, now=now)
        return
    hint = "run `invoke db.backup` first"
    current = "-".join(run.current())
    for found in list_backups(run.settings):
        fresh = found.complete and found.whole and found.age_s(now) < _FRESH_S
        if fresh and (found.database, found.revision) == (run.database.name, current):
            with fetched(found, run.settings) as local:
                verify_digests(local)
            return
    raise RefusedError(
        f"APP_ENV is {run.settings.app_env}, and no backup of {run.database.name} at {current} is younger than 24 hours",
        hint=hint,
    )


def revert(run: Run) -> StepResult:
    """Revert to option ``to``, as option ``preview`` shows it: one transaction for each revision, under the migration lock.

    :raises RefusedError: the database moved since the preview was made.
    """
    from seachange.revisions.runner import downgrade

    require_writable(run)
    require_direct(run)
    target, shown = run.options["to"], run.options["preview"]
    if run.dry_run:
        return _would_revert(shown)
    ledger = open_ledger(run)
    with locked(run):
        require_current(run, shown.plan)
        done = downgrade(
            run.database,
            run.settings,
            history=run.history,
            target=target,
            on_revision=lambda revision: run.progress(f"reverting {revision.revision} {revision.title}"),
            on_retry=run.teller(),
            ledger=ledger,
        )
    facts = shown.told("gone") + tuple(
        f"reverted {revision} {run.history.find(revision).title} in {seconds:.2f} s"
        for revision, seconds in done.durations_s.items()
    )
    place = " and ".join(done.current) or "an empty history"
    summary = f"{len(done.revisions)} reverted, the database is at {place}"
    findings = unwritten(ledger)
    data = {"reverted": done.revisions, "current": done.current, **_data(shown)}
    return StepResult(status="warning" if findings else "done", summary=summary, facts=facts, findings=findings, data=data)


def _would_revert(shown: Preview) -> StepResult:
    facts = tuple(f"would revert {revision.revision} {revision.title}" for revision in shown.plan.revisions)
    data = {"plan": shown.plan.to_dict(), **_data(shown)}
    return StepResult(status="skipped", summary=f"{len(facts)} to revert", facts=facts + shown.told(), data=data)


def _data(shown: Preview) -> dict[str, Any]:
    return {"losses": jsonable(shown.losses), "losses_unknown": shown.problem}


def _files_at(run: Run, tag: str) -> frozenset[str]:
    listed = Git(top=run.settings.root).ask("ls-tree", "-r", "--name-only", f"refs/tags/{tag}")
    return frozenset((listed or "").splitlines())
