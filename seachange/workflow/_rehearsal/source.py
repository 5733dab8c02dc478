"""The database that a rehearsal runs on: a restored backup, a copy on the same server, or a throwaway with rows or without."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seachange.errors import (
    BackupInvalidError,
    BackupNotFoundError,
    BinaryNotFoundError,
    CopyImpossibleError,
    MigrationFailedError,
    SeachangeError,
)
from seachange.workflow._rehearsal.likeness import TableScale, compare_sizes, give_settings, real_statistics, scale_of
from seachange.workflow._rehearsal.values import Source, SourceKind
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.backup import Backup
    from seachange.postgres.connection import Database

__all__ = ["OpenSource", "open_source"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenSource:
    """A copy to rehearse on, which is gone when its block is left; ``source`` says what it is.

    ``sizes`` are its tables against those of the real database.
    """

    database: Database
    source: Source
    sizes: Mapping[str, TableScale] = dataclasses.field(default_factory=dict)


@contextlib.contextmanager
def open_source(run: Run, *, kind: str, backup: str = "") -> Iterator[OpenSource]:
    """Have a copy of the run's database, or what is nearest to one, for the length of the block.

    ``auto``: the backup that this run has made, else the newest verified one that can be restored here, else made-up rows.

    :param run: the run.
    :param kind: ``auto``, ``backup``, ``copy``, ``seeded`` or ``shadow``.
    :param backup: the name of the backup to restore; by default as for ``auto``, or the newest complete one.
    :raises SeachangeError: the one that was asked for cannot be had.
    """
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        if kind == "copy":
            opened = _copied(run, stack)
        elif kind == "shadow":
            opened = _on_shadow(run, stack, rows=False)
        elif kind == "seeded":
            opened = _on_shadow(run, stack, rows=True)
        elif kind == "backup" or backup:
            opened = _restored(run, stack, _chosen(run, backup))
        else:
            opened = _automatic(run, stack)
        yield _measured(run, opened, began=began)


def _measured(run: Run, opened: OpenSource, *, began: float) -> OpenSource:
    sizes = compare_sizes(opened.database, real_statistics(run))
    scale = 0.0 if opened.source.kind == "shadow" and sizes else scale_of(sizes)
    source = dataclasses.replace(opened.source, scale=scale, duration_s=time.monotonic() - began)
    return dataclasses.replace(opened, source=source, sizes=sizes)


def _automatic(run: Run, stack: contextlib.ExitStack) -> OpenSource:
    found = _made_by_run(run) or _newest_verified(run)
    if found is None:
        return _on_shadow(run, stack, rows=True, notes=("there is no verified backup; invoke db.backup, then db.verify-backup",))
    with contextlib.ExitStack() as trial:
        try:
            opened = _restored(run, trial, found)
        except (BackupInvalidError, BinaryNotFoundError, CopyImpossibleError) as exc:
            note = f"backup {found.name} was not rehearsed on: {exc.message}"
        else:
            stack.push(trial.pop_all())
            return opened
    return _on_shadow(run, stack, rows=True, notes=(note,))


def _made_by_run(run: Run) -> Backup | None:
    from seachange.backup import find_backup

    made = run.results.get("backup")
    name = str(made.data.get("backup") or "") if made is not None else ""
    return find_backup(run.settings, name) if name else None


def _newest_verified(run: Run) -> Backup | None:
    from seachange.backup import list_backups

    try:
        backups = list_backups(run.settings)
    except SeachangeError as exc:
        _log.warning("the backups cannot be listed: %s", exc)
        return None
    usable = (each for each in backups if each.verified and each.whole and not each.physical)
    return next((each for each in usable if each.database == run.database.name), None)


def _chosen(run: Run, name: str) -> Backup:
    from seachange.backup import find_backup

    if name:
        return find_backup(run.settings, name)
    found = _made_by_run(run) or _newest_verified(run)
    if found is None:
        found = find_backup(run.settings, database=run.database.name)
    return found


def _restored(run: Run, stack: contextlib.ExitStack, backup: Backup) -> OpenSource:
    from seachange.backup.proof import verified_copy

    if backup.manifest is None:
        raise BackupNotFoundError(f"backup {backup.name} is damaged: {'; '.join(backup.problems)}", hint="name another backup")
    mask = run.settings.rehearsal_mask
    copy = stack.enter_context(verified_copy(backup, run.settings, mask=mask, progress=run.progress))
    notes = (*copy.notes, *_brought_to(run, copy.database))
    if not backup.verified:
        notes = ("this restore has verified the backup", *notes)
    source = _source(run, "backup", name=backup.name, notes=notes)
    return OpenSource(
        database=copy.database, source=dataclasses.replace(source, created=backup.started.isoformat(), cached=copy.hit)
    )


def _brought_to(run: Run, database: Database) -> tuple[str, ...]:
    """Bring a copy that is older than the database to the revision of that."""
    from seachange.postgres.connection import connect
    from seachange.revisions.runner import current, upgrade

    wanted = run.current()
    with contextlib.closing(connect(database, autocommit=True)) as session:
        found = current(session, run.settings)
    if found == wanted:
        return ()
    behind = {each.revision for each in run.history.ancestors(wanted)}
    place = " and ".join(found) or "an empty history"
    if not set(found) <= behind:
        raise CopyImpossibleError(
            f"the backup is at {place}, which does not lead to where the database is",
            hint="name another backup, or make a new one: invoke db.backup",
        )
    run.progress("bringing the copy to the revision of the database")
    try:
        for revision in wanted:
            upgrade(database, run.settings, target=revision, history=run.history)
    except MigrationFailedError as exc:
        raise CopyImpossibleError(
            f"the backup is at {place}, and cannot be brought to where the database is: {exc.reason}",
            hint="make a new one: invoke db.backup",
        ) from exc
    return (f"the backup was at {place}; the copy was brought to {' and '.join(wanted)} before the rehearsal",)


def _copied(run: Run, stack: contextlib.ExitStack) -> OpenSource:
    from seachange.backup.masking import apply_mask
    from seachange.workflow._rehearsal.template import template_copy

    run.progress(f"copying {run.database.name} on its server")
    database, notes = stack.enter_context(template_copy(run))
    apply_mask(database, run.settings.rehearsal_mask, progress=run.progress)
    return OpenSource(database=database, source=_source(run, "copy", name=run.database.name, notes=notes))


def _on_shadow(run: Run, stack: contextlib.ExitStack, *, rows: bool, notes: tuple[str, ...] = ()) -> OpenSource:
    from seachange.revisions.shadow_history import open_shadow

    opened = open_shadow(run.settings, run.history, revisions=run.current(), major=run.server.major)
    database = stack.enter_context(opened).clone()
    notes = (*notes, *give_settings(run, database))
    if not rows:
        return OpenSource(database=database, source=_source(run, "shadow", name="the history on an empty server", notes=notes))
    from seachange.workflow._rehearsal.seeding import seed_rows

    seeded = seed_rows(run, database)
    return OpenSource(database=database, source=_source(run, "seeded", name=seeded.origin, notes=(*notes, *seeded.notes)))


def _source(run: Run, kind: SourceKind, *, name: str, notes: tuple[str, ...]) -> Source:
    masked = tuple(key for key, _ in run.settings.rehearsal_mask) if kind in ("backup", "copy") else ()
    return Source(kind=kind, name=name, masked=masked, notes=notes)
