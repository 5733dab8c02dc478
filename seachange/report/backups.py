"""Backups as text."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.backup import Backup
from seachange.report.tables import size, table_lines

__all__ = ["backup_lines"]


def backup_lines(backups: Sequence[Backup]) -> list[str]:
    """Return the backups as a table, newest first, then what is wrong with any of them."""
    rows = [
        (
            one.name,
            one.started.strftime("%Y-%m-%d %H:%M:%S"),
            one.database or "-",
            one.revision or "-",
            size(one.size_bytes),
            one.status,
        )
        for one in backups
    ]
    problems = [f"{one.name}: {problem}" for one in backups for problem in one.problems]
    return [*table_lines(("backup", "started (UTC)", "database", "revision", "size", "state"), rows), *problems]
