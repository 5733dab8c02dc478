"""A history and the database that it is tried on."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.plan import Finding

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.revisions.history import History

__all__ = ["Subject", "differences_between"]


def _ignore(_text: str) -> None:
    return


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """A history and the database that it is tried on; ``progress`` is told which revision runs."""

    settings: Settings
    database: Database
    history: History
    progress: Callable[[str], None] = _ignore

    def up(self, target: str = "heads") -> Mapping[str, float]:
        """Upgrade, and return the revisions that ran with their seconds."""
        from seachange.revisions.runner import upgrade

        done = upgrade(
            self.database,
            self.settings,
            history=self.history,
            target=target,
            on_revision=lambda revision: self.progress(f"up {revision.revision} {revision.title}"),
        )
        return done.durations_s

    def down(self, target: str = "base") -> Mapping[str, float]:
        """Downgrade, and return the revisions that ran with their seconds."""
        from seachange.revisions.runner import downgrade

        done = downgrade(
            self.database,
            self.settings,
            history=self.history,
            target=target,
            on_revision=lambda revision: self.progress(f"down {revision.revision} {revision.title}"),
        )
        return done.durations_s

    def floor(self) -> str:
        """Return how far down the history can go: ``base``, or the newest revision that says that it cannot be undone."""
        irreversible = [revision.revision for revision in self.history.revisions if not revision.reversible]
        return irreversible[-1] if irreversible else "base"

    def catalog(self) -> Catalog:
        """Return the catalogue of the database."""
        from seachange.postgres.catalog import read_catalog
        from seachange.postgres.connection import connect
        from seachange.revisions.runner import version_table

        own = version_table(self.settings)
        with contextlib.closing(connect(self.database)) as connection:
            return read_catalog(connection, schemas=self.settings.schemas, exclude_tables=(own,))

    def rows(self) -> Mapping[str, int]:
        """Return the exact number of rows of every table; partitions count as their table."""
        from psycopg import sql

        from seachange.postgres.connection import connect

        tables = [
            table for table in self.catalog().tables if table.kind in ("table", "partitioned table") and not table.partition_bound
        ]
        counts = [
            sql.SQL("select {}, count(*) from {}").format(sql.Literal(table.qualified), sql.Identifier(table.schema, table.name))
            for table in tables
        ]
        with contextlib.closing(connect(self.database)) as connection:
            return dict(connection.execute(sql.SQL(" union all ").join(counts)).fetchall()) if counts else {}

    def model_differences(self) -> tuple[Finding, ...]:
        """Return what the models and the database have different, as findings."""
        from seachange.postgres.connection import engine
        from seachange.revisions.compare import differences
        from seachange.revisions.declared import declare
        from seachange.revisions.models import load_metadata

        opened = engine(self.database)
        try:
            with opened.connect() as connection:
                metadata = load_metadata(self.settings)
                declared = declare(connection, metadata)
                found = differences(metadata, connection, declared=declared, settings=self.settings, throwaway=True)
        finally:
            opened.dispose()
        return tuple(Finding(code="model-difference", message=sentence) for sentence in found)


def differences_between(expected: Catalog, actual: Catalog, *, code: str) -> tuple[Finding, ...]:
    """Return in which objects two catalogues differ, as findings; none when their fingerprints are equal.

    :param code: code of the findings.
    """
    from seachange.postgres.catalog import diff

    if expected.fingerprint == actual.fingerprint:
        return ()
    return tuple(Finding(code=code, message=difference.sentence) for difference in diff(expected, actual))
