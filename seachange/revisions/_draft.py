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
from seachange.revisions.declared import Declared, declare
from seachange.revisions.history import History
from seachange.revisions.population import Population
from seachange.revisions.project import Project
from seachange.revisions.questions import open_questions_error

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from seachange.postgres.connection import Database
    from seachange.postgres.shadow import Shadow
    from seachange.revisions._naming import Identity
    from seachange.revisions._rename_operations import RenameOp

__all__ = ["Draft", "Wanted", "draft_revision"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is wanted of a new revision.

    :param name: what to call it; derived from its operations by default.
    :param location: the version location to write to; that of the newest revision by default.
    :param answers: what is a rename, and what old rows get.
    :param population: the rows of the database that it is meant for; without it nobody is asked what they get.
    :param sql: whether it shall run two files of SQL beside it.
    """

    name: str = ""
    location: str = ""
    answers: Answers = dataclasses.field(default_factory=Answers)
    population: Population | None = None
    sql: bool = False


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
    wanted: Wanted,
    declared: Declared | None = None,
) -> Draft | None:
    """Return the text of the revision that makes the models true; None when there is nothing to do.

    Renames are made on a copy of the shadow first, so that what is left is compared by PostgreSQL's own account of it.

    :param project: the project.
    :param history: the revisions, one head or none.
    :param shadow: a server with a database at the head of the history.
    :param metadata: what the models declare.
    :param wanted: its name and place, and what only a person knows.
    :param declared: what the models make on the shadow's server, if that was looked at already.
    :raises QuestionsOpenError: that is not known, and matters.
    """
    drawing = _Drawing(project, history, wanted)
    with _scratch(shadow) as database:
        if declared is None:
            with connected(database) as connection:
                declared = declare(connection, metadata)
        while not drawing.over:
            with connected(database) as connection:
                compare(project, connection, metadata=metadata, declared=declared, use=drawing.look, throwaway=True)
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

    def __init__(self, project: Project, history: History, wanted: Wanted) -> None:
        from seachange.revisions.fills import Fills
        from seachange.revisions.renames import Renames

        self.draft: Draft | None = None
        self.todo: tuple[RenameOp, ...] = ()
        self.over = False
        self._project = project
        self._history = history
        self._wanted = wanted
        self._renames = Renames(wanted.answers)
        self._fills = Fills(wanted.answers, wanted.population)
        self._made: list[RenameOp] = []
        self._followed = False

    def look(self, comparison: Comparison) -> None:
        """Say in ``todo`` what to rename before the next round, or draw the draft.

        :raises QuestionsOpenError: somebody has to be asked first.
        """
        self.todo = self._renames.settle(comparison)
        if not self.todo:
            self._require_answers(comparison)
        if not self.todo and self._made and not self._followed:
            from seachange.revisions._followers import follow

            self._followed = True
            self.todo = follow(comparison, self._made)
        self._made += self.todo
        if not self.todo:
            self.over = True
            self._renames.require_used()
            self.draft = self._drawn(comparison)

    def _require_answers(self, comparison: Comparison) -> None:
        renames = self._renames.questions(comparison)
        unsure = {f"{question.table}.{name}" for question in renames for name in question.candidates}
        if questions := (*renames, *self._fills.questions(comparison, self._made, without=unsure)):
            raise open_questions_error(questions)

    def _drawn(self, comparison: Comparison) -> Draft | None:
        from seachange.revisions._extras import changed_labels
        from seachange.revisions._mentions import mentions
        from seachange.revisions._notes import notes
        from seachange.revisions._rendering import render_revision
        from seachange.revisions.renames import insert_renames

        for warning in comparison.warnings:
            _log.warning("comparing the models: %s", warning)
        insert_renames(self._made, comparison)
        identity = self._identity(comparison)
        filled = self._fills.insert(comparison, self._made)
        if comparison.empty:
            return None
        warnings = (
            *notes(comparison.script.upgrade_ops_list[-1].ops),
            *mentions(self._made, comparison.connection),
            *filled,
            *comparison.warnings,
        )
        return Draft(
            identity=identity,
            text=render_revision(self._project, comparison, identity=identity, notes=warnings),
            operations=comparison.operations,
            warnings=warnings,
            labels_stay=frozenset(change.new.name for change in changed_labels(comparison.script) if change.new),
        )

    def _identity(self, comparison: Comparison) -> Identity:
        """Return what to call it, before what is done for its rows is among the operations."""
        from seachange.revisions._naming import identify, suggest_name

        script = self._project.script(self._project.config())
        name = self._wanted.name or suggest_name(comparison.script.upgrade_ops_list[-1].ops)
        return identify(self._history, script, name=name, location=self._wanted.location)
