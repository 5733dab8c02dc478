"""verify: the database is what the models and the history say, and its rows are whole."""

from __future__ import annotations

import contextlib

from seachange.errors import ExitCode, SeveralUnitsError
from seachange.plan import Finding, StepResult
from seachange.workflow.run import Run

__all__ = ["drift_at", "find_differences", "integrity", "model_differences", "verify"]


def verify(run: Run) -> StepResult:
    """Compare the database with the models and with the shadow at the same revision, and check its rows.

    :returns: failed with exit code 2 when there is an error among the findings, after what setting ``on_failure`` says where this
        run has brought it about.
    """
    if run.dry_run and _would_change(run):
        return StepResult(status="skipped", summary="would verify when the revisions are applied")
    from seachange.workflow.repair import history_findings

    findings = (*_pending(run), *find_differences(run), *_rows(run), *history_findings(run))
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        failed = StepResult(
            status="failed",
            summary=f"{errors} errors found",
            findings=findings,
            exit_code=ExitCode.FOUND,
            data={"errors": errors},
        )
        return _settled(run, failed)
    facts = (
        "the models equal the database",
        "the catalogue equals that of the history on an empty server",
        "no orphans, no invalid index, no unvalidated constraint, sequences ahead of their columns",
    )
    return StepResult(
        status="warning" if findings else "done", summary="verified", facts=() if findings else facts, findings=findings
    )


def _settled(run: Run, failed: StepResult) -> StepResult:
    """Return the result after what setting ``on_failure`` says, when this run has applied something."""
    applied = run.results["apply"].data.get("applied") if "apply" in run.results else ()
    if not applied or run.standing is None:
        return failed
    from seachange.workflow.rollback import settled_check

    return settled_check(run, failed, applied=tuple(applied))


def _would_change(run: Run) -> bool:
    generated = run.results.get("generate")
    return bool(_pending(run)) or bool(generated and generated.data.get("operations"))


def find_differences(run: Run) -> tuple[Finding, ...]:
    """Return how the database differs from the models, and from the history at the revision that it says it is at."""
    return (*model_differences(run), *drift_at(run, run.current()))


def integrity(run: Run) -> tuple[Finding, ...]:
    """Return what is wrong with rows, indexes, constraints and sequences.

    Options: ``every`` looks at all foreign keys, also at those that PostgreSQL vouches for; ``planned`` is a tuple of
    foreign keys that do not exist yet.
    """
    from seachange.postgres.connection import connect
    from seachange.safety.integrity import check_integrity, parse_key

    with contextlib.closing(connect(run.database, autocommit=False)) as connection:
        return check_integrity(
            connection,
            schemas=run.settings.schemas,
            every=bool(run.options.get("every")),
            planned=tuple(parse_key(text) for text in run.options.get("planned", ())),
            timeout_ms=run.settings.session_statement_timeout,
        )


def _pending(run: Run) -> tuple[Finding, ...]:
    from seachange.revisions.planning import plan_upgrade

    plan = plan_upgrade(run.history, current=run.current(), target="heads")
    return tuple(
        Finding(
            code="pending",
            message=f"{revision.revision} {revision.title} is not applied",
            file=revision.file,
            hint="invoke migration.apply",
        )
        for revision in plan.revisions
    )


def model_differences(run: Run) -> tuple[Finding, ...]:
    """Return how the database differs from the models."""
    from seachange.postgres.connection import engine
    from seachange.revisions.compare import differences

    opened = engine(run.database)
    try:
        with opened.connect() as connection:
            found = differences(run.metadata, connection, declared=run.declared, settings=run.settings)
    except SeveralUnitsError as exc:
        return (Finding(code="models-not-compared", message=exc.message, severity="warning", hint=exc.hint),)
    finally:
        opened.dispose()
    hint = "invoke migration.generate writes a revision for what the models have more"
    return tuple(Finding(code="model-difference", message=sentence, hint=hint) for sentence in found)


def drift_at(run: Run, revisions: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return how the catalogue differs from the one that the history makes at ``revisions`` on an empty server."""
    from seachange.postgres.catalog import diff, read_catalog
    from seachange.postgres.connection import connect
    from seachange.revisions.shadow_history import catalog_at
    from seachange.revisions.units import read_units

    if not run.current() and len(read_units(run.settings, run.database)) > 1:
        # To be asked, env.py has run: what it makes before any revision, its schemas, is there and in no shadow.
        return ()
    expected = catalog_at(run.shadow, run.history, revisions, settings=run.settings)
    with contextlib.closing(connect(run.database)) as connection:
        actual = read_catalog(connection, schemas=run.settings.schemas)
    if expected.fingerprint == actual.fingerprint:
        return ()
    hint = "somebody changed the database by hand: make it a revision, or undo it"
    return tuple(Finding(code="drift", message=difference.sentence, hint=hint) for difference in diff(expected, actual))


def _rows(run: Run) -> tuple[Finding, ...]:
    run.progress("looking for orphans")
    return integrity(run)
