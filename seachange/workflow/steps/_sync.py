"""sync: the artefacts of other consumers follow the database."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.errors import ExitCode
from seachange.plan import Finding, Severity, StepResult
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.sync import SyncedFile, SyncResult

# A difference longer than this is read in the file, not in the report.
_SHOWN_LINES = 60
# A folder with a page for each table is told in one line.
_LISTED_FILES = 8
_LISTED_FINDINGS = 20

__all__ = ["check_client", "check_sync", "client", "sync", "sync_only"]


def sync(run: Run) -> StepResult:
    """Write the configured targets from the database; only what changed is written.

    A target that fails is a warning, or an error when setting ``sync_on_failure`` says so.
    """
    return _sync(run, check=run.dry_run, failure=run.settings.sync_on_failure)


def sync_only(run: Run) -> StepResult:
    """Write the targets that the run names, or the configured ones; one that fails is an error."""
    return _sync(run, check=run.dry_run, failure="error")


def check_sync(run: Run) -> StepResult:
    """Compare the artefacts with the database; write nothing.

    :returns: failed with exit code 2 when one is stale.
    """
    return _failed_if_stale(_sync(run, check=True, failure="error"), hint="invoke db.sync writes them anew")


def client(run: Run) -> StepResult:
    """Write client code from the database, only if it changed, and run the generators."""
    return _sync(run, check=run.dry_run, failure="error", clients=True)


def check_client(run: Run) -> StepResult:
    """Compare the client code with the database; write nothing."""
    return _failed_if_stale(_sync(run, check=True, failure="error", clients=True), hint="invoke db.generate writes it anew")


def _sync(run: Run, *, check: bool, failure: str, clients: bool = False) -> StepResult:
    from seachange.revisions.models import model_files
    from seachange.revisions.runner import version_table
    from seachange.sync import client_targets
    from seachange.sync import sync as write_artefacts

    wanted: tuple[str, ...] = run.options.get("targets") or ()
    made = write_artefacts(
        run.database,
        settings=run.settings,
        targets=wanted or (client_targets(run.settings) if clients else ()),
        check=check,
        generate=clients or run.settings.sync_generate,
        revision=" ".join(run.current()),
        version_table=version_table(run.settings),
        progress=run.progress,
        compared=lambda: model_files(run.settings),
    )
    return _result(run, made, failure=failure)


def _result(run: Run, made: SyncResult, *, failure: str) -> StepResult:
    counts = Counter(file.status for file in made.files)
    facts = list(_facts(run, made.files))
    facts += _differences(made.stale)
    # What is stale by its head alone comes last: findings are told of the first files.
    ordered = sorted(made.files, key=lambda file: file.status == "stale" and file.differs_in_head)
    data = {"files": {_shown(run, file.path): file.status for file in ordered}}
    summary = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no targets"
    hint = next((file.hint for file in made.files if file.status == "skipped" and file.hint), "")
    result = StepResult(
        status="warning" if counts["skipped"] else "done", summary=summary, facts=tuple(facts), data=data, hint=hint
    )
    return _with_failures(run, result, made.failed, failure=failure)


def _with_failures(run: Run, result: StepResult, failed: tuple[SyncedFile, ...], *, failure: str) -> StepResult:
    if not failed:
        return result
    severity: Severity = "warning" if failure == "warning" else "error"
    findings = tuple(
        dataclasses.replace(finding, severity=severity)
        for file in failed
        for finding in (_not_written(run, file), *file.findings)
    )
    hint = next((file.hint for file in failed if file.hint), "")
    if failure == "warning":
        return dataclasses.replace(result, status="warning", findings=findings, hint=hint)
    return dataclasses.replace(result, status="failed", findings=findings, hint=hint, exit_code=failed[0].exit_code)


def _not_written(run: Run, file: SyncedFile) -> Finding:
    reason = file.reason.split("\n", 1)[0].removesuffix(":")
    message = f"Verify by hand: target {file.target} was not written: {reason}"
    return Finding(code="target-failed", message=message, file=_shown(run, file.path))


def _shown(run: Run, path: Path) -> str:
    root = run.settings.root
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _facts(run: Run, files: Iterable[SyncedFile]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[tuple[str, SyncedFile]]] = {}
    for file in files:
        groups.setdefault((file.target, file.status), []).append((_shown(run, file.path), file))
    for (_, status), alike in groups.items():
        if len(alike) > _LISTED_FILES:
            yield f"{os.path.commonpath([path for path, _ in alike])}/: {len(alike)} {status}"
        else:
            yield from (line for path, file in alike for line in _fact(path, file).splitlines())


def _fact(path: str, file: SyncedFile) -> str:
    # Why one failed stands with what was found; what follows the first line, here.
    reason, _, more = file.reason.partition("\n")
    told = f" ({reason})" if reason and file.status != "failed" else ""
    return "\n".join(filter(None, [f"{path}: {file.status}{told}", more]))


def _differences(stale: tuple[SyncedFile, ...]) -> Iterator[str]:
    told = [file for file in stale if not file.differs_in_head]
    for file in (told or stale[:1])[:_LISTED_FINDINGS]:
        yield from _short(file.diff)
    if told and len(told) < len(stale):
        yield f"{len(stale) - len(told)} more differ only in the revision or the catalogue that their heads name"


def _short(diff: str) -> list[str]:
    lines = diff.splitlines()
    more = len(lines) - _SHOWN_LINES
    return lines if more <= 1 else [*lines[:_SHOWN_LINES], f"... and {more} more lines"]


def _failed_if_stale(result: StepResult, *, hint: str) -> StepResult:
    stale = [path for path, status in result.data["files"].items() if status == "stale"]
    if not stale or result.status == "failed":
        return result
    findings = [
        Finding(code="stale-artefact", message="differs from the database", file=path) for path in stale[:_LISTED_FINDINGS]
    ]
    if len(stale) > len(findings):
        findings.append(Finding(code="stale-artefact", message=f"{len(stale) - len(findings)} more differ"))
    return dataclasses.replace(result, status="failed", findings=tuple(findings), hint=hint, exit_code=ExitCode.FOUND)
