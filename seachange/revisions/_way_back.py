"""The way back of a planned upgrade, tried on the throwaway database that the upgrade was tried on."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import MigrationFailedError
from seachange.plan import Plan, PlannedRevision
from seachange.revisions._revision import Revision
from seachange.revisions.history import History

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database, Session

__all__ = ["Schemas", "tried_back"]


class Schemas:
    """The schema that a database had before each revision.

    :param settings: the project's settings.
    :param database: the database that revisions are run on.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._session: Session | None = None
        self._known: dict[str, Catalog] = {}
        self._told: set[str] = set()

    def note(self, revision: Revision) -> None:
        """Keep the schema as it is now as the one before ``revision``."""
        self._known[revision.revision] = self._read()

    def deviation(self, revision: str) -> str:
        """Return how the schema of now differs from the one before ``revision``; nothing when it does not.

        What was left by a later revision already is not said again.
        """
        from seachange.postgres.catalog import diff

        expected, actual = self._known[revision], self._read()
        if expected.fingerprint == actual.fingerprint:
            return ""
        found = [difference.sentence for difference in diff(expected, actual)]
        new = [sentence for sentence in found if sentence not in self._told]
        self._told.update(new)
        return "; and ".join([*new[:1], *([f"{len(new) - 1} more"] if len(new) > 1 else [])])

    def close(self) -> None:
        """Close the connection that the schemas are read on."""
        if self._session is not None:
            self._session.close()

    def _read(self) -> Catalog:
        from seachange.postgres.catalog import read_catalog
        from seachange.postgres.connection import connect

        if self._session is None:
            self._session = connect(self._database)
        found = read_catalog(self._session, schemas=self._settings.schemas)
        self._session.rollback()
        return found


def tried_back(settings: Settings, database: Database, history: History, *, plan: Plan, before: Schemas) -> Plan:
    """Return the plan with what came of undoing its revisions, newest first, as far as one leads back.

    :param settings: the project's settings.
    :param database: the throwaway database, at the plan's target.
    :param history: the revisions.
    :param plan: the plan of an upgrade.
    :param before: the schemas that the database had on its way there.
    """
    done: dict[str, PlannedRevision] = {}
    for revision in itertools.takewhile(lambda one: one.reversible, reversed(plan.revisions)):
        done[revision.revision] = tried = _tried(settings, database, history, revision=revision, before=before)
        if tried.way_back == "fails":
            break
    return dataclasses.replace(plan, revisions=tuple(done.get(one.revision, one) for one in plan.revisions))


def _tried(
    settings: Settings, database: Database, history: History, *, revision: PlannedRevision, before: Schemas
) -> PlannedRevision:
    from seachange.revisions.runner import downgrade

    try:
        downgrade(database, settings, target="-1", history=history)
    except MigrationFailedError as exc:
        return dataclasses.replace(revision, way_back="fails", way_back_reason=exc.reason)
    deviation = before.deviation(revision.revision)
    return dataclasses.replace(revision, way_back="differs" if deviation else "works", way_back_reason=deviation)
