"""Backups as text."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.backup import Backup
from seachange.backup.kept import Kept
from seachange.report.tables import size, table_lines

__all__ = ["backup_lines", "kept_lines"]


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


_KINDS = {"before": "replaced, kept", "restored": "restored", "unfinished": "under way, or left by a killed restore"}


def kept_lines(kept: Sequence[Kept]) -> list[str]:
    """Return the databases that restores left, as a table."""
    rows = [
        (
            one.name,
            one.since.strftime("%Y-%m-%d %H:%M:%S") if one.since else "-",
            _KINDS[one.kind],
            one.of or "-",
            size(one.size_bytes) if one.size_bytes is not None else "-",
            str(one.sessions),
        )
        for one in kept
    ]
    return list(table_lines(("database", "since (UTC)", "what", "of", "size", "sessions"), rows))
