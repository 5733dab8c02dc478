"""What a move along the history would run, decided before anything is: revisions, and the SQL that they send."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seachange.config import Settings
from seachange.plan import Plan, PlannedRevision
from seachange.revisions import _order, _targets
from seachange.revisions._failure import failing_on_throwaway
from seachange.revisions._revision import Revision
from seachange.revisions.history import History

if TYPE_CHECKING:
    import sqlalchemy as sa

    from seachange.postgres.connection import Database
    from seachange.revisions._capture import Captured
    from seachange.revisions._connections import Listen
    from seachange.revisions.runner import Applied

__all__ = ["Watch", "capture", "plan_downgrade", "plan_upgrade", "rehearse"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch:
    """Who watches a rehearsal: told each revision before it runs, and around each engine that revisions are run on."""

    on_revision: Callable[[Revision], None]
    listen: Listen


def plan_upgrade(history: History, *, current: Iterable[str], target: str = "heads") -> Plan:
    """Return what leads from ``current`` to ``target``, without the SQL.

    :param history: the revisions.
    :param current: the revisions that the database is at.
    :param target: ``heads``, ``head``, a revision or the start of its id, a branch label, or ``+N``.
    :raises HistoryInvalidError: the history is no order.
    :raises RevisionUnknownError: a revision is in no file.
    """
    at = tuple(current)
    todo = _targets.to_upgrade(history, at, target)
    applied = _order.ancestors(history.parents, at) | {revision.revision for revision in todo}
    return _plan(history, "upgrade", todo, current=at, applied=applied)


def plan_downgrade(history: History, *, current: Iterable[str], target: str) -> Plan:
    """Return what leads from ``current`` back to ``target``, newest first, without the SQL.

    :param history: the revisions.
    :param current: the revisions that the database is at.
    :param target: ``base``, a revision or the start of its id, or ``-N``.
    :raises RevisionUnknownError: the target is unknown, or not applied.
    """
    at = tuple(current)
    todo = _targets.to_downgrade(history, at, target)
    applied = _order.ancestors(history.parents, at) - {revision.revision for revision in todo}
    return _plan(history, "downgrade", todo, current=at, applied=applied)


def capture(
    settings: Settings,
    database: Database,
    history: History,
    *,
    target: str,
    direction: Literal["upgrade", "downgrade"] = "upgrade",
    try_back: bool = False,
    on_revision: Callable[[Revision], None] | None = None,
    listen: Listen | None = None,
) -> Plan:
    """Return the plan with the SQL of each statement, learnt by running it.

    :param settings: the project's settings.
    :param database: a throwaway database that is where the real one is, such as a clone of a shadow; it is moved to ``target``.
    :param history: the revisions.
    :param target: as for :func:`plan_upgrade` or :func:`plan_downgrade`.
    :param direction: which of the two.
    :param try_back: undo an upgrade again, and say of each revision whether that leads to the schema before it.
    :param on_revision: called before each revision.
    :param listen: a context manager around each engine that the revisions use.
    :raises MigrationFailedError: a revision fails on the throwaway database.
    """
    from seachange.revisions._capture import Capture
    from seachange.revisions._way_back import Schemas, tried_back

    captured = Capture(root=settings.root)
    before = Schemas(settings, database)
    with contextlib.closing(before):

        def begin(revision: Revision) -> None:
            captured.begin(revision)
            if try_back:
                before.note(revision)
            if on_revision is not None:
                on_revision(revision)

        @contextlib.contextmanager
        def listening(engine: sa.Engine) -> Iterator[None]:
            with captured.listening(engine), (listen or contextlib.nullcontext)(engine):
                yield

        watch = Watch(on_revision=begin, listen=listening)
        applied = rehearse(settings, database, history, target=target, direction=direction, watch=watch)
        plan = plan_upgrade if direction == "upgrade" else plan_downgrade
        found = _with_captured(plan(history, current=applied.before, target=target), captured.found)
        if not try_back:
            return found
        with failing_on_throwaway():
            return tried_back(settings, database, history, plan=found, before=before)


def rehearse(
    settings: Settings,
    database: Database,
    history: History,
    *,
    target: str,
    watch: Watch,
    direction: Literal["upgrade", "downgrade"] = "upgrade",
) -> Applied:
    """Move a throwaway database along the history while somebody watches.

    :param settings: the project's settings.
    :param database: as for :func:`capture`, like ``history``, ``target`` and ``direction``.
    :param watch: who is told.
    :raises MigrationFailedError: a revision fails.
    """
    from seachange.revisions.runner import downgrade, upgrade
    from seachange.revisions.shadow_history import complete

    complete(settings, history, database)
    move = upgrade if direction == "upgrade" else downgrade
    with failing_on_throwaway():
        return move(database, settings, target=target, history=history, on_revision=watch.on_revision, listen=watch.listen)


def _plan(
    history: History,
    direction: Literal["upgrade", "downgrade"],
    todo: tuple[Revision, ...],
    *,
    current: tuple[str, ...],
    applied: frozenset[str],
) -> Plan:
    followed = {parent for name in applied for parent in history.parents[name]}
    return Plan(
        direction=direction,
        current=current,
        target=tuple(revision.revision for revision in history.revisions if revision.revision in applied - followed),
        revisions=tuple(
            PlannedRevision(
                revision=revision.revision,
                title=revision.title,
                file=history.relative(Path(revision.path)),
                reversible=revision.reversible,
                irreversible=revision.irreversible,
                requires_release=revision.requires_release,
                content_hash=revision.content_hash,
            )
            for revision in todo
        ),
    )


def _with_captured(plan: Plan, captured: Mapping[str, Captured]) -> Plan:
    def completed(revision: PlannedRevision) -> PlannedRevision:
        found = captured[revision.revision]
        return dataclasses.replace(
            revision,
            statements=found.statements,
            transactions=found.transactions,
            sql_hash=found.sql_hash,
            depends_on_data=found.depends_on_data,
        )

    return dataclasses.replace(plan, revisions=tuple(completed(revision) for revision in plan.revisions))
