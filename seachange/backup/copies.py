"""A backup restored on a throwaway server, as like its origin as this machine allows, and kept for the next time."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.backup.surroundings import give_session, make_roles, require_extensions
from seachange.backup.verify import Backup
from seachange.config import Settings
from seachange.errors import BackupInvalidError, CopyImpossibleError, OutOfDiskError

if TYPE_CHECKING:
    from seachange.backup.manifest import Manifest
    from seachange.postgres.connection import Database
    from seachange.postgres.kept_server import Recipe
    from seachange.postgres.server import Server

__all__ = ["CACHE_NAME", "Copy", "Look", "Mask", "jobs_of", "restored_copy"]

log = logging.getLogger(__name__)

CACHE_NAME = "rehearsals"

Mask = tuple[tuple[str, str], ...]
Look = Callable[["Database"], None]

# Raise it when copies are made in another way.
_FORMAT = 1
_LARGE_BYTES = 256 * 1024**2
_RESERVED = ("postgres", "template0", "template1")
_FACTS = "seachange_copy.json"
_MB = 1024**2

# Measured: a restore into a throwaway takes 14.0 s instead of 19.8; no checkpoint and hardly any log on the way.
_RESTORING = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    "maintenance_work_mem": "256MB",
}
_RESTORING_LARGE = {"shared_buffers": "512MB"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Copy:
    """A restored database on a server of its own.

    ``hit`` says that it was restored before and only copied now, ``seconds`` how long it took; ``notes`` say in which ways it
    is not like its origin.
    """

    database: Database
    server: Server
    backup: Backup
    hit: bool
    seconds: float
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def restored_copy(
    backup: Backup,
    settings: Settings,
    *,
    mask: Mask = (),
    keep: bool = True,
    look: Look | None = None,
    read_only: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Copy]:
    """Have a backup restored on a throwaway server of its own major version for the length of the block.

    The data is restored once for each backup and mask, and then copied; ``rehearsal_keep`` copies stay in the cache. On a server
    that ``SEACHANGE_ADMIN_URL`` names it is restored every time.

    :param backup: the backup; its digests are verified before it is restored.
    :param settings: ``rehearsal_keep``, ``backup_jobs`` and where programs come from.
    :param mask: columns and the SQL expressions that replace them, before anything else sees the data or it is kept.
    :param keep: keep it for the next time.
    :param look: called with the database as it was restored, before the mask; with it, nothing is taken from the cache.
    :param read_only: the block only reads, so that new data needs not to be copied before it is used.
    :param progress: told what is being done.
    :returns: the copy.
    :raises BackupInvalidError: the backup is not what its manifest says.
    :raises CopyImpossibleError: this machine's servers lack something.
    :raises RestoreFailedError: the server refused the backup.
    :raises BinaryNotFoundError: there is no server of that version.
    :raises OutOfDiskError: there is no room for it.
    """
    if backup.manifest is None:
        raise BackupInvalidError(f"backup {backup.name} is damaged: {'; '.join(backup.problems)}", hint="use another backup")
    if backup.physical:
        raise CopyImpossibleError(
            f"backup {backup.name} is of a whole cluster, and copies are made of dumps", hint="`invoke db.backup` makes a dump"
        )
    from seachange.postgres.server import lent_server

    begin = time.monotonic()
    work = _Work(backup=backup, manifest=backup.manifest, settings=settings, mask=mask, look=look, say=progress or _ignore)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(lent_server(settings, work.major))
        if server:
            yield stack.enter_context(work.lent(server, begin))
        else:
            yield work.own(stack, begin=begin, keep=keep, read_only=read_only)


def jobs_of(settings: Settings) -> int:
    """Return how many connections read or write a copy.

    :param settings: ``backup_jobs`` counts.
    """
    return settings.backup_jobs or min(4, os.cpu_count() or 1)


def _ignore(_text: str) -> None:
    """Tell nobody."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Work:
    """One copy in the making; ``planned`` when statements are to be planned on it as on its origin, now or the next time."""

    backup: Backup
    manifest: Manifest
    settings: Settings
    mask: Mask
    look: Look | None
    say: Callable[[str], None]
    planned: bool = True

    @property
    def major(self) -> int:
        return self.manifest.server.version_number // 10_000

    @property
    def _name(self) -> str:
        name = self.manifest.database
        return f"{name}_copy" if name in _RESERVED else name

    def own(self, stack: contextlib.ExitStack, *, begin: float, keep: bool, read_only: bool) -> Copy:
        """Start a server of our own with the data from the cache, or restored."""
        from seachange.postgres.kept_server import KeptServers

        servers = KeptServers(
            settings=self.settings,
            name=CACHE_NAME,
            major=self.major,
            limit=self.settings.rehearsal_keep if keep else 0,
            large=self.manifest.contents.size_bytes >= _LARGE_BYTES,
        )
        self._require_room(servers.free_bytes())
        recipe = dataclasses.replace(self, planned=keep or not read_only)._recipe()
        opened = (
            servers.open_unchanged(recipe) if read_only else servers.open(recipe, options=self._options, fresh=bool(self.look))
        )
        kept = stack.enter_context(opened)
        return Copy(
            database=kept.server.database(self._name),
            server=kept.server,
            backup=self.backup,
            hit=kept.hit,
            seconds=time.monotonic() - begin,
            notes=_read_notes(kept.server),
        )

    def _require_room(self, free: int) -> None:
        needed = self.manifest.contents.size_bytes
        if needed >= _LARGE_BYTES and free < needed:
            raise OutOfDiskError(
                f"a copy of backup {self.backup.name} takes about {needed / _MB:,.0f} MB, and the disk of the cache has "
                f"{free / _MB:,.0f} MB left",
                hint="free space there, lower rehearsal_keep, or let SEACHANGE_CACHE_DIR name a folder on a larger disk",
            )

    @contextlib.contextmanager
    def lent(self, server: Server, begin: float) -> Iterator[Copy]:
        """Restore on a server that others use too; the roles that this made there are dropped at the end."""
        from seachange.postgres.connection import drop_database

        database = server.database("copy")
        with make_roles(server.database(), self.manifest, drop=lambda: drop_database(database, force=True)):
            notes = self._fill(server, database)
            yield Copy(
                database=database,
                server=server,
                backup=self.backup,
                hit=False,
                seconds=time.monotonic() - begin,
                notes=notes,
            )

    @property
    def _options(self) -> dict[str, str]:
        locks = self.manifest.contents.session.get("max_locks_per_transaction", "")
        return {"max_locks_per_transaction": locks} if locks.isdigit() else {}

    def _recipe(self) -> Recipe:
        from seachange.postgres.kept_server import Recipe

        large = self.manifest.contents.size_bytes >= _LARGE_BYTES
        return Recipe(
            key=json.dumps([_FORMAT, self.backup.manifest_sha256, sorted(self.mask)]),
            make=self._make,
            options={**_RESTORING, **(_RESTORING_LARGE if large else {}), **self._options},
        )

    def _make(self, server: Server) -> None:
        with make_roles(server.database(), self.manifest):
            notes = self._fill(server, server.database(self._name))
        if server.data_dir:
            (server.data_dir / _FACTS).write_text(json.dumps({"notes": notes}), encoding="utf-8")

    def _fill(self, server: Server, database: Database) -> tuple[str, ...]:
        from seachange.backup.masking import apply_mask
        from seachange.backup.restore import How, restore

        require_extensions(server, self.manifest)
        notes = give_session(server, database, self.manifest)
        done = restore(
            self.backup,
            self.settings,
            server=server.database(),
            target=database.name,
            # With one connection rows of uneven size change places, and with them the checksum of their table.
            how=How(jobs=max(2, jobs_of(self.settings)), check=self.look is None),
            progress=self.say,
        )
        if self.look:
            self.look(database)
            if self.planned:
                _analyze(database)
        masked = apply_mask(database, self.mask, progress=self.say) if self.mask else ()
        return (*notes, *done.notes, *(table.sentence for table in masked))


def _analyze(database: Database) -> None:
    from seachange.postgres.connection import connect

    # A dump carries no statistics, and a rehearsal is to be planned as its origin plans.
    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        session.execute("ANALYZE")


def _read_notes(server: Server) -> tuple[str, ...]:
    try:
        found: Mapping[str, list[str]] = json.loads((server.data_dir or Path()).joinpath(_FACTS).read_text(encoding="utf-8"))
        return tuple(found["notes"])
    except (OSError, ValueError, KeyError):
        return ()
