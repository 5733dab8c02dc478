"""Restore a backup: into a new database that gets its name when it is whole, never into one that holds anything."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.backup.contents import read_tables
from seachange.backup.manifest import Manifest
from seachange.backup.ownership import Ownership
from seachange.backup.preflight import Preflight, preflight
from seachange.backup.sealing import unsealed
from seachange.backup.store import fetched
from seachange.backup.verify import Backup, verify_digests
from seachange.config import Settings
from seachange.errors import BackupInvalidError, DatabaseExistsError, ReadOnlyServerError, RefusedError, RestoreFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["How", "Restored", "plan_restore", "restore"]

log = logging.getLogger(__name__)

# Below this, starting more connections takes longer than they save.
_SMALL_BYTES = 16 * 1024**2


@dataclasses.dataclass(frozen=True, kw_only=True)
class How:
    """How to restore.

    ``jobs`` is how many connections to use (0: by size and processors), ``full`` that all contents are compared afterwards;
    ``check=False`` leaves every comparison to the caller.
    """

    ownership: Ownership = dataclasses.field(default_factory=Ownership)
    jobs: int = 0
    full: bool = False
    check: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore made.

    ``replaced`` is the name that an overwritten database has now, ``notes`` say what is not as it was, ``removed`` are
    databases that restores which were killed had left half done.
    """

    database: Database
    backup: str
    tables: int
    expected_tables: int
    rows: int | None = None
    proven: str = ""
    duration_s: float = 0.0
    replaced: str = ""
    notes: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "database": self.database.name,
            "backup": self.backup,
            "tables": self.tables,
            "expected_tables": self.expected_tables,
            "rows": self.rows,
            "proven": self.proven,
            "duration_s": round(self.duration_s, 3),
            "replaced": self.replaced,
            "notes": list(self.notes),
            "removed": list(self.removed),
        }


