"""One backup on disk, and whether it is what its manifest says."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from seachange.backup.files import open_to_read
from seachange.backup.manifest import MANIFEST_NAME, Manifest, describe_file, parse_manifest
from seachange.backup.verification import Verification, read_verification
from seachange.errors import BackupInvalidError

__all__ = ["NAME", "Backup", "check_files", "newest_first", "read_backup", "verify_digests", "with_problems"]

NAME = re.compile(r"(\d{8}T\d{6}Z)-.+")

# A manifest lists every table; this is far beyond any real one, and bounds what a hostile one can make us read.
_NAMED = 20
_MANIFEST_LIMIT = 64 * 1024**2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backup:
    """One backup; ``problems`` says what is wrong with it, ``verification`` what the last look at it found.

    ``remote`` is the URL of a backup that is not on this machine; its files are at hand below ``path`` only while it is
    fetched, and ``path`` is not absolute otherwise.
    """

    path: Path
    manifest: Manifest | None
    problems: tuple[str, ...] = ()
    manifest_sha256: str = ""
    verification: Verification | None = None
    remote: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.remote.rpartition("/")[2] or self.path.name

    @property
    def location(self) -> str:
        """Where it is kept, as messages show it."""
        return self.remote or str(self.path)

    @property
    def status(self) -> Literal["verified", "complete", "damaged"]:
        """Whether it was restored and compared, or everything that the manifest promises is there, or not even that."""
        if self.problems:
            return "damaged"
        return "verified" if self.verified else "complete"

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong with it, as far as was looked."""
        return not self.problems

    @property
    def whole(self) -> bool:
        """Whether it is of all of a database, so that it can be a way back."""
        return self.manifest is None or self.manifest.scope == "database"

    @property
    def physical(self) -> bool:
        """Whether it is of a whole cluster, which no running server takes in."""
        return self.manifest is not None and self.manifest.physical is not None

    @property
    def verified(self) -> bool:
        """Whether it was restored with this manifest and was what that says, and nothing is known to be wrong since."""
        return self.complete and self.verification is not None and self.verification.proves

    @property
    def started(self) -> datetime.datetime:
        """When it was started; from its name where there is no manifest, 1970 where that tells nothing either."""
        if self.manifest:
            return self.manifest.started
        found = NAME.fullmatch(self.name)
        with contextlib.suppress(ValueError):
            if found:
                return datetime.datetime.strptime(found[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        return datetime.datetime.fromtimestamp(0, datetime.UTC)

    @property
    def database(self) -> str:
        """The database that was dumped."""
        return self.manifest.database if self.manifest else ""

    @property
    def revision(self) -> str:
        """The revision that the database was at."""
        return self.manifest.revision if self.manifest else ""

    @property
    def size_bytes(self) -> int:
        """The size of its files."""
        return self.manifest.size_bytes if self.manifest else 0

    def age_s(self, now: datetime.datetime) -> float:
        """Return its age in seconds; never negative, also when the clock went backwards."""
        return max(0.0, (now - self.started).total_seconds())

    def to_dict(self) -> dict[str, Any]:
        """Return what a list of backups shows, as JSON values."""
        return {
            "name": self.name,
            "path": self.location,
            "started": self.started.isoformat(timespec="seconds"),
            "database": self.database,
            "revision": self.revision,
            "size_bytes": self.size_bytes,
            "scope": self.manifest.scope if self.manifest else None,
            "status": self.status,
            "problems": list(self.problems),
            "verification": self.verification.to_dict() if self.verification else None,
        }


def read_backup(path: Path, *, digests: bool = False) -> Backup:
    """Return the backup in a folder, with what is wrong with it.

    :param path: the folder.
    :param digests: compare digests and not only sizes.
    """
    try:
        text = _manifest_text(path / MANIFEST_NAME)
        manifest = parse_manifest(text, path=path / MANIFEST_NAME)
    except BackupInvalidError as exc:
        return Backup(path=path, manifest=None, problems=(exc.message,))
    digest = hashlib.sha256(text).hexdigest()
    verification = read_verification(path, manifest_sha256=digest)
    backup = Backup(path=path, manifest=manifest, manifest_sha256=digest, verification=verification)
    return with_problems(backup, check_files(backup, digests=digests))


def with_problems(backup: Backup, problems: tuple[str, ...]) -> Backup:
    """Return a backup with what was found now, or else with what its last verification found.

    :param backup: the backup.
    :param problems: what was found now.
    """
    verification = backup.verification
    found_before = verification.problems if verification and verification.ok is False else ()
    return dataclasses.replace(backup, problems=problems or found_before)


def newest_first(backups: Iterable[Backup]) -> tuple[Backup, ...]:
    """Return backups in the order in which they were made, the last one first.

    :param backups: the backups of one store.
    """
    return tuple(sorted(backups, key=_age_order, reverse=True))


def _age_order(backup: Backup) -> tuple[float, str]:
    # Where the manifest cannot be read the time in the name stands in; sequences are milliseconds since 1970 or later.
    if backup.manifest:
        return backup.manifest.sequence, backup.name
    return backup.started.timestamp() * 1000, backup.name


def _manifest_text(path: Path) -> bytes:
    try:
        with open_to_read(path) as file:
            return file.read(_MANIFEST_LIMIT)
    except FileNotFoundError as exc:
        raise BackupInvalidError(f"{path} is missing", hint="use another backup") from exc
    except OSError as exc:
        raise BackupInvalidError(f"{path} cannot be read: {exc.strerror}", hint="use another backup") from exc


def check_files(backup: Backup, *, digests: bool) -> tuple[str, ...]:
    """Compare the files of a backup with its manifest; return a sentence for each that differs.

    :param backup: a backup with a manifest.
    :param digests: compare digests and not only sizes.
    """
    problems = []
    for expected in backup.manifest.files if backup.manifest else ():
        # A fetched backup is read here and named where it is kept.
        where = f"{backup.location}/{expected.path}"
        try:
            size = (backup.path / expected.path).stat(follow_symlinks=False).st_size
            if size != expected.size_bytes:
                problems.append(f"{where} has {size} bytes instead of {expected.size_bytes}")
            elif digests and describe_file(backup.path, expected.path).sha256 != expected.sha256:
                problems.append(f"{where} does not match its digest")
        except FileNotFoundError:
            problems.append(f"{where} is missing")
        except OSError as exc:
            problems.append(f"{where} cannot be read: {exc.strerror}")
    return tuple(problems)


def verify_digests(backup: Backup) -> None:
    """Read every file of a backup and compare it with the manifest.

    :param backup: the backup.
    :raises BackupInvalidError: a file is damaged, missing or unreadable; the message names it.
    """
    problems = check_files(backup, digests=True) if backup.manifest else backup.problems
    if problems:
        more = (f"and {len(problems) - _NAMED} more files",) if len(problems) > _NAMED else ()
        raise BackupInvalidError(
            f"backup {backup.name} is damaged: {'; '.join([*problems[:_NAMED], *more])}",
            hint="`invoke db.backups` lists the others",
        )
