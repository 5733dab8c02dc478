"""What is kept of the last run, for ``migration.status``."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from seachange.config import Settings
from seachange.plan import RunReport

__all__ = ["last_run", "record_run"]


def record_run(settings: Settings, report: RunReport, *, ended: str) -> None:
    """Keep the report of the last run below ``.seachange/``; a folder that cannot be written keeps nothing.

    :param ended: when the run ended, ISO 8601.
    """
    keep = {
        "pipeline": report.pipeline,
        "ended": ended,
        "exit_code": report.exit_code,
        "state": report.state,
        "run_id": report.run_id,
    }
    steps = {step.name: step.status for step in report.steps}
    path = settings.state_dir / "last_run.json"
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(f".{report.run_id}")
        partial.write_text(json.dumps({**keep, "steps": steps, "duration_s": round(report.duration_s, 3)}, indent=2))
        partial.replace(path)


def last_run(settings: Settings) -> dict[str, Any]:
    """Return what is kept of the last run; nothing when there was none."""
    try:
        found = json.loads((settings.state_dir / "last_run.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
