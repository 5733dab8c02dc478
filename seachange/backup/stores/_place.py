"""A folder of a remote file system: what lies in it, and the requests that backups need, each tried again where that helps."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seachange.backup.stores._address import open_filesystem, require_plain
from seachange.backup.stores._faults import Patience
from seachange.backup.stores._parallel import Tally
from seachange.config import Settings

__all__ = ["PART_BYTES", "Place"]

# S3 takes parts of 5 MiB at least, 10,000 of them at most; a file smaller than two parts goes in one request.
PART_BYTES = 8 * 1024**2
_MOST_PARTS = 9_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A folder of a remote file system, by its URL."""

    url: str
    settings: Settings = dataclasses.field(repr=False)
    part_bytes: int = PART_BYTES
    patience: Patience = dataclasses.field(default_factory=Patience)

    @classmethod
    def of(cls, settings: Settings, *, part_bytes: int = PART_BYTES) -> Place:
        """Return the place that ``backup_dir`` names; nothing is connected yet.

        :raises ConfigError: the URL is not one that backups can go to.
        """
        patience = Patience(timeout_s=settings.migration_timeout / 1000)
        return cls(url=require_plain(settings.backup_dir), settings=settings, part_bytes=part_bytes, patience=patience)

    @functools.cached_property
    def filesystem(self) -> Any:
        """The file system, opened at its first use."""
        return open_filesystem(self.url, self.settings)

    @functools.cached_property
    def root(self) -> str:
        """The folder as the file system calls it."""
        root: str = self.filesystem._strip_protocol(self.url)
        return root.rstrip("/")

    @property
    def is_s3(self) -> bool:
        """Whether it speaks S3, with its multipart uploads and digests."""
        return self.url.partition("://")[0] in ("s3", "s3a")

    def files(self, below: str = "") -> Mapping[str, int]:
        """Return the size of each file below a folder, by its path in the place; never from a cache.

        :param below: a folder of the place, the whole of it by default.
        """
        top = f"{self.root}/{below}".rstrip("/")
        what = "looking for backups" if not below else "looking at a backup"
        found = self._do(lambda: self._found(top), what)
        return {path[len(self.root) + 1 :]: size for path, size in found.items()}

    def _found(self, top: str) -> dict[str, int]:
        self.filesystem.invalidate_cache()
        try:
            found = self.filesystem.find(top, detail=True)
        except FileNotFoundError:
            if self.is_s3:
                # Only a missing bucket is an error there; elsewhere a folder is made with the first file in it.
                raise
            return {}
        return {path: entry["size"] or 0 for path, entry in found.items() if entry.get("type") != "directory" and path != top}

    def read(self, path: str) -> bytes:
        """Return the contents of a small file."""
        data: bytes = self._do(lambda: self.filesystem.cat_file(f"{self.root}/{path}"), f"reading {path}")
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a small file, whole or not at all."""
        self._do(lambda: self.filesystem.pipe_file(f"{self.root}/{path}", data), f"writing {path}")

    def changed(self, path: str) -> datetime.datetime | None:
        """Return when a file was written, by the clock of the server; None when it is gone."""
        try:
            self.filesystem.invalidate_cache()
            at: datetime.datetime = self.filesystem.modified(f"{self.root}/{path}")
        except FileNotFoundError:
            return None
        return at if at.tzinfo else at.replace(tzinfo=datetime.UTC)

    def upload(self, source: Path, path: str, *, sha256: str, tally: Tally, side_by_side: int = 4) -> None:
        """Upload a file in parts; the server checks the digest where it can, which is where one request suffices.

        :param source: a local file.
        :param path: where to, in the place.
        :param sha256: its digest, as hexadecimal digits.
        :param tally: told how much is done.
        :param side_by_side: parts at a time.
        """
        size = source.stat().st_size
        options = self._transfer_options(size, side_by_side)
        if self.is_s3 and size < 2 * options["chunksize"] and self._checks_digests:
            import base64

            options["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        target = f"{self.root}/{path}"
        self._do(
            lambda: self.filesystem.put_file(str(source), target, callback=self._watched(path, tally), **options),
            f"uploading {path}",
            tally=tally,
        )

    def download(self, path: str, target: Path, *, size: int, tally: Tally) -> None:
        """Download a file into one that is there, over what it holds.

        :param path: in the place.
        :param target: a local file.
        :param size: its size.
        :param tally: told how much is done.
        """
        options = self._transfer_options(size, 2) if self.is_s3 else {}
        source = f"{self.root}/{path}"
        self._do(
            lambda: self.filesystem.get_file(source, str(target), callback=self._watched(path, tally), **options),
            f"downloading {path}",
            tally=tally,
        )

    def open(self, path: str) -> Any:
        """Return a file to read from, in blocks."""
        return self._do(lambda: self.filesystem.open(f"{self.root}/{path}", "rb", block_size=self.part_bytes), f"reading {path}")

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files; those that are gone already are fine."""
        for path in paths:
            self._do(lambda path=path: self._remove(f"{self.root}/{path}"), f"removing {path}")  # type: ignore[misc]

    def remove_below(self, folder: str) -> None:
        """Remove all files below a folder, many at a time."""
        paths = [f"{self.root}/{path}" for path in self.files(folder)]
        if paths:
            self._do(lambda: self.filesystem.rm(paths), f"removing {folder}")

    def abort_uploads(self, folder: str) -> int:
        """End the multipart uploads into a folder that nobody completed; their parts are paid for, and listed nowhere else.

        :param folder: a folder of the place.
        :returns: how many there were.
        """
        if not self.is_s3:
            return 0
        bucket, _, prefix = f"{self.root}/{folder}/".partition("/")
        call = self.filesystem.call_s3
        found = self._do(
            lambda: call("list_multipart_uploads", Bucket=bucket, Prefix=prefix), f"looking for uploads into {folder}"
        )
        uploads = found.get("Uploads") or ()
        for upload in uploads:
            ended = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            self._do(lambda ended=ended: call("abort_multipart_upload", **ended), f"ending an upload into {folder}")  # type: ignore[misc]
        return len(uploads)

    @property
    def _checks_digests(self) -> bool:
        # The switch of AWS's own libraries for servers that know no digests.
        return self.settings.environment.get("AWS_REQUEST_CHECKSUM_CALCULATION", "").lower() != "when_required"

    def _transfer_options(self, size: int, side_by_side: int) -> dict[str, Any]:
        part = max(self.part_bytes, math.ceil(size / _MOST_PARTS))
        protocol = self.url.partition("://")[0]
        if self.is_s3:
            return {"chunksize": part, "max_concurrency": side_by_side}
        if protocol in ("gs", "gcs"):
            # Pieces of a resumable upload are multiples of 256 KiB.
            return {"chunksize": math.ceil(part / 2**18) * 2**18}
        if protocol in ("az", "abfs", "abfss"):
            return {"overwrite": True, "max_concurrency": side_by_side}
        return {}

    def _remove(self, path: str) -> None:
        try:
            self.filesystem.rm_file(path)
        except FileNotFoundError:
            return

    @staticmethod
    def _watched(path: str, tally: Tally) -> Any:
        from fsspec.callbacks import Callback

        def watch(_size: int | None, value: int, **_: object) -> None:
            tally.note(path, value)

        tally.check()
        return Callback(hooks={"watch": watch})

    def _do(self, action: Callable[[], Any], what: str, *, tally: Tally | None = None) -> Any:
        limit_s = self.settings.stall_timeout / 1000
        moving = None if tally is None else lambda: tally.idle_s() < limit_s
        return self.patience.do(action, what=what, url=self.url, moving=moving)
