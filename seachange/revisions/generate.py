"""Write a revision from the difference between the models and the shadow, and keep it only after a trial there."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import RevisionRejectedError
from seachange.revisions._draft import Draft, Wanted, draft_revision
from seachange.revisions._trial import Trial, connected
from seachange.revisions._workshop import keep, require_one_head, siblings, workshop
from seachange.revisions.compare import compare
from seachange.revisions.declared import Declared, declare
from seachange.revisions.history import History
from seachange.revisions.project import Project, open_project

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from seachange.postgres.connection import Database
    from seachange.postgres.shadow import Shadow

__all__ = ["GeneratedRevision", "Wanted", "generate", "pending_operations", "preview"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GeneratedRevision:
    """A revision that was written; ``operations`` and ``warnings`` are sentences."""

    path: Path
    revision: str
    title: str
    operations: tuple[str, ...]
    warnings: tuple[str, ...]


def pending_operations(settings: Settings, history: History, *, metadata: MetaData, shadow: Shadow) -> tuple[str, ...]:
    """Return in sentences what a new revision would do; nothing means that models and history agree.

    :param settings: the project's settings.
    :param history: the revisions.
    :param metadata: what the models declare.
    :param shadow: a server with a database at the head of the history.
    :raises HistoryInvalidError: the history has several heads, or is no order.
    """
    require_one_head(history)
    found: list[str] = []
    with connected(shadow.clone()) as connection:
        project, declared = open_project(settings), declare(connection, metadata)
        compare(
            project,
            connection,
            metadata=metadata,
            declared=declared,
            use=lambda comparison: found.extend(comparison.operations),
            throwaway=True,
        )
    return tuple(found)


def preview(
    settings: Settings,
    history: History,
    *,
    metadata: MetaData,
    shadow: Shadow,
    wanted: Wanted | None = None,
) -> GeneratedRevision | None:
    """Return the revision that :func:`generate` would try and write, or None; writes nothing.

    :param settings: the project's settings, as the other parameters for :func:`generate`.
    :raises QuestionsOpenError: what is a rename is not known.
    """
    require_one_head(history)
    draft = draft_revision(open_project(settings), history, shadow, metadata=metadata, wanted=wanted or Wanted())
    return _told(draft) if draft else None


def generate(
    settings: Settings,
    history: History,
    *,
    metadata: MetaData,
    shadow: Shadow,
    wanted: Wanted | None = None,
    declared: Declared | None = None,
    progress: Callable[[str], None] | None = None,
) -> GeneratedRevision | None:
    """Write the revision that makes the models true, tried up, down and up on a copy of the shadow.

    :param settings: the project's settings.
    :param history: the revisions.
    :param metadata: what the models declare.
    :param shadow: a server with a database at the head of the history; it is kept at the new head too.
    :param wanted: its name and place, and what only a person knows.
    :param declared: what the models make on the shadow's server, if that was looked at already.
    :param progress: told what is being done.
    :returns: the revision, or None when there is nothing to do.
    :raises HistoryInvalidError: the history has several heads, or is no order.
    :raises QuestionsOpenError: what is a rename, or what rows get, is not known; nothing was written.
    :raises RevisionRejectedError: it did not stand the trial; its text is in .seachange/rejected/.
    :raises NotWritableError: the version location cannot be written.
    """
    require_one_head(history)
    project = open_project(settings)
    draft = draft_revision(project, history, shadow, metadata=metadata, wanted=wanted or Wanted(), declared=declared)
    if draft is None:
        return None
    database = shadow.clone()
    identity = draft.identity
    with workshop(settings) as folder:
        path = _write(folder, draft, project)
        if wanted and wanted.sql:
            _write_pair(settings, draft, path, shadow=shadow)
        trial = Trial(
            settings=settings,
            folder=folder,
            revision=identity.revision,
            parent=identity.down_revision,
            metadata=metadata,
            labels_stay=draft.labels_stay,
            progress=progress or (lambda _: None),
        )
        extended = _tried(trial, database, path, target=identity.path)
        keep(path, identity.path)
    shadow.keep_as(extended.key(identity.revision), database)
    return _told(draft)


def _told(draft: Draft) -> GeneratedRevision:
    identity = draft.identity
    return GeneratedRevision(
        path=identity.path,
        revision=identity.revision,
        title=identity.title,
        operations=draft.operations,
        warnings=draft.warnings,
    )


def _write(folder: Path, draft: Draft, project: Project) -> Path:
    from seachange.revisions._hooks import run_hooks

    path = folder / draft.identity.path.name
    path.write_text(draft.text, encoding="utf-8")
    run_hooks(project, path)
    return path


def _write_pair(settings: Settings, draft: Draft, path: Path, *, shadow: Shadow) -> None:
    """Replace a revision by one that runs the same as SQL."""
    from seachange.revisions._pair import capture_pair

    pair = capture_pair(settings, draft, path.parent, database=shadow.clone())
    for file, text in pair.files(path).items():
        file.write_text(text, encoding="utf-8")


def _tried(trial: Trial, database: Database, path: Path, *, target: Path) -> History:
    try:
        return trial.run(database)
    except RevisionRejectedError as exc:
        settings = trial.settings
        rejected = settings.state_dir / "rejected" / path.name
        rejected.parent.mkdir(exist_ok=True)
        for each in siblings(path):
            shutil.copyfile(each, rejected.with_name(each.name))
        tried, shown, folder = (str(each.relative_to(settings.root)) for each in (path, rejected, target.parent))
        raise RevisionRejectedError(
            exc.message.replace(tried, shown),
            hint=f"its text is in {shown}: mend it and move it to {folder}, or change the models",
        ) from exc
