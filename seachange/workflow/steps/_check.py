"""check: the history is one order, the server answers, the database is at a revision that a file has, the models import."""

from __future__ import annotations

import concurrent.futures

from seachange.errors import ExitCode, ReadOnlyServerError, RevisionUnknownError
from seachange.plan import Finding, StepResult
from seachange.workflow.run import Run

__all__ = ["check", "require_direct", "require_known", "require_writable", "validate"]

_MIGRATING = frozenset({"apply", "revert"})

_MOST_REMARKS = 3


def validate(run: Run) -> StepResult:
    """Check the history in the files, without a database.

    :returns: failed with exit code 2 when there is an error among the findings; several heads are none for option ``backwards``.
    """
    return _judged(run, _findings(run))


def _findings(run: Run) -> tuple[Finding, ...]:
    from seachange.revisions.validate import validate as findings_of

    # What could not be looked at is said by migration.validate; here it would only be in the way.
    return tuple(finding for finding in findings_of(run.history, since=run.settings.lint_since) if finding.severity != "info")


def _judged(run: Run, findings: tuple[Finding, ...]) -> StepResult:
    history = run.history
    # Going back needs no single head, and is what clears the way for a rebase that makes one.
    harmless = ("several-heads",) if run.options.get("backwards") else ()
    errors = sum(finding.severity == "error" and finding.code not in harmless for finding in findings)
    locations = len({revision.location for revision in history.revisions})
    facts = [f"{_count(len(history.revisions), 'revision')} in {_count(locations, 'location')}"]
    if len(history.heads) == 1:
        head = history.find(history.heads[0])
        facts.append(f"head: {head.revision} {head.title}")
    if errors:
        return StepResult(
            status="failed",
            summary=f"the history is invalid: {_count(errors, 'error')}",
            facts=tuple(facts),
            findings=findings,
            hint="invoke migration.validate shows the same without a database",
            exit_code=ExitCode.FOUND,
        )
    return StepResult(
        status="warning" if findings else "done", summary="the history is one order", facts=tuple(facts), findings=findings
    )


def check(run: Run) -> StepResult:
    """Check what everything else relies on; changes nothing.

    :raises ServerUnreachableError: no server answered within ``migration_timeout``.
    :raises ReadOnlyServerError: the server takes no writes.
    :raises RevisionUnknownError: the database is at a revision that no file has.
    :raises ModelsNotImportableError: the models cannot be imported.
    :raises ConfigError: a target of step sync, which is to come, does not exist.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=1, thread_name_prefix="reach") as reaching:
        current = reaching.submit(_reach, run)
        findings = _findings(run)
        models = _models(run) if not _broken(findings) else ()
        at = current.result()
    valid = _judged(run, _without_done(run, findings, at))
    if valid.status == "failed":
        return valid
    require_known(run, at)
    place = " and ".join(at) or "nothing applied yet"
    facts = (
        *valid.facts,
        f"PostgreSQL {run.server.version_text}: {run.database.redacted}",
        f"database at: {place}",
        *models,
    )
    if "sync" in run.steps:
        _require_targets(run)
    data = {"current": at, "heads": run.history.heads, "server_version": run.server.version_text}
    return StepResult(status=valid.status, summary="ready", facts=facts, findings=_shortened(valid.findings), data=data)


def _require_targets(run: Run) -> None:
    # A target that is misspelt is better told before revisions are applied than after.
    from seachange.sync.registry import find_targets

    find_targets(run.settings.sync_targets, settings=run.settings)


def _broken(findings: tuple[Finding, ...]) -> bool:
    from seachange.revisions.codes import STRUCTURAL

    return any(finding.severity == "error" and finding.code in STRUCTURAL for finding in findings)


def _without_done(run: Run, findings: tuple[Finding, ...], current: tuple[str, ...]) -> tuple[Finding, ...]:
    """Let errors inside of revisions that are applied be warnings: they were run, and will not be here again."""
    from seachange.revisions.validate import soften

    return soften(findings, run.history, run.history.ancestors(current))


def _models(run: Run) -> tuple[str, ...]:
    """Import the models, but where revisions are only moved: that needs none."""
    if run.steps & {"apply", "revert"} and not run.steps & {"generate", "verify"}:
        return ()
    return (f"models: {_count(len(run.metadata.tables), 'table')}",)


def _shortened(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Say of many remarks about an old history only how many there are: each command would show all of them again."""
    if len(findings) <= _MOST_REMARKS:
        return findings
    message = f"{len(findings)} remarks about the history"
    return (Finding(code="remarks", message=message, severity="warning", hint="invoke migration.validate lists them"),)


def require_writable(run: Run) -> None:
    """Refuse a standby or read-only server.

    :raises ReadOnlyServerError: it is one.
    """
    if run.server.read_only:
        raise ReadOnlyServerError(
            f"{run.database.redacted} is a standby or read-only and takes no changes",
            hint="point DATABASE_URL at the primary, or add target_session_attrs=read-write with all hosts",
        )


def require_direct(run: Run) -> None:
    """Refuse a connection pooler.

    :raises RefusedError: one stands before the server.
    """
    from seachange.postgres.connection import pooler_refused

    if run.server.pooled:
        raise pooler_refused(run.database)


def require_known(run: Run, current: tuple[str, ...]) -> None:
    """Refuse a database at a revision that no file has.

    :raises RevisionUnknownError: naming the revision.
    """
    known = {revision.revision for revision in run.history.revisions}
    unknown = [revision for revision in current if revision not in known]
    if unknown:
        raise RevisionUnknownError(
            f"{run.database.redacted} is at revision {', '.join(unknown)}, which no file of this project has",
            hint="check out the branch that has it, or bring the file back; `invoke migration.show` lists the files",
        )


def _reach(run: Run) -> tuple[str, ...]:
    require_writable(run)
    # A deploy ("bootstrap") may have nothing to migrate; the lock refuses it a pooler if it has.
    if run.steps & _MIGRATING and "bootstrap" not in run.steps:
        require_direct(run)
    current = run.current()
    run.prepare_shadow()
    return current


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
