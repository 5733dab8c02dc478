"""The process that makes models: reads, generates, tries, and answers with one JSON document."""

from __future__ import annotations

import os
import sys
import types
import warnings
from typing import TYPE_CHECKING

from seachange.errors import SeachangeError, TargetFailedError
from seachange.postgres.connection import engine, parse
from seachange.postgres.redaction import redact
from seachange.sync.targets.models._job import Answer, Job

if TYPE_CHECKING:
    import sqlalchemy

__all__ = ["main"]


def main() -> None:
    """Answer the job on standard input."""
    # Whatever the libraries print goes elsewhere.
    stdout = os.dup(1)
    os.dup2(2, 1)
    job = Job.from_json(sys.stdin.buffer.read())
    try:
        answer = Answer(text=_made(job))
    except SeachangeError as exc:
        answer = Answer(error=exc.message, hint=exc.hint)
    with os.fdopen(stdout, "w", encoding="utf-8") as out:
        out.write(answer.to_json())


def _made(job: Job) -> str:
    if not job.options.get("use_inflect"):
        # Importing it takes 3 to 4 s, for nothing but this option.
        sys.modules["inflect"] = _without_inflect()
    # A DATABASE_URL of this environment may be another one.
    database = parse("postgresql://", environ=os.environ)
    opened = engine(database, lock_timeout_ms=job.lock_timeout_ms, statement_timeout_ms=job.statement_timeout_ms)
    try:
        return _from_database(job, opened)
    except Exception as exc:
        if isinstance(exc, SeachangeError):
            raise
        raise TargetFailedError(
            f"sqlacodegen or SQLAlchemy failed: {type(exc).__name__}: {redact(str(exc)).splitlines()[0] if str(exc) else ''}",
            hint="sync_exclude leaves out the table that it stumbles over",
        ) from exc
    finally:
        opened.dispose()


def _from_database(job: Job, opened: sqlalchemy.Engine) -> str:
    from seachange.sync.targets.models._gate import try_models
    from seachange.sync.targets.models._generating import generate
    from seachange.sync.targets.models._reflecting import reflect

    with opened.connect() as connection:
        with warnings.catch_warnings():
            # What SQLAlchemy does not recognise is mended afterwards, and what remains is met by the trial.
            warnings.simplefilter("ignore")
            found = reflect(connection, job)
            text = generate(found, job)
        try_models(text, found, job)
    return text


def _without_inflect() -> types.ModuleType:
    module = types.ModuleType("inflect")
    module.engine = object  # type: ignore[attr-defined]
    return module


if __name__ == "__main__":
    main()
