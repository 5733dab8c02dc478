"""Sizes of tables as a table of their own, largest first."""

from __future__ import annotations

from seachange.report.tables import size, table_lines
from seachange.safety.statistics import Statistics

__all__ = ["statistics_lines"]

_HEADINGS = ("table", "rows (estimated)", "size", "dead rows", "rows written", "sequential scans", "index scans")


def statistics_lines(statistics: Statistics) -> tuple[str, ...]:
    """Return the tables, largest first, as lines; what was never counted is ``?``.

    :param statistics: what was read.
    """
    ordered = sorted(statistics.tables.items(), key=lambda item: (-item[1].bytes, item[0]))
    rows = [
        (
            name,
            _number(one.rows),
            size(one.bytes),
            _number(one.dead_rows),
            _number(one.writes),
            _number(one.seq_scans),
            _number(one.index_scans),
        )
        for name, one in ordered
    ]
    since = f"scans and writes are counted since {statistics.since}" if statistics.since else ""
    return (*table_lines(_HEADINGS, rows), *([since] if since and rows else []))


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
