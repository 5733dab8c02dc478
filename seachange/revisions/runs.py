"""The runs that a database remembers in its table ``seachange.history``, newest first."""

from __future__ import annotations

import collections
import dataclasses
import datetime
from typing import TYPE_CHECKING, Any

from seachange.errors import StatementFailedError

if TYPE_CHECKING:
    import psycopg

__all__ = ["Entry", "RecordedRun", "read_runs"]

_COLUMNS = (
    "run_id, command, revision, direction, outcome, version_table, started, duration_ms, database_user, actor, tool_version, "
    "git_commit, git_dirty, sqlstate, error"
)
# An older release made the table without it.
_ALLOWED = "to_jsonb(history) ->> 'allowed'"

_RUNS = f"""
select {_COLUMNS}, {_ALLOWED} from seachange.history where run_id in (
    select run_id from seachange.history where %(revision)s::text is null or revision = %(revision)s
    group by run_id order by max(id) desc limit %(limit)s
) order by id
"""  # noqa: S608 - the names above and nothing else


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """What became of one revision in a run; without a time where nothing was run."""

    revision: str
    direction: str
    outcome: str
    duration_s: float | None
    sqlstate: str | None
    error: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """One run that changed the database, or tried to; times are UTC, ISO 8601.

    ``outcome`` is that of its last revision: applied, reverted, failed, interrupted, adopted, accepted, forgotten, stamped.
    ``allowed``: the hazards that were let pass, each with its reason.
    """

    run_id: str
    command: str
    outcome: str
    started: str
    ended: str
    duration_s: float
    actor: str
    database_user: str
    tool_version: str
    git_commit: str | None
    git_dirty: bool | None
    version_table: str
    entries: tuple[Entry, ...]
    allowed: str | None = None

    @property
    def summary(self) -> str:
        """How many revisions ended how, such as ``2 applied, 1 failed``."""
        counts = collections.Counter(entry.outcome for entry in self.entries)
        return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def read_runs(connection: psycopg.Connection[Any], *, limit: int = 10, revision: str | None = None) -> tuple[RecordedRun, ...]:
    """Return the newest runs; none when the database has no such table.

    :param connection: an open connection.
    :param limit: how many at most.
    :param revision: only runs that had to do with this revision.
    :raises StatementFailedError: the table cannot be read.
    """
    import psycopg

    from seachange.revisions._ledger_table import read_version

    try:
        if not read_version(connection):
            return ()
        rows = connection.execute(_RUNS, {"revision": revision, "limit": limit}).fetchall()
    except psycopg.Error as exc:
        raise unreadable(exc) from exc
    runs: dict[str, list[dict[str, Any]]] = {}
    names = [*_COLUMNS.replace(" ", "").split(","), "allowed"]
    for row in rows:
        values = dict(zip(names, row, strict=True))
        # A run that is read last is the newest one, whichever rows of others came between.
        runs[values["run_id"]] = [*runs.pop(values["run_id"], []), values]
    return tuple(_run(found) for found in reversed(runs.values()))


def unreadable(exc: psycopg.Error) -> StatementFailedError:
    """Return the error that says why the history cannot be read."""
    reason = exc.diag.message_primary or " ".join(str(exc).split())
    return StatementFailedError(
        f"table seachange.history cannot be read: {reason}",
        hint="grant usage on schema seachange and select on seachange.history to this role; docs/history.md has the SQL",
    )


def _run(rows: list[dict[str, Any]]) -> RecordedRun:
    first, last = rows[0], rows[-1]
    ended = last["started"] + datetime.timedelta(milliseconds=last["duration_ms"] or 0)
    shared = {name: last[name] for name in (field.name for field in dataclasses.fields(RecordedRun)) if name in last}
    shared |= {
        "outcome": last["outcome"],
        "started": _text(first["started"]),
        "ended": _text(ended),
        "duration_s": round((ended - first["started"]).total_seconds(), 3),
        "entries": tuple(_entry(row) for row in rows),
    }
    return RecordedRun(**shared)


def _entry(row: dict[str, Any]) -> Entry:
    duration_ms = row["duration_ms"]
    return Entry(
        revision=row["revision"],
        direction=row["direction"],
        outcome=row["outcome"],
        duration_s=None if duration_ms is None else round(duration_ms / 1000, 3),
        sqlstate=row["sqlstate"],
        error=row["error"],
    )


def _text(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds")
