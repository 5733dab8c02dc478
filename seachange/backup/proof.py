"""Verification of a backup: restored on a throwaway server and compared, or its files only; the result is put beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seachange import __version__
from seachange.backup.cluster import read_cluster
from seachange.backup.comparison import Comparison, compare, is_part
from seachange.backup.copies import Copy, Mask, jobs_of, restored_copy
from seachange.backup.manifest import MANIFEST_NAME, Manifest
from seachange.backup.store import fetched, store_of
from seachange.backup.verification import Method, Verification, is_record, supersedes
from seachange.backup.verify import NAME, Backup, check_files
from seachange.config import Settings
from seachange.errors import (
    BackupInvalidError,
    CopyImpossibleError,
    InterruptedRunError,
    ProgramFailedError,
    RestoreFailedError,
    SeachangeError,
)

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["LESS", "verified_copy", "verify_backup"]

log = logging.getLogger(__name__)

LESS = "only digests and the table of contents were looked at: whether it can be restored, nobody has tried"

# What a server says when the machine, and not the backup, is at fault.
_MACHINE = re.compile(
    r"No space left|could not extend file|out of memory|could not load library|could not access file|shared_preload_libraries"
    r"|extension control file|extension \S+ is not available|has no installation script|server closed the connection"
    r"|terminating connection|the database system is|out of shared memory|could not resize shared memory"
)
_NAMED = 20


def verify_backup(
    backup: Backup,
    settings: Settings,
    *,
    fast: bool = False,
    keep: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Verification:
    """Verify a backup and record the result beside its manifest.

    :param backup: the backup.
    :param settings: where programs come from, how many connections to use, how long to wait.
    :param fast: look at the digests of files and at the table of contents only.
    :param keep: keep what was restored for the next rehearsal, with ``rehearsal_mask`` applied once it was compared.
    :param progress: told what is being done.
    :returns: what was found; ``ok`` tells whether the backup is good.
    :raises SeachangeError: it could not be verified here, which is recorded as well, and says nothing about the backup.
    """
    method: Method = "fast" if fast else "restore"
    if backup.manifest is None:
        return _record(backup, method, ok=False, problems=backup.problems)
    attempt = _Attempt(backup=backup, manifest=backup.manifest, settings=settings, method=method, say=progress or _ignore)
    try:
        with attempt.recorded(), fetched(backup, settings) as here:
            if fast:
                return attempt.files(here)
            return attempt.started(here) if here.physical else attempt.restored(here, keep=keep)
    except BackupInvalidError as exc:
        return attempt.result(ok=False, problems=(exc.message,))


@contextlib.contextmanager
def verified_copy(
    backup: Backup, settings: Settings, *, mask: Mask = (), progress: Callable[[str], None] | None = None
) -> Iterator[Copy]:
    """Have a restored copy of a backup for the length of the block; one that nobody verified yet is verified by it.

    :param backup: the backup.
    :param settings: as for :func:`verify_backup`.
    :param mask: as for :func:`seachange.backup.copies.restored_copy`.
    :param progress: told what is being done.
    :raises BackupInvalidError: it is not what its manifest says; that is recorded.
    :raises SeachangeError: there can be no copy here.
    """
    with contextlib.ExitStack() as stack:
        if backup.verified or backup.manifest is None:
            yield stack.enter_context(restored_copy(backup, settings, mask=mask, progress=progress))
            return
        attempt = _Attempt(backup=backup, manifest=backup.manifest, settings=settings, method="restore", say=progress or _ignore)
        with attempt.recorded():
            here = stack.enter_context(fetched(backup, settings))
            copy, found = attempt.copied(stack, here, mask=mask)
        yield dataclasses.replace(copy, backup=dataclasses.replace(backup, verification=found))


def _ignore(_text: str) -> None:
    """Tell nobody."""


def _record(backup: Backup, method: Method, *, ok: bool | None, problems: tuple[str, ...]) -> Verification:
    return Verification(
        at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        method=method,
        ok=ok,
        problems=problems,
        tool_version=__version__,
        manifest_sha256=backup.manifest_sha256,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One verification under way."""

    backup: Backup
    manifest: Manifest
    settings: Settings
    method: Method
    say: Callable[[str], None]
    began: float = dataclasses.field(default_factory=time.monotonic)

    def result(
        self,
        *,
        ok: bool | None,
        problems: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        comparison: Comparison | None = None,
        server_version: str = "",
    ) -> Verification:
        """Return the record of what was found, after having put it beside the manifest."""
        compared = comparison or Comparison()
        made = dataclasses.replace(
            _record(self.backup, self.method, ok=ok, problems=problems),
            notes=notes,
            proven=compared.proven,
            tables=compared.tables,
            rows=compared.rows,
            duration_s=round(time.monotonic() - self.began, 3),
            server_version=server_version,
        )
        log.info("verification of %s: %s", self.backup.name, made.to_dict())
        if not supersedes(made, self.backup.verification):
            return made
        try:
            store_of(self.backup, self.settings).write_verification(self.backup, made.to_json())
        except SeachangeError as exc:
            return dataclasses.replace(made, notes=(*made.notes, f"this is not recorded beside the backup: {exc.message}"))
        return made

    @contextlib.contextmanager
    def recorded(self) -> Iterator[None]:
        """Record that the verification could not be done when the block fails; what was found is recorded already."""
        try:
            yield
        except (InterruptedRunError, BackupInvalidError):
            raise
        except SeachangeError as exc:
            self.result(ok=None, problems=(exc.message,))
            raise

    def files(self, here: Backup) -> Verification:
        """Look at the files only."""
        self.say("reading every file")
        problems = (*_wrong_files(here, self.manifest), *_extra_files(here, self.manifest))
        if not problems and not self.manifest.encryption and not here.physical:
            problems = _unlistable(here, self.manifest, self.settings)
        return self.result(ok=not problems, problems=problems, notes=(LESS,))

    def started(self, here: Backup) -> Verification:
        """Start a server on a physical backup and read all that is in it."""
        comparison, version = read_cluster(here, self.settings, progress=self.say)
        problems = (*comparison.problems, *_extra_files(here, self.manifest))
        return self.result(ok=not problems, problems=problems, comparison=comparison, server_version=version)

    def restored(self, here: Backup, *, keep: bool) -> Verification:
        """Restore it, compare it, and let go of the server."""
        opened, found = self._copy(here, mask=self.settings.rehearsal_mask if keep else (), keep=keep, read_only=True)
        with contextlib.ExitStack() as stack:
            return self._tried(stack, opened, here=here, found=found)[1]

    def copied(self, stack: contextlib.ExitStack, here: Backup, *, mask: Mask) -> tuple[Copy, Verification]:
        """Restore it, compare it, and keep the server as long as ``stack`` is open."""
        opened, found = self._copy(here, mask=mask, keep=True, read_only=False)
        copy, verification = self._tried(stack, opened, here=here, found=found)
        if copy is None or verification.ok is False:
            raise BackupInvalidError(
                f"backup {self.backup.name} is damaged: {'; '.join(verification.problems)}",
                hint="`invoke db.backups` lists the others, `invoke db.backup` makes a new one",
            )
        return copy, verification

    def _copy(
        self, here: Backup, *, mask: Mask, keep: bool, read_only: bool
    ) -> tuple[contextlib.AbstractContextManager[Copy], list[Comparison]]:
        found: list[Comparison] = []

        def look(database: Database) -> None:
            found.append(compare(database, self.manifest, self.settings, jobs=jobs_of(self.settings), progress=self.say))

        opened = restored_copy(here, self.settings, mask=mask, keep=keep, look=look, read_only=read_only, progress=self.say)
        return opened, found

    def _tried(
        self,
        stack: contextlib.ExitStack,
        opened: contextlib.AbstractContextManager[Copy],
        *,
        here: Backup,
        found: list[Comparison],
    ) -> tuple[Copy | None, Verification]:
        extra = _extra_files(here, self.manifest)
        try:
            copy = stack.enter_context(opened)
        except BackupInvalidError as exc:
            wrong = _wrong_files(here, self.manifest) or (exc.message,)
            return None, self.result(ok=False, problems=(*wrong, *extra))
        except RestoreFailedError as exc:
            if _MACHINE.search(exc.message):
                raise CopyImpossibleError(exc.message, hint=exc.hint) from exc
            if is_part(self.manifest):
                raise CopyImpossibleError(
                    f"a part of a database cannot always be restored by itself: {exc.message}",
                    hint="back up the whole database, or select what the part refers to as well",
                ) from exc
            return None, self.result(ok=False, problems=(exc.message, *extra))
        problems = (*found[0].problems, *extra)
        notes = (*found[0].notes, *copy.notes)
        version = copy.server.installation.version if copy.server.installation else str(copy.server.major)
        return copy, self.result(ok=not problems, problems=problems, notes=notes, comparison=found[0], server_version=version)


