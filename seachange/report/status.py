"""The status of a database as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seachange.report.console import finding_lines
from seachange.report.marks import Marks
from seachange.workflow.status import MigrationStatus

__all__ = ["status_lines"]


def status_lines(status: MigrationStatus, marks: Marks) -> list[str]:
    """Return where the database stands: one fact a line, then what is pending and what differs."""
    lines = [
        f"database  {status.database} (PostgreSQL {status.server})",
        f"current   {' '.join(status.current) or 'nothing applied yet'}",
        f"heads     {' '.join(status.heads)}",
        f"applied   {status.applied}",
        f"pending   {len(status.pending)}",
        f"last run  {_run(status.last_run)}",
    ]
    lines += [f"here      {_run(status.last_run_here)}"] if status.last_run_here else []
    lines += [
        f"{marks.mark('warning')}pending: {state.revision} {state.title}{f': {state.gate}' if state.gate else ''}"
        for state in status.pending
    ]
    for finding in status.findings:
        lines += finding_lines(finding, marks)
    if not status.pending and not status.findings:
        lines.append(f"{marks.mark('done')}up to date: models, history and database agree")
    return lines


def _run(run: Mapping[str, Any]) -> str:
    if not run:
        return "none"
    ending = "completed" if run.get("exit_code") == 0 else f"exit code {run.get('exit_code')}"
    if "summary" in run:
        ending = f"by {run['actor']}: {run['summary']}"
    return f"{run.get('pipeline')} {ending}, {run.get('ended')} (run {run.get('run_id')})"
