"""The text of a revision that is not on disk yet: compared, answered, named, rendered."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seachange.revisions._trial import connected
from seachange.revisions.answers import Answers
from seachange.revisions.compare import Comparison, compare
from seachange.revisions.declared import declare
from seachange.revisions.history import History
from seachange.revisions.project import Project
from seachange.revisions.questions import open_questions_error

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from seachange.postgres.connection import Database
    from seachange.postgres.shadow import Shadow
    from seachange.revisions._naming import Identity
    from seachange.revisions._rename_operations import RenameOp
    from seachange.revisions.renames import Renames

__all__ = ["Draft", "draft_revision"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """What would be written; ``labels_stay`` are enum types that keep labels after a downgrade."""

    identity: Identity
    text: str
    operations: tuple[str, ...]
    warnings: tuple[str, ...]
    labels_stay: frozenset[str]


def draft_revision(
    project: Project,
    history: History,
    shadow: Shadow,
    *,
    metadata: MetaData,
    name: str = "",
    location: str = "",
    answers: Answers | None = None,
) -> Draft | None:
    """Return the text of the revision that makes the models true; None when there is nothing to do.

    Renames are made on a copy of the shadow first, so that what is left is compared by PostgreSQL's own account of it.

    :param project: the project.
    :param history: the revisions, one head or none.
    :param shadow: a server with a database at the head of the history.
    :param metadata: what the models declare.
    :param name: what to call the revision; derived from its operations by default.
    :param location: the version location; that of the newest revision by default.
    :param answers: what is a rename, and what old rows get.
    :raises QuestionsOpenError: that is not known, and matters.
    """
    from seachange.revisions.renames import Renames

    with _scratch(shadow) as database:
        drawing = _Drawing(project, history, name=name, location=location, renames=Renames(answers or Answers()))
        with connected(database) as connection:
            declared = declare(connection, metadata)
        while not drawing.over:
            with connected(database) as connection:
                compare(project, connection, metadata=metadata, declared=declared, use=drawing.draw)
                for rename in drawing.todo:
                    connection.exec_driver_sql(rename.sql(connection).replace("%", "%%"))
                connection.commit()
    return drawing.draft


@contextlib.contextmanager
def _scratch(shadow: Shadow) -> Iterator[Database]:
    from seachange.postgres.connection import drop_database

    database = shadow.clone()
    try:
        yield database
    finally:
        drop_database(database, force=True)


class _Drawing:
    """Comes to a draft in rounds: each either makes renames, and is followed by another one, or draws."""

    def __init__(self, project: Project, history: History, *, name: str, location: str, renames: Renames) -> None:
        self.draft: Draft | None = None
        self.todo: tuple[RenameOp, ...] = ()
        self.over = False
        self._project = project
        self._history = history
        self._name = name
        self._location = location
        self._renames = renames
        self._made: list[RenameOp] = []
        self._followed = False

    def draw(self, comparison: Comparison) -> None:
        """Say in ``todo`` what to rename before the next round, or draw the draft."""
        self.todo = self._renames.settle(comparison)
        if not self.todo and (questions := self._renames.questions(comparison)):
            raise open_questions_error(questions)
        if not self.todo and self._made and not self._followed:
            from seachange.revisions._followers import follow

            self._followed = True
            self.todo = follow(comparison, self._made)
        self._made += self.todo
        if not self.todo:
            self.over = True
            self._renames.require_used()
            self.draft = self._drawn(comparison)

    def _drawn(self, comparison: Comparison) -> Draft | None:
        from seachange.revisions._extras import changed_labels
        from seachange.revisions._naming import identify, suggest_name
        from seachange.revisions._notes import notes
        from seachange.revisions._rendering import render_revision
        from seachange.revisions.renames import insert_renames

        for warning in comparison.warnings:
            _log.warning("comparing the models: %s", warning)
        insert_renames(self._made, comparison)
        if comparison.empty:
            return None
        operations = comparison.script.upgrade_ops_list[-1].ops
        script = self._project.script(self._project.config())
        identity = identify(self._history, script, name=self._name or suggest_name(operations), location=self._location)
        warnings = (*notes(operations), *comparison.warnings)
        return Draft(
            identity=identity,
            text=render_revision(self._project, comparison, identity=identity, notes=warnings),
            operations=comparison.operations,
            warnings=warnings,
            labels_stay=frozenset(change.new.name for change in changed_labels(comparison.script) if change.new),
        )
