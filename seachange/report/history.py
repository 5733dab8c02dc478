"""The runs that a database remembers as text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from seachange.report.marks import Marks
from seachange.revisions.runs import Entry, RecordedRun

__all__ = ["history_lines"]

# Revisions that nothing was run for are listed one by one as long as they are few.
_MOST_NOTED = 5


def history_lines(runs: tuple[RecordedRun, ...], *, titles: Mapping[str, str], marks: Marks) -> list[str]:
    """Return runs, newest first, each with its revisions.

    :param runs: the runs.
    :param titles: the titles of revisions that files have.
    :param marks: how to mark lines.
    """
    if not runs:
        return ["nothing is recorded: no run of Seachange has changed this database, or none since its history was turned on"]
    blocks = ([_heading(run, marks), _origin(run), *_allowed(run), *_entries(run, titles, marks)] for run in runs)
    return [line for block in itertools.chain.from_iterable(([""], block) for block in blocks) for line in block][1:]


def _heading(run: RecordedRun, marks: Marks) -> str:
    title = f"{run.started.replace('T', ' ').replace('+00:00', ' UTC')}  {run.command}: {run.summary} in {run.duration_s:.2f} s"
    return f"{marks.mark('step')}{marks.paint('title', title)}"


def _origin(run: RecordedRun) -> str:
    commit = f", commit {run.git_commit[:12]}{' with changes' if run.git_dirty else ''}" if run.git_commit else ""
    table = f", {run.version_table}" if run.version_table != "alembic_version" else ""
    return f"  run {run.run_id} by {run.actor} as {run.database_user}, seachange {run.tool_version}{commit}{table}"


def _allowed(run: RecordedRun) -> list[str]:
    return [f"  allowed {run.allowed}"] if run.allowed else []


def _entries(run: RecordedRun, titles: Mapping[str, str], marks: Marks) -> Iterator[str]:
    for (outcome, ran), group in itertools.groupby(run.entries, key=lambda entry: (entry.outcome, entry.duration_s is not None)):
        entries = list(group)
        if ran or len(entries) <= _MOST_NOTED:
            yield from (line for entry in entries for line in _entry(entry, titles, marks))
        else:
            first, last = entries[0].revision, entries[-1].revision
            yield f"{marks.mark('info')}{outcome} {first} ... {last} ({len(entries)} revisions)"


def _entry(entry: Entry, titles: Mapping[str, str], marks: Marks) -> Iterator[str]:
    bad = entry.outcome in ("failed", "interrupted")
    title = f" {titles[entry.revision]}" if titles.get(entry.revision) else ""
    took = f" in {entry.duration_s:.2f} s" if entry.duration_s is not None else ""
    back = " (downgrade)" if entry.direction == "downgrade" and entry.outcome != "reverted" else ""
    yield f"{marks.mark('failed' if bad else 'done')}{entry.outcome} {entry.revision}{title}{back}{took}"
    if entry.error:
        yield f"    {entry.error}"
