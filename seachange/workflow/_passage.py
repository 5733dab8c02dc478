"""The way of a throwaway database to the head, with the catalogue before and after each revision."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.plan import Plan
    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.revisions.history import Revision
    from seachange.safety.compatibility import Step

__all__ = ["travel"]


def travel(run: Run, database: Database) -> tuple[Step, ...]:
    """Apply every revision that a database does not have, and return what each did.

    :param run: the run.
    :param database: a throwaway database.
    :raises MigrationFailedError: a revision fails.
    """
    from seachange.revisions.planning import capture

    passage = _Passage(run, database)
    plan = capture(run.settings, database, run.history, target="heads", on_revision=passage.note)
    return passage.steps(plan)


class _Passage:
    def __init__(self, run: Run, database: Database) -> None:
        self._run = run
        self._database = database
        self._before: dict[str, Catalog] = {}

    def note(self, revision: Revision) -> None:
        self._before.setdefault(revision.revision, self._catalog())

    def steps(self, plan: Plan) -> tuple[Step, ...]:
        from seachange.safety.compatibility import Step

        catalogs = [self._before[revision.revision] for revision in plan.revisions]
        after = [*catalogs[1:], self._catalog()] if catalogs else []
        return tuple(
            Step(
                revision=revision.revision,
                title=revision.title,
                file=revision.file,
                statements=revision.statements,
                before=before,
                after=then,
            )
            for revision, before, then in zip(plan.revisions, catalogs, after, strict=True)
        )

    def _catalog(self) -> Catalog:
        from seachange.postgres.catalog import read_catalog
        from seachange.postgres.connection import connect

        with contextlib.closing(connect(self._database)) as connection:
            return read_catalog(connection, schemas=self._run.settings.schemas)
