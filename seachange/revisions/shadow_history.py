"""Shadow databases of a history: at its head or at any state on the way, replaying only what the cache has not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.revisions._failure import failing_on_throwaway
from seachange.revisions._targets import require_known, require_order
from seachange.revisions.history import History
from seachange.revisions.runner import upgrade
from seachange.revisions.units import read_units

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.postgres.shadow import Build, Shadow

__all__ = ["catalog_at", "clone_at", "complete", "open_shadow"]


@contextlib.contextmanager
def open_shadow(
    settings: Settings, history: History, *, revisions: Iterable[str] | None = None, major: int | None = None
) -> Iterator[Shadow]:
    """Run a shadow server whose template is at ``revisions`` for the length of the block.

    :param settings: the project's settings.
    :param history: the revisions in the files.
    :param revisions: the state; the heads by default, nothing for the empty history.
    :param major: the version of the server; that of the settings by default.
    :raises HistoryInvalidError: the history is no order.
    :raises RevisionUnknownError: a revision is in no file.
    :raises MigrationFailedError: a revision fails on an empty server.
    """
    from seachange.postgres.shadow import shadow

    require_order(history)
    state = history.heads if revisions is None else require_known(history, revisions)
    *before, key = history.keys(state)

    def build(database: Database) -> None:
        _bring(settings, history, database, state=state)

    # The keys of the way there, nearest first; the empty history is what every build begins with anyway.
    ancestors: list[tuple[str, Build]] = [(known, build) for known in reversed(before[1:])]
    with shadow(settings, key=key, build=build, major=major, ancestors=ancestors) as opened:
        yield opened


def clone_at(shadow: Shadow, history: History, revisions: Iterable[str], *, settings: Settings) -> Database | None:
    """Return a new database at ``revisions`` on a server that is open already, or None when its template is beyond them.

    :param shadow: a shadow of this history, at some state.
    :param history: the revisions in the files.
    :param revisions: the state that is wanted.
    :param settings: the project's settings.
    """
    from seachange.postgres.connection import drop_database

    state = tuple(revisions)
    database = shadow.clone()
    at = _state_of(database, settings)
    wanted = {revision.revision for revision in history.ancestors(state)}
    if not {revision.revision for revision in history.ancestors(at)} <= wanted or not set(at) <= set(history.by_id):
        drop_database(database, force=True)
        return None
    _bring(settings, history, database, state=state)
    return database


def complete(settings: Settings, history: History, database: Database) -> None:
    """Bring what belongs to a copy of a shadow to where the copy is: a copy has none of the further databases of env.py.

    :param settings: the project's settings; nothing is done when they name no ``databases``.
    :param history: the revisions in the files.
    :param database: the copy.
    """
    if settings.databases:
        _bring(settings, history, database, state=_state_of(database, settings))


def catalog_at(shadow: Shadow, history: History, revisions: Iterable[str], *, settings: Settings) -> Catalog:
    """Return the catalogue that the history makes at ``revisions`` on an empty server of the shadow's version.

    :param shadow: a shadow of this history, at any state; another one is opened when it is beyond ``revisions``.
    :param history: the revisions in the files.
    :param revisions: the state, as the version table of a database says it.
    :param settings: the project's settings.
    """
    state = require_known(history, revisions)
    kept = shadow.kept.get(history.key(state))
    database = kept or clone_at(shadow, history, state, settings=settings)
    if database is not None:
        return _read(database, settings)
    with open_shadow(settings, history, revisions=state, major=shadow.server.major) as earlier:
        return _read(earlier.clone(), settings)


def _bring(settings: Settings, history: History, database: Database, *, state: Iterable[str]) -> None:
    with failing_on_throwaway():
        for revision in state:
            upgrade(database, settings, target=revision, history=history)


def _state_of(database: Database, settings: Settings) -> tuple[str, ...]:
    if settings.databases:
        # The first of them is what is copied; the others are made anew beside each copy.
        return read_units(settings, database)[0].current
    from seachange.postgres.connection import connect
    from seachange.revisions.runner import current

    with contextlib.closing(connect(database, autocommit=True)) as session:
        return current(session, settings)


def _read(database: Database, settings: Settings) -> Catalog:
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database)) as session:
        return read_catalog(session, schemas=settings.schemas)
