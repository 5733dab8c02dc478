"""sync: the artefacts of other consumers follow the database."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from seachange.errors import ExitCode
from seachange.plan import Finding, StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.sync import SyncResult

# A difference longer than this is read in the file, not in the report.
_SHOWN_LINES = 60

__all__ = ["check_client", "check_sync", "client", "sync"]


def sync(run: Run) -> StepResult:
    """Write structure.sql and schema.md from the database; only what changed is written."""
    return _sync(run, check=run.dry_run)


def check_sync(run: Run) -> StepResult:
    """Compare the artefacts with the database; write nothing.

    :returns: failed with exit code 2 when one is stale.
    """
    return _failed_if_stale(_sync(run, check=True), hint="invoke db.sync writes them anew")


def client(run: Run) -> StepResult:
    """Write typed client code from the database; only if it changed."""
    return _client(run, check=run.dry_run)


def check_client(run: Run) -> StepResult:
    """Compare the typed client code with the database; write nothing."""
    return _failed_if_stale(_client(run, check=True), hint="invoke db.generate writes it anew")


def _sync(run: Run, *, check: bool) -> StepResult:
    from seachange.revisions.runner import version_table
    from seachange.sync import sync as write_artefacts

    made = write_artefacts(
        run.database,
        settings=run.settings,
        check=check,
        revision=" ".join(run.current()),
        version_table=version_table(run.settings),
    )
    return _result(run, made)


def _client(run: Run, *, check: bool) -> StepResult:
    from seachange.revisions.runner import version_table
    from seachange.sync import generate_client

    made = generate_client(run.database, settings=run.settings, check=check, version_table=version_table(run.settings))
    return _result(run, made)


def _result(run: Run, made: SyncResult) -> StepResult:
    root = run.settings.root
    files = {str(file.path.relative_to(root) if file.path.is_relative_to(root) else file.path): file for file in made.files}
    counts = Counter(file.status for file in made.files)
    facts = [f"{path}: {file.status}{f' ({file.reason})' if file.reason else ''}" for path, file in files.items()]
    facts += [line for file in made.files if file.status == "stale" for line in _short(file.diff)]
    data = {"files": {path: file.status for path, file in files.items()}}
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return StepResult(status="warning" if counts["skipped"] else "done", summary=summary, facts=tuple(facts), data=data)


def _short(diff: str) -> list[str]:
    lines = diff.splitlines()
    more = len(lines) - _SHOWN_LINES
    return lines if more <= 1 else [*lines[:_SHOWN_LINES], f"... and {more} more lines"]


def _failed_if_stale(result: StepResult, *, hint: str) -> StepResult:
    stale = [path for path, status in result.data["files"].items() if status == "stale"]
    if not stale:
        return result
    findings = tuple(Finding(code="stale-artefact", message="differs from the database", file=path) for path in stale)
    return dataclasses.replace(result, status="failed", findings=findings, hint=hint, exit_code=ExitCode.FOUND)
