"""Fix a revision: rewrite what is unsafe in it, try and trace both forms on a throwaway, and write the better one."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import ConfigError, DatabaseMissingError, RefusedError, SeachangeError
from seachange.revisions.history import History, Revision, read_history
from seachange.workflow.branch import find_base
from seachange.workflow.known import known_databases, require_unapplied

if TYPE_CHECKING:
    from seachange.revisions.split import Split
    from seachange.safety.fix import Left, Measure

__all__ = ["Fix", "Progress", "plan_fix", "write_fix"]

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fix:
    """What a fix would do to a revision.

    :param revision: the revision; None when none is pending.
    :param major: the version of the throwaway server on which both forms ran.
    :param said: what is different in the new form, in sentences.
    :param before: the locks and the work of the revision as it is.
    :param after: those of the new form; None when there is none.
    :param left: statements that stay dangerous, and why.
    :param later: SQL of a revision that is left to a later time, when running code is ready.
    :param refused: why the new form is not offered, if so.
    :param facts: what was tried, and what was not asked.
    :param diff: the change as ``git apply`` takes it.
    """

    revision: Revision | None
    major: int = 0
    said: tuple[str, ...] = ()
    before: Measure
    after: Measure | None = None
    left: tuple[Left, ...] = ()
    later: tuple[str, ...] = ()
    refused: str = ""
    facts: tuple[str, ...] = ()
    split: Split | None = None
    diff: str = ""

    @property
    def offered(self) -> bool:
        """Whether there is something to write."""
        return self.split is not None and not self.refused


def plan_fix(
    settings: Settings,
    *,
    revision: str = "",
    major: int | None = None,
    base: str = "",
    offline: bool = False,
    progress: Progress = lambda _: None,
) -> Fix:
    """Return the online form of a revision, if there is one whose trace is better.

    :param settings: the project's settings.
    :param revision: its id or the start of it; the only pending one by default.
    :param major: the version of PostgreSQL to write it for; that of the project's own database by default.
    :param base: the base branch, if not that of the settings or a usual one.
    :param offline: whether a known database that cannot be asked is left out.
    :param progress: told what is being done.
    :raises ConfigError: none is named, and several are pending.
    :raises RefusedError: a known database has applied it, cannot be asked, or it is published.
    :raises MigrationFailedError: the revision, or one before it, fails on an empty server.
    """
    from seachange.safety.fix import measure
    from seachange.workflow._fixing import try_fix

    history = read_history(settings)
    chosen = history.find(revision) if revision else _pending(settings, history)
    if chosen is None:
        return Fix(revision=None, before=measure(()))
    branch = find_base(settings, history, name=base)
    if branch.base and chosen.revision in branch.base.published:
        raise RefusedError(
            f"{chosen.revision} is published on {branch.base.name}: others may have applied it",
            hint="leave it as it is, and write what is to be different into a revision after it",
        )
    facts = _require_unapplied(settings, history, chosen, offline=offline)
    made = try_fix(settings, history, chosen, major=major or _major(settings), progress=progress)
    return dataclasses.replace(made, facts=(*facts, *made.facts))


def write_fix(settings: Settings, fix: Fix) -> None:
    """Write the files of a fix, all or none, and keep them only if the history is valid with them.

    :param settings: the project's settings.
    :param fix: one that is offered.
    :raises RevisionRejectedError: the history would be invalid; the files are as they were.
    :raises NotWritableError: a file cannot be written.
    """
    from seachange.revisions.changes import written
    from seachange.workflow.rebase import require_valid

    before = read_history(settings)
    with written(fix.split.changes if fix.split else ()):
        require_valid(before, read_history(settings))


def _pending(settings: Settings, history: History) -> Revision | None:
    """Return the only revision that the project's own database has not; None when it has all."""
    pending = history.between(_current(settings), history.heads)
    if len(pending) > 1:
        shown = ", ".join(each.revision for each in pending[:5])
        raise ConfigError(
            f"{len(pending)} revisions are pending: {shown}{' ...' if len(pending) > 5 else ''}",
            hint=f"name one: invoke migration.fix {pending[0].revision}",
        )
    return pending[0] if pending else None


def _current(settings: Settings) -> tuple[str, ...]:
    from seachange.postgres.connection import connect
    from seachange.revisions.runner import current

    for known in known_databases(settings):
        if known.database is not None:
            try:
                with contextlib.closing(connect(known.database, autocommit=True)) as session:
                    return current(session, settings)
            except DatabaseMissingError:
                return ()
    return ()


def _major(settings: Settings) -> int | None:
    """Return the version of the first database that answers; None where none does, and the settings choose."""
    from seachange.postgres.connection import connect

    for known in known_databases(settings):
        if known.database is not None:
            with contextlib.suppress(SeachangeError), contextlib.closing(connect(known.database, autocommit=True)) as session:
                return session.info.server_version // 10000
    return None


def _require_unapplied(settings: Settings, history: History, revision: Revision, *, offline: bool) -> tuple[str, ...]:
    try:
        return require_unapplied(settings, history, (revision.revision,), offline=offline)
    except RefusedError as exc:
        if "applied on" not in exc.message:
            raise
        raise RefusedError(
            f"{exc.message.partition(', and')[0]}, and an applied revision stays as it is",
            hint="`invoke migration.revert` undoes it if the database is yours alone; otherwise there is nothing left to fix",
        ) from exc