def restore(
    backup: Backup,
    settings: Settings,
    *,
    server: Database,
    target: str = "",
    create: bool = True,
    overwrite: bool = False,
    how: How | None = None,
    progress: Callable[[str], None] | None = None,
    clock: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> Restored:
    """Restore a backup into a new database.

    It is restored and checked under a temporary name. A failure on the way removes it and touches nothing else.

    :param backup: the backup; its digests are verified first.
    :param settings: where programs come from, and how long to wait.
    :param server: any database of the server to restore to.
    :param target: the name of the new database; ``<database>_restored_<time>`` by default.
    :param create: when false, restore into the database ``target``, which is there and has no tables.
    :param overwrite: put it into the place of an existing database, which is kept under a dated name; the caller has asked.
    :param how: further wishes.
    :param progress: told what is being done.
    :param clock: the time in UTC.
    :returns: what was made.
    :raises BackupInvalidError: a file of the backup is damaged; the message names it.
    :raises DatabaseExistsError: there is a database of that name, and ``overwrite`` was not given.
    :raises RestoreFailedError: the server lacks something, all of which is named; or it refused something.
    """
    begin, now, how = time.monotonic(), clock(), how or How()
    _manifest(backup)
    with _intact(backup, settings, progress or (lambda _text: None)) as (local, manifest, archive):
        work = _Work(
            backup=local,
            manifest=manifest,
            settings=settings,
            server=server,
            archive=archive,
            ownership=how.ownership,
            full=how.full,
            check=how.check,
            jobs=how.jobs or settings.backup_jobs or _jobs(manifest),
            say=progress or (lambda _text: None),
        )
        made = work.make(target, now=now, overwrite=overwrite) if create else work.fill(target)
    log.info("backup %s restored into %s", backup.name, made.database.redacted)
    return dataclasses.replace(made, duration_s=time.monotonic() - begin)


def plan_restore(
    backup: Backup, *, server: Database, ownership: Ownership | None = None, planned: Sequence[str] = ()
) -> Preflight:
    """Return how a backup would be restored, without touching anything.

    :param backup: the backup.
    :param server: any database of the server to restore to.
    :param ownership: whether owners are kept, and what roles are called here.
    :param planned: roles that will be there by then.
    :raises BackupInvalidError: it has no manifest.
    :raises RestoreFailedError: the server lacks something, all of which is named.
    """
    from seachange.postgres.connection import maintenance

    with maintenance(server) as session:
        plan = preflight(session, _manifest(backup), ownership=ownership, planned=planned)
    plan.require(backup.name)
    return plan


def _manifest(backup: Backup) -> Manifest:
    if backup.manifest is None:
        raise BackupInvalidError(f"backup {backup.name} has no manifest", hint="use another backup")
    if backup.manifest.physical:
        raise RefusedError(
            f"backup {backup.name} is a copy of a whole cluster, which no running server takes in",
            hint="--data-dir PATH puts it into a new folder that a server starts on; a single database comes back from a dump",
        )
    return backup.manifest


@contextlib.contextmanager
def _intact(backup: Backup, settings: Settings, say: Callable[[str], None]) -> Iterator[tuple[Backup, Manifest, Path]]:
    """Have a backup at hand, verify it, and decrypt it if need be; retention does not remove it for the length of the block."""
    if backup.remote:
        say(f"fetching {backup.name}")
    with fetched(backup, settings) as local:
        say(f"verifying {backup.name}")
        verify_digests(local)
        manifest = _manifest(local)
        if manifest.encryption:
            say(f"decrypting {backup.name}")
        with unsealed(local, settings) as archive:
            yield local, manifest, archive


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Work:
    """One restore under way."""

    backup: Backup
    manifest: Manifest
    settings: Settings
    server: Database
    archive: Path
    ownership: Ownership
    full: bool
    check: bool
    jobs: int
    say: Callable[[str], None]

    def make(self, name: str, *, now: datetime.datetime, overwrite: bool) -> Restored:
        """Restore into a new database and give it its name."""
        from seachange.backup.target import dated, exists, new_database, rename

        name = name or dated(self.manifest.database, "restored", now)
        with self._session(name) as session:
            replacing = exists(session, name)
            if replacing and not overwrite:
                raise DatabaseExistsError(
                    f"the database {name!r} exists", hint="choose another name, or --swap them (the old one is kept)"
                )
            plan = self._plan(session)
        with new_database(self.server, plan=plan, locale=self.manifest.contents.locale) as fresh:
            result = self._load(fresh.database, plan)
            given = self._give_properties(fresh.database, plan, instead_of=name if replacing else "")
            self.say(f"naming it {name}")
            old_name = dated(name, "before", now) if replacing else ""
            made = self._replace(fresh.database, old_name, name=name, now=now) if replacing else rename(fresh.database, name)
            notes = (*plan.notes, *fresh.notes, *result.notes, *given)
        return dataclasses.replace(result, database=made, replaced=old_name, notes=notes, removed=fresh.removed)

    def fill(self, name: str) -> Restored:
        """Restore into a database that is there and empty, in one transaction where that is possible."""
        from seachange.postgres.connection import connect

        database = self.server.with_name(name)
        with self._session(name) as session:
            plan = self._plan(session)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            tables = read_tables(session)
        if tables:
            raise DatabaseExistsError(f"the database {name!r} has {len(tables)} tables", hint="name an empty database")
        result = self._load(database, plan)
        return dataclasses.replace(result, notes=(*plan.notes, *result.notes, *self._give_properties(database, plan)))

    def _plan(self, session: Session) -> Preflight:
        plan = preflight(session, self.manifest, ownership=self.ownership)
        plan.require(self.backup.name)
        for note in plan.told:
            self.say(note)
        return plan

    @contextlib.contextmanager
    def _session(self, name: str) -> Iterator[Session]:
        from seachange.postgres.connection import describe, maintenance

        with maintenance(self.server.with_name(name)) as session:
            if describe(session).read_only:
                raise ReadOnlyServerError(f"{name!r} cannot be restored: the server is read-only", hint="name the primary server")
            yield session

    def _load(self, database: Database, plan: Preflight) -> Restored:
        expected = len(self.manifest.contents.tables)
        self.say(f"restoring {expected} tables")
        try:
            self._load_archive(database, plan)
        except RestoreFailedError as exc:
            raise RestoreFailedError(f"backup {self.backup.name} was not restored: {exc.message}", hint=exc.hint) from exc
        if not self.check:
            return Restored(database=database, backup=self.backup.name, tables=expected, expected_tables=expected)
        self.say("checking what was restored")
        return self._checked(database, plan)

    def _checked(self, database: Database, plan: Preflight) -> Restored:
        """Compare what was restored with the manifest: numbers of rows and schema, or all contents where that is asked for."""
        from seachange.backup.comparison import compare
        from seachange.backup.counts import count_restored

        counted = count_restored(database, self.manifest, renamed=plan.roles.renamed)
        problems, notes, proven = counted.problems, counted.notes, counted.sentence
        if self.full and not problems:
            compared = compare(database, self.manifest, self.settings, jobs=self.jobs, progress=self.say)
            # What a comparison of the schema is worth here, the first look has said.
            problems = tuple(problem for problem in compared.problems if counted.schema or "fingerprint" not in problem)
            proven = f"compared with the manifest: {', '.join(compared.proven)}, by checksums of all contents"
        if problems:
            raise RestoreFailedError(
                f"backup {self.backup.name} was restored, and is not what was backed up: {'; '.join(problems)}",
                hint="use another backup; `invoke db.verify-backup` tells which is good",
            )
        return Restored(
            database=database,
            backup=self.backup.name,
            tables=counted.tables,
            expected_tables=len(self.manifest.contents.tables),
            rows=counted.rows,
            proven=proven,
            notes=notes,
        )

    def _load_archive(self, database: Database, plan: Preflight) -> None:
        from seachange.backup.granting import give_to_roles
        from seachange.backup.load import Archive, load_archive

        archive = Archive(path=self.archive, made_by=self.manifest.client_version)
        total = f"{self.manifest.contents.size_bytes / 1024**2:.1f} MB"
        load_archive(
            archive,
            self.settings,
            database=database,
            options=plan.options if plan.roles.owners or not plan.roles.plain else (*plan.options, "--no-owner"),
            with_roles=plan.roles.plain,
            jobs=self.jobs,
            progress=lambda size: self.say(f"{size / 1024**2:.1f} of about {total}"),
        )
        if not plan.roles.plain:
            self.say("giving back owners and privileges")
            give_to_roles(database, archive, self.settings, roles=plan.roles)

    def _give_properties(self, database: Database, plan: Preflight, *, instead_of: str = "") -> tuple[str, ...]:
        from seachange.backup.properties import apply_properties
        from seachange.postgres.connection import maintenance

        contents = self.manifest.contents
        with maintenance(database) as session:
            return apply_properties(session, database.name, contents, roles=plan.roles, instead_of=instead_of)

    def _replace(self, database: Database, old_name: str, *, name: str, now: datetime.datetime) -> Database:
        from seachange.backup.target import dated, rename, swap

        try:
            return swap(database, name, old_name=old_name)
        except RestoreFailedError as exc:
            kept = rename(database, dated(name, "restored", now))
            raise RestoreFailedError(f"{exc.message}; what was restored is kept as {kept.name!r}", hint=exc.hint) from exc


def _jobs(manifest: Manifest) -> int:
    # Not one: with two and more pg_restore keeps the order of the rows, which a comparison of contents needs.
    return 2 if manifest.size_bytes < _SMALL_BYTES else max(2, min(4, os.cpu_count() or 1))
