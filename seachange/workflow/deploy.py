"""start.deploy: everything between a new release and its service, in one order."""

from __future__ import annotations

import contextlib
from typing import NoReturn

from seachange.errors import DatabaseMissingError, RefusedError
from seachange.plan import StepResult
from seachange.workflow import steps
from seachange.workflow.pipeline import Step, pipeline
from seachange.workflow.run import Run
from seachange.workflow.seed import seed
from seachange.workflow.steps._apply import apply
from seachange.workflow.steps._backup import backup

__all__ = ["DEPLOY", "serve"]


def _bootstrap(run: Run) -> StepResult:
    """Make sure that a first deploy meets a database of its own: missing ones are made, used ones refused."""
    if not run.settings.is_first_deploy:
        return StepResult(status="skipped", summary="IS_FIRST_DEPLOY is not set")
    from seachange.postgres.connection import connect, create_database

    try:
        with contextlib.closing(connect(run.database)) as connection:
            tables = connection.execute(_TABLES).fetchone()
    except DatabaseMissingError:
        if run.dry_run:
            return StepResult(status="skipped", summary=f"would create database {run.database.name}")
        create_database(run.database)
        return StepResult(summary=f"created database {run.database.name}")
    found = tables[0] if tables else 0
    if found:
        raise RefusedError(
            f"IS_FIRST_DEPLOY is set, and database {run.database.name} has {found} tables already",
            hint="unset IS_FIRST_DEPLOY, or point DATABASE_URL at an empty database",
        )
    return StepResult(summary=f"database {run.database.name} is empty")


# Whatever a person or program made counts, in every schema that is not the system's.
_TABLES = """
select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not like 'pg\\_%'
    and n.nspname not in ('information_schema', 'seachange')
"""


def _backup(run: Run) -> StepResult:
    if run.settings.is_first_deploy:
        return StepResult(status="skipped", summary="a first deploy has nothing to back up")
    return backup(run)


def _migrate(run: Run) -> StepResult:
    if not (run.settings.run_migrations or run.settings.is_first_deploy):
        return StepResult(status="skipped", summary="RUN_MIGRATIONS is not set")
    return apply(run)


def _seed(run: Run) -> StepResult:
    if not run.settings.run_seeds:
        return StepResult(status="skipped", summary="RUN_SEEDS is not set")
    return seed(run)


DEPLOY = pipeline(
    steps.validate,
    Step(name="bootstrap", run=_bootstrap, needs=("validate",), title="first deploy"),
    Step(name="check", run=steps.check.run, needs=("validate", "bootstrap"), title=steps.check.title),
    Step(name="backup", run=_backup, needs=("check",), title=steps.backup.title),
    Step(name="apply", run=_migrate, needs=("check", "backup"), title=steps.apply.title),
    Step(name="seed", run=_seed, needs=("apply",), title="seed data"),
    Step(name="verify", run=steps.verify.run, needs=("apply", "seed"), title=steps.verify.title),
    name="start.deploy",
)


def serve(run: Run, *, host: str, port: int) -> NoReturn:
    """Replace this process by the service that the settings name.

    :param host: address to listen on.
    :param port: TCP port.
    """
    import os
    import sys

    from seachange.workflow.seed import load_function

    load_function(run.settings, key="service")
    arguments = ["-m", "uvicorn", run.settings.service, "--host", host, "--port", str(port), "--app-dir", str(run.settings.root)]
    sys.stdout.flush()
    sys.stderr.flush()
    # What migrates goes past a pooler; what serves goes through it.
    pooled = run.settings.environment.get("DATABASE_URL", "") if run.settings.direct_url else ""
    environment = {**os.environ, "DATABASE_URL": pooled or run.database.url()}
    os.execve(sys.executable, [sys.executable, *arguments], environment)  # noqa: S606
