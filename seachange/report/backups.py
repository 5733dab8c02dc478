"""Backups as text."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.report.tables import size, table_lines
from seachange.workflow.backups import CheckedBackup

__all__ = ["backup_lines"]


def backup_lines(backups: Sequence[CheckedBackup]) -> tuple[str, ...]:
    """Return the backups as a table, newest first."""
    rows = [
        (one.name, one.started.strftime("%Y-%m-%d %H:%M:%S"), one.database, one.revision or "-", size(one.size_bytes), one.state)
        for one in backups
    ]
    return table_lines(("backup", "started (UTC)", "database", "revision", "size", "state"), rows)
