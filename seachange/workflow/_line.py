"""The trial of revisions that moved: up, down and up again on a throwaway that is at the revision before them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import (
    BinaryNotFoundError,
    EnvironmentFailedError,
    MigrationFailedError,
    RevisionRejectedError,
    ServerStartError,
)
from seachange.revisions.history import History

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions.rebase import Rebase

__all__ = ["try_line"]


def try_line(settings: Settings, history: History, plan: Rebase, *, progress: Callable[[str], None]) -> tuple[str, ...]:
    """Run the revisions that moved on a throwaway server.

    :param settings: the project's settings.
    :param history: the revisions at their new places.
    :param plan: which moved.
    :param progress: told what is being done.
    :returns: one sentence: that they stood the trial, or why there was none.
    :raises RevisionRejectedError: one of them fails.
    """
    from seachange.revisions.shadow_history import open_shadow

    start = plan.moves[0].new_down_revision
    progress("opening a throwaway server at the revision before them")
    with contextlib.ExitStack() as stack:
        try:
            shadow = stack.enter_context(open_shadow(settings, history, revisions=[start] if start else []))
        except (BinaryNotFoundError, ServerStartError, MigrationFailedError, EnvironmentFailedError) as exc:
            return (f"not tried on a throwaway server: {exc.message}",)
        names = [move.new_revision for move in plan.moves]
        ways = ["upgrade"]
        if all(history.by_id[name].reversible for name in names):
            ways += ["downgrade", "second upgrade"]
        database = shadow.clone()
        for way in ways:
            progress(f"trying {', '.join(names)}: {way}")
            _go(settings, history, database, target=(start or "base") if way == "downgrade" else names[-1], way=way)
        return (f"tried on PostgreSQL {shadow.server.major}: {', '.join(ways)}",)


def _go(settings: Settings, history: History, database: Database, *, target: str, way: str) -> None:
    from seachange.revisions.runner import downgrade, upgrade

    try:
        (downgrade if way == "downgrade" else upgrade)(database, settings, target=target, history=history)
    except MigrationFailedError as exc:
        raise RevisionRejectedError(
            f"{exc.failed} does not stand at its new place, its {way} fails {exc.reason}; the files are as they were",
            hint="mend the file first, or rebase it all the same with --no-trial and mend it then",
        ) from exc
