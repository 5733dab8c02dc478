"""Restoring a backup: into a new database, or over one that is kept aside."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING

from seachange.errors import SeachangeError
from seachange.plan import StepResult
from seachange.workflow.origin import make_ledger
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.backup.globals import MissingRole
    from seachange.postgres.connection import Database

__all__ = ["find_missing_roles", "note_restored", "restore", "restore_data_directory"]

_log = logging.getLogger(__name__)


def restore(run: Run) -> StepResult:
    """Restore option ``backup`` into option ``into``, a new database by default.

    Options ``owners`` and ``roles`` say whose the objects are, ``jobs`` over how many connections to go.

    :raises BackupInvalidError: the backup is not what its manifest says.
    :raises DatabaseExistsError: the database exists, and option ``overwrite`` is not set.
    """
    from seachange.backup import How, Ownership, find_backup, plan_restore
    from seachange.backup import restore as restore_backup
    from seachange.backup.globals import make_roles

    backup = find_backup(run.settings, run.options.get("backup") or "latest")
    into = run.options.get("into", "")
    missing = tuple(run.options.get("missing_roles") or ())
    ownership = Ownership(owners=bool(run.options.get("owners", True)), renamed=run.options.get("roles") or {})
    if run.dry_run:
        place = into or "a new database"
        facts = plan_restore(backup, server=run.database, ownership=ownership, planned=[role.name for role in missing]).told
        return StepResult(status="skipped", summary=f"would restore {backup.name} of {backup.database} into {place}", facts=facts)
    if missing:
        make_roles(run.database, missing)
        run.teller()(f"made the roles {', '.join(role.name for role in missing)}")
    done = restore_backup(
        backup,
        run.settings,
        server=run.database,
        target=into,
        overwrite=bool(run.options.get("overwrite")),
        how=How(ownership=ownership, jobs=int(run.options.get("jobs") or 0), full=bool(run.options.get("full"))),
        progress=run.progress,
    )
    note_restored(run, done.database)
    facts = (done.proven, *done.notes)
    if done.removed:
        facts += (f"restores that were killed had left {', '.join(done.removed)}, now removed",)
    if done.replaced:
        facts += (f"the database that was there is kept as {done.replaced}",)
    summary = f"{backup.name} is database {done.database.name} on {run.database.redacted}"
    return StepResult(status="warning" if done.notes else "done", summary=summary, facts=facts, data=done.to_dict())


def restore_data_directory(run: Run) -> StepResult:
    """Put the cluster of option ``backup``, a physical one, into the new folder of option ``data_dir``.

    :raises BackupInvalidError: the backup is not what its manifest says.
    :raises RefusedError: it is a dump, or the folder is not empty.
    """
    from seachange.backup import find_backup
    from seachange.backup.cluster import cluster_facts, restore_cluster

    backup = find_backup(run.settings, run.options.get("backup") or "latest", physical=True)
    path = run.settings.path(str(run.options["data_dir"]))
    manifest, physical = cluster_facts(backup)
    if run.dry_run:
        size = f"{physical.size_bytes / 1024**2:.1f} MB, PostgreSQL {manifest.server.version}"
        return StepResult(status="skipped", summary=f"would restore the cluster of {backup.name} ({size}) to {path}")
    done = restore_cluster(backup, run.settings, path=path, progress=run.progress)
    facts = (
        *done.notes,
        f"pg_verifybackup has found all files of the server in it, up to {done.end_lsn} in its log",
        f"start it with programs of PostgreSQL {done.major}: pg_ctl -D {path} -l {path}.log start",
    )
    return StepResult(summary=f"the cluster of {backup.name} is in {path}", facts=facts, data=done.to_dict())


def find_missing_roles(run: Run) -> tuple[MissingRole, ...]:
    """Return the roles that option ``backup`` needs, has beside its dump, and the server lacks.

    :raises BackupInvalidError: the backup has no roles beside it.
    """
    from seachange.backup import find_backup
    from seachange.backup.globals import load_globals, missing_roles
    from seachange.postgres.connection import connect

    backup = find_backup(run.settings, run.options.get("backup") or "latest")
    text = load_globals(backup, run.settings)
    needed = backup.manifest.contents.named_roles if backup.manifest else ()
    with contextlib.closing(connect(run.database, autocommit=True)) as session:
        return missing_roles(text, session, needed=needed)


def note_restored(run: Run, database: Database) -> None:
    """Write into the history that came with the backup that it was restored; what goes wrong here is not worth a failure."""
    from seachange.postgres.connection import connect
    from seachange.revisions.ledger import locate
    from seachange.revisions.units import read_units

    if not run.settings.history:
        return
    try:
        ledger = make_ledger(run)
        for unit in read_units(run.settings, database):
            if unit.database == database:
                with contextlib.closing(connect(database, autocommit=True)) as connection:
                    place = locate(connection, unit)
                ledger.at(place).restored(unit.current)
    except SeachangeError as exc:
        _log.warning("the restore is not in the history: %s", exc)
