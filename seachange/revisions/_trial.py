"""The trial of a new revision: up, down and up again on a copy of the shadow, the catalogue compared each time."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import MigrationFailedError, RefusedError, RevisionRejectedError
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.history import History, read_history
from seachange.revisions.runner import downgrade, upgrade

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database, Session

__all__ = ["Trial", "connected"]

_MOST_REASONS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """A revision on trial.

    :param folder: where its file is for the time of the trial.
    :param labels_stay: enum types to which the revision adds labels for good.
    """

    settings: Settings
    folder: Path
    revision: str
    parent: str | None
    metadata: MetaData
    labels_stay: frozenset[str]
    progress: Callable[[str], None]

    def run(self, database: Database) -> History:
        """Try the revision on ``database``, which is at its parent and is at the revision afterwards.

        :returns: the history with the revision.
        :raises RevisionRejectedError: it fails, does not come back to where it began, or does not make the models true.
        """
        from seachange.postgres.connection import connect

        history = read_history(self.settings, extra_locations=(self.folder,))
        with contextlib.closing(connect(database)) as session:
            before = self._catalog(session)
            self._move(database, history, step="upgrade")
            after = self._catalog(session)
            self._require_models(database)
            self._move(database, history, step="downgrade")
            self._require_equal(before, self._catalog(session), step="downgrade")
            self._move(database, history, step="second upgrade")
            self._require_equal(after, self._catalog(session), step="second upgrade")
        return history

    def _catalog(self, session: Session) -> Catalog:
        from seachange.postgres.catalog import read_catalog

        found = read_catalog(session, schemas=self.settings.schemas)
        session.rollback()
        return found

    def _move(self, database: Database, history: History, *, step: str) -> None:
        self.progress(f"trying {self.revision} on the shadow: {step}")
        locations = (self.folder,)
        try:
            if step == "downgrade":
                target = self.parent or "base"
                downgrade(database, self.settings, target=target, history=history, extra_locations=locations)
            else:
                upgrade(database, self.settings, target=self.revision, history=history, extra_locations=locations)
        except MigrationFailedError as exc:
            raise self._rejected(f"its {step} fails {exc.reason}") from exc
        except RefusedError as exc:
            raise self._rejected(exc.message) from exc

    def _require_models(self, database: Database) -> None:
        with connected(database) as connection:
            declared = declare(connection, self.metadata)
            left = differences(self.metadata, connection, declared=declared, settings=self.settings, throwaway=True)
        if left:
            raise self._rejected(f"after it the database still differs from the models: {_some(left)}")

    def _require_equal(self, expected: Catalog, actual: Catalog, *, step: str) -> None:
        from seachange.postgres.catalog import diff

        if expected.fingerprint == actual.fingerprint:
            return
        found = [each for each in diff(expected, actual) if not any(name in each.object for name in self.labels_stay)]
        if found:
            where = "to the schema before it" if step == "downgrade" else "to the same schema as the first time"
            raise self._rejected(f"its {step} does not lead {where}: {_some(tuple(each.sentence for each in found))}")

    def _rejected(self, reason: str) -> RevisionRejectedError:
        return RevisionRejectedError(f"the new revision {self.revision} was not kept, {reason}")


def _some(sentences: tuple[str, ...]) -> str:
    shown = "; ".join(sentences[:_MOST_REASONS])
    return f"{shown}; and {len(sentences) - _MOST_REASONS} more" if len(sentences) > _MOST_REASONS else shown


@contextlib.contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """Open a connection of SQLAlchemy and leave nothing open."""
    from seachange.postgres.connection import engine

    opened = engine(database)
    try:
        with opened.connect() as connection:
            yield connection
    finally:
        opened.dispose()
