"""Restore a backup: into a new database that gets its name when it is whole, never into one that holds anything."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seachange.backup.contents import read_tables
from seachange.backup.manifest import Manifest
from seachange.backup.preflight import preflight
from seachange.backup.store import fetched
from seachange.backup.verify import Backup, verify_digests
from seachange.config import Settings
from seachange.errors import BackupInvalidError, DatabaseExistsError, ReadOnlyServerError, RestoreFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Restored", "restore"]

log = logging.getLogger(__name__)

# Below this, starting more connections takes longer than they save.
_SMALL_BYTES = 16 * 1024**2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restore made.

    ``replaced`` is the name that an overwritten database has now, ``notes`` say what is not as it was.
    """

    database: Database
    backup: str
    tables: int
    expected_tables: int
    duration_s: float = 0.0
    replaced: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "database": self.database.name,
            "backup": self.backup,
            "tables": self.tables,
            "expected_tables": self.expected_tables,
            "duration_s": round(self.duration_s, 3),
            "replaced": self.replaced,
            "notes": list(self.notes),
        }


def restore(
    backup: Backup,
    settings: Settings,
    *,
    server: Database,
    target: str = "",
    create: bool = True,
    overwrite: bool = False,
    jobs: int = 0,
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
    :param jobs: how many connections to use; by size and processors by default.
    :param progress: told what is being done.
    :param clock: the time in UTC.
    :returns: what was made.
    :raises BackupInvalidError: a file of the backup is damaged; the message names it.
    :raises DatabaseExistsError: there is a database of that name, and ``overwrite`` was not given.
    :raises RestoreFailedError: the server lacks something, or refused something.
    """
    begin, now = time.monotonic(), clock()
    with _intact(backup, settings, progress or (lambda _text: None)) as (local, manifest):
        work = _Work(
            backup=local,
            manifest=manifest,
            settings=settings,
            server=server,
            jobs=jobs or _jobs(manifest),
            say=progress or (lambda _text: None),
        )
        made = work.make(target, now=now, overwrite=overwrite) if create else work.fill(target)
    log.info("backup %s restored into %s", backup.name, made.database.redacted)
    return dataclasses.replace(made, duration_s=time.monotonic() - begin)


@contextlib.contextmanager
def _intact(backup: Backup, settings: Settings, say: Callable[[str], None]) -> Iterator[tuple[Backup, Manifest]]:
    """Have a backup at hand and verify it; retention does not remove it for the length of the block."""
    if backup.remote:
        say(f"fetching {backup.name}")
    with fetched(backup, settings) as local:
        say(f"verifying {backup.name}")
        verify_digests(local)
        if local.manifest is None:
            raise BackupInvalidError(f"backup {backup.name} has no manifest", hint="use another backup")
        yield local, local.manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Work:
    """One restore under way."""

    backup: Backup
    manifest: Manifest
    settings: Settings
    server: Database
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
                    f"the database {name!r} exists", hint="choose another name, or overwrite it (the old one is kept)"
                )
            plan = preflight(session, self.manifest)
        with new_database(self.server, plan=plan, locale=self.manifest.contents.locale) as (database, locale_notes):
            result = self._load(database, options=plan.options)
            notes = (*plan.notes, *locale_notes, *self._give_properties(database, instead_of=name if replacing else ""))
            self.say(f"naming it {name}")
            old_name = dated(name, "before", now) if replacing else ""
            made = self._replace(database, name, now=now, old_name=old_name) if replacing else rename(database, name)
        return dataclasses.replace(result, database=made, replaced=old_name, notes=notes)

    def fill(self, name: str) -> Restored:
        """Restore into a database that is there and empty, in one transaction where that is possible."""
        from seachange.postgres.connection import connect

        database = self.server.with_name(name)
        with self._session(name) as session:
            plan = preflight(session, self.manifest)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            tables = read_tables(session)
        if tables:
            raise DatabaseExistsError(f"the database {name!r} has {len(tables)} tables", hint="name an empty database")
        result = self._load(database, options=plan.options)
        return dataclasses.replace(result, notes=(*plan.notes, *self._give_properties(database)))

    @contextlib.contextmanager
    def _session(self, name: str) -> Iterator[Session]:
        from seachange.postgres.connection import describe, maintenance

        with maintenance(self.server.with_name(name)) as session:
            if describe(session).read_only:
                raise ReadOnlyServerError(f"{name!r} cannot be restored: the server is read-only", hint="name the primary server")
            yield session

    def _load(self, database: Database, *, options: Sequence[str]) -> Restored:
        from seachange.backup.load import load_archive

        self.say(f"restoring {len(self.manifest.contents.tables)} tables")
        try:
            load_archive(
                self.backup.path / self.manifest.files[0].path,
                self.settings,
                database=database,
                made_by=self.manifest.client_version,
                options=options,
                jobs=self.jobs,
            )
        except RestoreFailedError as exc:
            raise RestoreFailedError(f"backup {self.backup.name} was not restored: {exc.message}", hint=exc.hint) from exc
        self.say("checking what was restored")
        tables = _check_restored(database, self.manifest)
        return Restored(
            database=database, backup=self.backup.name, tables=tables, expected_tables=len(self.manifest.contents.tables)
        )

    def _give_properties(self, database: Database, *, instead_of: str = "") -> tuple[str, ...]:
        from seachange.backup.properties import apply_properties
        from seachange.postgres.connection import maintenance

        with maintenance(database) as session:
            return apply_properties(session, database.name, self.manifest.contents, instead_of=instead_of)

    def _replace(self, database: Database, name: str, *, now: datetime.datetime, old_name: str) -> Database:
        from seachange.backup.target import dated, rename, swap

        try:
            return swap(database, name, old_name=old_name)
        except RestoreFailedError as exc:
            kept = rename(database, dated(name, "restored", now))
            raise RestoreFailedError(f"{exc.message}; what was restored is kept as {kept.name!r}", hint=exc.hint) from exc


def _jobs(manifest: Manifest) -> int:
    return 1 if manifest.size_bytes < _SMALL_BYTES else min(4, os.cpu_count() or 1)


def _check_restored(database: Database, manifest: Manifest) -> int:
    from seachange.postgres.connection import connect

    expected = manifest.contents.tables
    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        found = read_tables(session)
        missing = sorted(set(expected) - set(found))
        if missing:
            raise RestoreFailedError(
                f"{len(missing)} of {len(expected)} tables are missing after the restore: {', '.join(missing[:5])}",
                hint="use another backup",
            )
        # A dump carries no statistics, and without them the first queries are planned blindly.
        session.execute("ANALYZE")
    return len(found)
