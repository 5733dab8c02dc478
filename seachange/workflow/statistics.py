"""Sizes of the real tables: asked of the database, or read from a file that another machine wrote."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from seachange.errors import ConfigError, NotWritableError
from seachange.safety.column_statistics import read_column_statistics
from seachange.safety.statistics import Statistics, read_statistics
from seachange.workflow.run import Run

__all__ = ["exported_statistics", "live_statistics", "write_statistics"]


def live_statistics(run: Run, *, columns: bool = False) -> Statistics:
    """Return what the run's database has counted of its tables; nothing is changed.

    :param run: the run.
    :param columns: what it knows of the columns as well.
    :raises ServerUnreachableError: no server answered within ``migration_timeout``.
    """
    from seachange.postgres.connection import connect

    _ = run.server
    with contextlib.closing(connect(run.database, autocommit=True)) as connection:
        found = read_statistics(connection)
        return dataclasses.replace(found, columns=read_column_statistics(connection)) if columns else found


def exported_statistics(run: Run) -> Statistics | None:
    """Return what the file of setting ``statistics`` says; None when none is named.

    :raises ConfigError: it cannot be read, or is no such file.
    """
    if not run.settings.statistics:
        return None
    path = run.settings.path(run.settings.statistics)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is no text"
        raise ConfigError(
            f"setting statistics: {path} cannot be read: {reason}", hint="name a file of `invoke db.stats --export FILE`"
        ) from exc
    return Statistics.from_json(text, source=f"setting statistics: {path}")


def write_statistics(statistics: Statistics, path: Path) -> None:
    """Write statistics as JSON, for :func:`exported_statistics`.

    :param statistics: what was read.
    :param path: the file.
    :raises NotWritableError: the file cannot be written.
    """
    try:
        path.write_text(statistics.to_json(), encoding="utf-8")
    except OSError as exc:
        raise NotWritableError(f"the statistics cannot be written to {path}: {exc.strerror}", hint="name another file") from exc
