"""Backups as text."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from seachange.backup import Backup
from seachange.backup.external import age_text
from seachange.backup.kept import Kept
from seachange.backup.retention import Decision, held
from seachange.report.tables import size, table_lines
from seachange.workflow.retention import held_sentence

__all__ = ["backup_lines", "decision_data", "decision_lines", "kept_lines"]


def backup_lines(backups: Sequence[Backup], *, now: datetime.datetime | None = None) -> list[str]:
    """Return the backups as a table, newest first, then how much they take, and what is wrong with any of them.

    :param backups: the backups.
    :param now: the time, by which ages are told.
    """
    when = now or datetime.datetime.now(datetime.UTC)
    rows = [
        (
            one.name,
            _minute(one.started),
            f"{one.database} and its cluster" if one.physical else one.database or "-",
            one.revision or "-",
            _form(one),
            _rows(one),
            size(one.size_bytes),
            _state(one, when),
        )
        for one in backups
    ]
    headings = ("backup", "started (UTC)", "database", "revision", "format", "rows", "size", "state")
    problems = [f"{one.name}: {problem}" for one in backups for problem in one.problems]
    return [*table_lines(headings, rows), *([_total(backups)] if backups else []), *problems]


def decision_lines(decisions: Sequence[Decision], *, dry_run: bool) -> list[str]:
    """Return what retention does with each backup and why, as a table, and a sentence about all of them.

    :param decisions: the decisions, newest first.
    :param dry_run: nothing will be removed.
    """
    rows = [
        (
            decision.backup.name,
            _minute(decision.backup.started),
            decision.backup.database or "-",
            size(decision.backup.size_bytes),
            decision.backup.status,
            "keep" if decision.keep else "remove",
            "; ".join(decision.reasons),
        )
        for decision in decisions
    ]
    going = [decision.backup for decision in decisions if not decision.keep]
    freed = size(sum(backup.size_bytes for backup in going))
    would = "would go" if dry_run else "to be removed"
    waiting = held(decisions)
    return [
        *table_lines(("backup", "started (UTC)", "database", "size", "state", "decision", "why"), rows),
        f"{len(going)} of {len(decisions)} {would}, {freed}" if going else "nothing to remove",
        *([held_sentence(len(waiting))] if waiting else []),
    ]


def decision_data(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return the same for programs.

    :param decisions: the decisions, newest first.
    """
    return {
        "backups": [
            {**decision.backup.to_dict(), "keep": decision.keep, "reasons": list(decision.reasons)} for decision in decisions
        ],
        "held": [backup.name for backup in held(decisions)],
    }


def _minute(when: datetime.datetime) -> str:
    return when.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S")


def _form(backup: Backup) -> str:
    manifest = backup.manifest
    if manifest is None:
        return "-"
    parts = [manifest.format, *([manifest.scope] if manifest.scope != "database" else [])]
    return ", ".join([*parts, *(["encrypted"] if manifest.encryption else [])])


def _rows(backup: Backup) -> str:
    if backup.manifest is None or not backup.manifest.tables:
        return "-"
    return f"{sum(table.rows for table in backup.manifest.tables.values()):,}"


def _state(backup: Backup, now: datetime.datetime) -> str:
    found = backup.verification
    if found is None or (backup.problems and found.ok):
        return backup.status
    age = f"{age_text(found.age_s(now))} ago"
    if backup.verified:
        return f"verified {age}"
    if found.ok is None:
        return f"{backup.status}, could not be verified {age}"
    return f"{backup.status}, files looked at {age}" if found.ok else f"{backup.status}, found {age}"


def _total(backups: Sequence[Backup]) -> str:
    count = "1 backup" if len(backups) == 1 else f"{len(backups)} backups"
    verified = sum(one.verified for one in backups)
    return f"{count}, {size(sum(one.size_bytes for one in backups))}, {verified} verified"


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
