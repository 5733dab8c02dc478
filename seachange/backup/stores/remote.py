"""Backups at a URL: made here, uploaded file by file with the manifest last, fetched when they are needed."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from seachange.backup.files import FULL, disk_error, free_bytes, full_disk, open_new
from seachange.backup.manifest import MANIFEST_NAME, BackupFile, Manifest, describe_file, parse_manifest
from seachange.backup.stores._claims import BEAT_S, STALE_S, Claim, claimed, discard, sweep
from seachange.backup.stores._parallel import Tally, in_parallel
from seachange.backup.stores._place import PART_BYTES, Place
from seachange.backup.stores.local import private_folder
from seachange.backup.stores.protocol import Progress
from seachange.backup.verification import VERIFICATION_NAME, parse_verification
from seachange.backup.verify import NAME, Backup, newest_first, with_problems
from seachange.config import Settings
from seachange.errors import BackupInvalidError, SeachangeError, StoreFailedError
from seachange.postgres import interrupt

__all__ = ["RemoteStore"]

log = logging.getLogger(__name__)

_THREADS = 4
_PARTS_AT_A_TIME = 8
_MANIFEST_LIMIT = 64 * 1024**2
_CLEANING_S = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoteStore:
    """A folder in a bucket, or of another file system that fsspec knows.

    A backup is there when its manifest is: it is uploaded last and removed first.
    """

    place: Place
    settings: Settings = dataclasses.field(repr=False)
    beat_s: float = BEAT_S
    stale_s: float = STALE_S

    @classmethod
    def of(cls, settings: Settings, *, part_bytes: int = PART_BYTES, stale_s: float = STALE_S) -> RemoteStore:
        """Return the store at the URL that the settings name; nothing is connected yet.

        :param settings: the settings.
        :param part_bytes: size of the parts of large files.
        :param stale_s: how old a marker is whose owner is gone.
        :raises ConfigError: backups cannot go to this URL.
        """
        return cls(place=Place.of(settings, part_bytes=part_bytes), settings=settings, stale_s=stale_s)

    @property
    def location(self) -> str:
        """The URL."""
        return self.place.url

    def staging(self) -> Path:
        """Return the project's own folder, where a backup is put together and fetched ones are kept for a while.

        :raises NotWritableError: it cannot be made.
        """
        try:
            return self.settings.make_state_dir()
        except OSError as exc:
            raise disk_error(exc, self.settings.state_dir) from exc

    def list(self, *, digests: bool = False) -> tuple[Backup, ...]:
        """Return the backups that are there, newest first; what has no manifest is none."""
        files = self.place.files()
        names = sorted(path.partition("/")[0] for path in files if path.endswith(f"/{MANIFEST_NAME}") and path.count("/") == 1)
        found: dict[str, Backup] = {}
        jobs = [functools.partial(self._describe, name, files, found, digests=digests) for name in names if NAME.fullmatch(name)]
        in_parallel(jobs, threads=_THREADS * 2, tally=Tally("reading", total=0, say=None))
        return newest_first(found.values())

    @contextlib.contextmanager
    def staged(self) -> Iterator[Path]:
        """Make a private folder on this machine."""
        sweep(self.place, stale_s=self.stale_s)
        with self.scratch() as path:
            yield path

    def scratch(self) -> contextlib.AbstractContextManager[Path]:
        """Make a private folder on this machine, without a look at the URL."""
        return private_folder(self.staging())

    def publish(self, partial: Path, name: str, *, progress: Progress | None = None) -> Backup:
        """Upload the folder, compare sizes with what arrived, upload the manifest.

        :raises StoreFailedError: it did not arrive; what did was removed, or is by the next run.
        """
        manifest = parse_manifest((partial / MANIFEST_NAME).read_bytes(), path=partial / MANIFEST_NAME)
        with claimed(self.place, name, beat_s=self.beat_s) as claim:
            try:
                self._upload(partial, claim.name, manifest, progress=progress)
            except BaseException:
                self._clean_up(claim)
                raise
        return self._read(claim.name, self.place.files(claim.name))

    @contextlib.contextmanager
    def fetched(self, backup: Backup, *, files: Collection[str] | None = None) -> Iterator[Path]:
        """Download the manifest and the files of a backup into a private folder, which is removed at the end of the block.

        :raises BackupInvalidError: a file is gone, or of another size.
        :raises OutOfDiskError: they do not fit on the disk.
        """
        wanted = [file for file in (backup.manifest.files if backup.manifest else ()) if files is None or file.path in files]
        staging = self.staging()
        needed = sum(file.size_bytes for file in wanted)
        if free_bytes(staging) < needed:
            raise full_disk(staging, needed=needed)
        with self.scratch() as scratch:
            # Under its own name, which messages about what was fetched show.
            folder = scratch / backup.name
            try:
                folder.mkdir(mode=0o700)
                self._download(backup, wanted, folder)
            except OSError as exc:
                raise disk_error(exc, folder) from exc
            yield folder

    def remove(self, backup: Backup) -> bool:
        """Remove a backup, its manifest first; a marker tells the next run what is left to remove after a crash."""
        if not self.place.files(backup.name):
            return False
        with claimed(self.place, backup.name, fresh=False, beat_s=self.beat_s):
            discard(self.place, backup.name)
            left = self.place.files(backup.name)
            if left:
                raise StoreFailedError(
                    f"{len(left)} files of {backup.location} could not be removed, such as {min(left)}",
                    hint="allow this user to delete objects there (s3:DeleteObject)",
                )
        return True

    def write_verification(self, backup: Backup, text: str) -> None:
        """Put the record beside the manifest, in place of the one that is there."""
        self.place.write(f"{backup.name}/{VERIFICATION_NAME}", text.encode())

    def _describe(self, name: str, files: Mapping[str, int], found: dict[str, Backup], *, digests: bool) -> None:
        backup = self._read(name, files)
        if digests and backup.manifest and not backup.problems:
            backup = with_problems(backup, self._changed(backup, backup.manifest))
        found[name] = backup

    def _read(self, name: str, files: Mapping[str, int]) -> Backup:
        url, path = f"{self.place.url}/{name}", f"{name}/{MANIFEST_NAME}"
        if files.get(path, 0) > _MANIFEST_LIMIT:
            return Backup(
                path=Path(name), remote=url, manifest=None, problems=(f"{url}/{MANIFEST_NAME} is no manifest: too large",)
            )
        text = self.place.read(path)
        try:
            manifest = parse_manifest(text, path=f"{url}/{MANIFEST_NAME}")
        except BackupInvalidError as exc:
            return Backup(path=Path(name), remote=url, manifest=None, problems=(exc.message,))
        digest = hashlib.sha256(text).hexdigest()
        record = self.place.read(f"{name}/{VERIFICATION_NAME}") if f"{name}/{VERIFICATION_NAME}" in files else b""
        verification = parse_verification(record, manifest_sha256=digest) if record else None
        backup = Backup(path=Path(name), remote=url, manifest=manifest, manifest_sha256=digest, verification=verification)
        return with_problems(backup, _differences(manifest.files, files, url=url))

    def _changed(self, backup: Backup, manifest: Manifest) -> tuple[str, ...]:
        problems = []
        for file in manifest.files:
            with self.place.open(f"{backup.name}/{file.path}") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
                    problems.append(f"{backup.location}/{file.path} does not match its digest")
        return tuple(problems)

    def _upload(self, partial: Path, name: str, manifest: Manifest, *, progress: Progress | None) -> None:
        tally = Tally("uploading", total=manifest.size_bytes, say=progress)
        side_by_side = max(2, _PARTS_AT_A_TIME // min(_THREADS, len(manifest.files)))

        def job(file: BackupFile) -> Callable[[], None]:
            target = f"{name}/{file.path}"
            return functools.partial(
                self.place.upload, partial / file.path, target, sha256=file.sha256, tally=tally, side_by_side=side_by_side
            )

        in_parallel([job(file) for file in manifest.files], threads=_THREADS, tally=tally)
        self._require_arrived(name, manifest.files)
        own = describe_file(partial, MANIFEST_NAME)
        in_parallel([job(own)], threads=1, tally=tally)
        self._require_arrived(name, (own,))

    def _require_arrived(self, name: str, files: Collection[BackupFile]) -> None:
        problems = _differences(files, self.place.files(name), url=f"{self.place.url}/{name}")
        if problems:
            raise StoreFailedError(f"the upload did not arrive whole: {'; '.join(problems[:3])}", hint="try again")

    def _clean_up(self, claim: Claim) -> None:
        """Remove what was uploaded, but do not wait long for a server that may be gone; the marker stays for the next run."""

        def work() -> None:
            with interrupt.shielded():
                try:
                    discard(self.place, claim.name)
                    self.place.remove([claim.marker])
                except SeachangeError as exc:
                    log.warning("what was uploaded of %s is left for the next run to remove: %s", claim.name, exc)

        worker = threading.Thread(target=work, daemon=True, name="clean-up")
        worker.start()
        worker.join(_CLEANING_S)

    def _download(self, backup: Backup, files: Collection[BackupFile], folder: Path) -> None:
        tally = Tally("downloading", total=sum(file.size_bytes for file in files), say=None)
        text = self.place.read(f"{backup.name}/{MANIFEST_NAME}")
        if hashlib.sha256(text).hexdigest() != backup.manifest_sha256:
            raise BackupInvalidError(f"backup {backup.name} was changed since it was listed", hint="use another backup")
        with open_new(folder / MANIFEST_NAME) as file:
            file.write(text)
        jobs = [functools.partial(self._download_file, file, name=backup.name, folder=folder, tally=tally) for file in files]
        in_parallel(jobs, threads=_THREADS, tally=tally)

    def _download_file(self, file: BackupFile, *, name: str, folder: Path, tally: Tally) -> None:
        target = folder / file.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        open_new(target).close()
        try:
            self.place.download(f"{name}/{file.path}", target, size=file.size_bytes, tally=tally)
        except StoreFailedError as exc:
            if isinstance(exc.__cause__, FileNotFoundError):
                raise BackupInvalidError(
                    f"{self.place.url}/{name}/{file.path} is missing", hint="`invoke db.backups` lists the others"
                ) from exc
            if isinstance(exc.__cause__, OSError) and exc.__cause__.errno in FULL:
                raise disk_error(exc.__cause__, folder) from exc
            raise


def _differences(files: Collection[BackupFile], found: Mapping[str, int], *, url: str) -> tuple[str, ...]:
    name, problems = url.rpartition("/")[2], []
    for file in files:
        size = found.get(f"{name}/{file.path}")
        if size is None:
            problems.append(f"{url}/{file.path} is missing")
        elif size != file.size_bytes:
            problems.append(f"{url}/{file.path} has {size} bytes instead of {file.size_bytes}")
    return tuple(problems)
