"""One pass over each file of a dump: count, compress, encrypt, hash, and have it on disk; and the way back for pg_restore."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from seachange.backup.files import disk_error, free_bytes, full_disk, open_new, open_to_read, sync_file
from seachange.backup.manifest import BackupFile, Manifest
from seachange.backup.tally import Tally
from seachange.backup.verify import Backup
from seachange.config import Settings
from seachange.errors import BackupFailedError, BackupInvalidError
from seachange.postgres import interrupt

__all__ = ["ARCHIVE_NAMES", "COMPRESSION", "Sealed", "seal_file", "unsealed"]

# What pg_restore is given, by format: a file, or a folder.
ARCHIVE_NAMES = {"custom": "database.dump", "directory": "database"}
COMPRESSION = "isal:1"

_ENCRYPTED = ".age"
_BLOCK = 1024**2
# pg_dump ends the text of every table in a file so.
_TRAILER = b"\\.\n\n\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sealed:
    """A file as it lies in the backup now, and what it held before: the text of a table, or the bytes of anything else."""

    file: BackupFile
    tally: Tally
    raw_bytes: int


def seal_file(
    folder: Path,
    name: str,
    *,
    compress: bool = False,
    table: bool = False,
    recipients: Sequence[str] = (),
    check: Callable[[], None] = interrupt.check,
) -> Sealed:
    """Replace a file by what stays of it, on disk, or leave it as it is where nothing is to be changed; memory is bounded.

    :param folder: the folder of the backup.
    :param name: the file's path inside it; ``.gz`` is added by compression, ``.age`` by encryption.
    :param compress: write it as gzip, which pg_restore reads by itself.
    :param table: the file is the text of a table; what pg_dump puts behind it is not counted.
    :param recipients: public keys to encrypt to; none leaves it plain.
    :param check: called for every block; raises to stop.
    :raises OSError: a file cannot be read or written.
    :raises BackupFailedError: the file does not end as pg_dump ends it.
    """
    final = f"{name}{'.gz' if compress else ''}{_ENCRYPTED if recipients else ''}"
    tally, plain = Tally(), _Digest()
    with open_to_read(folder / name) as source:
        raw_bytes = os.fstat(source.fileno()).st_size
        text_bytes = raw_bytes - len(_TRAILER) if table else raw_bytes
        if table:
            _require_trailer(source, text_bytes, name)
        pieces = _blocks(source, _Counted(tally, text_bytes), check)
        pieces = plain.passing(_gzip(pieces) if compress else pieces)
        written = _written(pieces, folder / final, recipients) if final != name else _exhausted(pieces, source)
    if final != name:
        (folder / name).unlink()
    outer = written or plain
    file = BackupFile(path=final, size_bytes=outer.size, sha256=outer.hexdigest())
    if recipients:
        file = dataclasses.replace(file, plain_size_bytes=plain.size, plain_sha256=plain.hexdigest())
    return Sealed(file=file, tally=tally, raw_bytes=raw_bytes)


@contextlib.contextmanager
def unsealed(backup: Backup, settings: Settings) -> Iterator[Path]:
    """Yield what stock pg_restore reads: the archive of the backup itself, or a decrypted copy where it is encrypted.

    The copy is in a private folder under a temporary name, which is removed at the end of the block; what a killed run left of
    it is swept by the next backup.

    :param backup: a backup whose files are at hand.
    :param settings: ``backup_identity``, and where there is room for the copy.
    :raises BackupInvalidError: it is damaged, or of a format that pg_restore does not read.
    :raises DecryptionFailedError: the secret key is missing or another.
    :raises OutOfDiskError: there is no room for the copy.
    """
    manifest = backup.manifest
    if manifest is None or manifest.format not in ARCHIVE_NAMES:
        form = manifest.format if manifest else "unknown"
        raise BackupInvalidError(f"backup {backup.name} is in the format {form}, which pg_restore does not read")
    if not manifest.encryption:
        yield backup.path / ARCHIVE_NAMES[manifest.format]
        return
    from seachange.backup.stores import open_store

    store = open_store(settings)
    with store.scratch() as scratch:
        try:
            _decrypt(backup, manifest, scratch, settings=settings)
        except OSError as exc:
            raise disk_error(exc, store.staging()) from exc
        yield scratch / ARCHIVE_NAMES[manifest.format]


def _decrypt(backup: Backup, manifest: Manifest, scratch: Path, *, settings: Settings) -> None:
    from seachange.backup.encryption import decrypt_file, read_identities

    identities = read_identities(settings, recipients=manifest.encryption)
    needed = sum(file.plain_size_bytes or 0 for file in manifest.files)
    if free_bytes(scratch) < needed:
        raise full_disk(scratch.parent, needed=needed)
    for file in manifest.files:
        interrupt.check()
        target = scratch / file.path.removesuffix(_ENCRYPTED)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        decrypt_file(backup.path / file.path, target, identities, name=f"{backup.location}/{file.path}")


class _Digest:
    """The size and the SHA-256 of bytes that pass."""

    def __init__(self) -> None:
        self.size = 0
        self._sha256 = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.add(piece)
            yield piece

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


class _Counted:
    """A tally of the first bytes of a file only."""

    def __init__(self, tally: Tally, left: int) -> None:
        self._tally, self._left = tally, left

    def add(self, block: bytes) -> None:
        if self._left:
            self._tally.add(block[: self._left])
            self._left -= min(self._left, len(block))


class _Sink:
    """A file whose bytes are hashed on their way."""

    def __init__(self, file: BinaryIO, digest: _Digest) -> None:
        self._file, self._digest = file, digest

    def write(self, data: bytes) -> None:
        self._digest.add(data)
        self._file.write(data)


class _Pieces:
    """Pieces of any size as a file that is read in others."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._kept, self._at = pieces, b"", 0

    def read(self, size: int = -1) -> bytes:
        if self._at == len(self._kept):
            self._kept, self._at = next(self._pieces, b""), 0
        end = len(self._kept) if size < 0 else self._at + size
        data = self._kept[self._at : end]
        self._at += len(data)
        return data


def _require_trailer(source: BinaryIO, at: int, name: str) -> None:
    if at < 0 or os.pread(source.fileno(), len(_TRAILER), at) != _TRAILER:
        raise BackupFailedError(f"pg_dump ended without an error, and {name} has no end", hint="look at the server's log")


def _blocks(source: BinaryIO, counted: _Counted, check: Callable[[], None]) -> Iterator[bytes]:
    while block := source.read(_BLOCK):
        check()
        counted.add(block)
        yield block


def _gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    from isal import isal_zlib

    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS)
    for piece in pieces:
        if compressed := compressor.compress(piece):
            yield compressed
    yield compressor.flush()


def _written(pieces: Iterator[bytes], path: Path, recipients: Sequence[str]) -> _Digest | None:
    """Write a file and have it on disk; return the digest of what was written where that is not what was given."""
    with open_new(path) as target:
        if not recipients:
            target.writelines(pieces)
            sync_file(target)
            return None
        from seachange.backup.encryption import encrypt_stream

        digest = _Digest()
        encrypt_stream(_Pieces(pieces), _Sink(target, digest), recipients)
        sync_file(target)
        return digest


def _exhausted(pieces: Iterator[bytes], source: BinaryIO) -> _Digest | None:
    for _ in pieces:
        pass
    os.fsync(source.fileno())
    return None
