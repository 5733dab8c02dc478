"""Backups of other tools as text."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from seachange.backup import ExternalBackup
from seachange.backup.external import age_text
from seachange.report.tables import size, table_lines

__all__ = ["external_lines"]


def external_lines(backups: Sequence[ExternalBackup], *, now: datetime.datetime) -> list[str]:
    """Return the backups as a table, newest first, then what is wrong with any of them.

    :param backups: as listed.
    :param now: the time, for their age.
    """
    rows = [
        (
            one.name,
            f"{one.tool} {one.source}".strip(),
            one.kind,
            one.finished.astimezone(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S"),
            age_text(max(0.0, one.age_s(now))),
            size(one.size_bytes) if one.size_bytes else "-",
            "failed" if one.problem else "complete",
        )
        for one in backups
    ]
    problems = [f"{one.name}: {one.problem}" for one in backups if one.problem]
    headings = ("external backup", "made by", "type", "finished (UTC)", "age", "size", "state")
    return [*table_lines(headings, rows), *problems]