def _wrong_files(backup: Backup, manifest: Manifest) -> tuple[str, ...]:
    problems = check_files(backup, digests=True)
    name = NAME.fullmatch(backup.name)
    if problems and name and name[1] != f"{manifest.started.astimezone(datetime.UTC):%Y%m%dT%H%M%SZ}":
        began = f"{manifest.started:%Y-%m-%d %H:%M:%S}"
        problems = (f"{MANIFEST_NAME} is that of another backup, of {manifest.database} at {began}", *problems)
    return problems


def _extra_files(backup: Backup, manifest: Manifest) -> tuple[str, ...]:
    known = {MANIFEST_NAME, *(file.path for file in manifest.files)}
    found = []
    for folder, _, names in os.walk(backup.path):
        for name in names:
            path = os.path.relpath(Path(folder, name), backup.path)
            if path not in known and not is_record(path):
                found.append(path)
    sentences = [f"{backup.location}/{path} is not in the manifest" for path in sorted(found)]
    more = len(sentences) - _NAMED
    return (*sentences[:_NAMED], *([f"and {more} more files that are not in the manifest"] if more > 0 else []))


def _unlistable(backup: Backup, manifest: Manifest, settings: Settings) -> tuple[str, ...]:
    from seachange.postgres import binaries
    from seachange.postgres.programs import run

    contents = next((Path(file.path) for file in manifest.files if Path(file.path).name.startswith("toc.dat")), None)
    archive = backup.path / (contents.parent if contents else manifest.files[0].path)
    found = re.match(r"\d+", manifest.client_version)
    # An archive is read by pg_restore of the version that wrote it, or a newer one.
    program = binaries.client(settings, "pg_restore", major=int(found[0]) if found else 0)
    try:
        run(program, ["--list", str(archive)])
    except ProgramFailedError as exc:
        return (f"{archive} has no table of contents: {exc.message}",)
    return ()
