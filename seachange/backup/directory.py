"""A dump in the directory format: files are sealed while pg_dump still writes others, and told apart by its table of contents."""

from __future__ import annotations

import concurrent.futures
import errno
import fcntl
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from seachange.backup.sealing import ARCHIVE_NAMES, Sealed, seal_file
from seachange.backup.tally import Tally
from seachange.errors import InterruptedRunError
from seachange.postgres import interrupt

__all__ = ["Seals", "large_object_tallies", "table_files"]

_FOLDER = ARCHIVE_NAMES["directory"]
_TABLE = re.compile(r"\d+\.dat")
_LARGE_OBJECT = re.compile(r"blob_(\d+)\.dat")
_DATA_ENTRY = re.compile(r"(\d+); 0 (\d+) TABLE DATA ")


class Seals:
    """The files of a dump, sealed side by side; a context that ends what is under way when its block fails.

    :param folder: the folder of the backup; pg_dump writes into ``database`` in it.
    :param recipients: public keys to encrypt to.
    :param jobs: how many files to work on at once.
    """

    def __init__(self, folder: Path, *, recipients: Sequence[str], jobs: int) -> None:
        self._folder, self._recipients = folder, recipients
        self._pool = concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="seal")
        self._under_way: dict[str, concurrent.futures.Future[Sealed]] = {}
        self._over = threading.Event()
        self._can_tell = hasattr(fcntl, "F_SETLEASE")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind:
            self._over.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def look(self) -> int:
        """Begin with files that are complete; return how many bytes pg_dump has written so far.

        :raises OSError: a file could not be written.
        """
        written = 0
        for name, size in self._data_files():
            written += size
            if name not in self._under_way and self._is_complete(name):
                self._begin(name)
        return written + sum(sealed.raw_bytes for sealed in self._done())

    @property
    def finished(self) -> int:
        """How many files of tables are done."""
        return sum(bool(_TABLE.fullmatch(name)) and future.done() for name, future in self._under_way.items())

    def finish(self) -> dict[str, Sealed]:
        """Wait until all files are sealed, after pg_dump has ended; return them by the names that pg_dump gave them.

        :raises OSError: a file could not be written.
        :raises BackupFailedError: a file is not complete.
        """
        for name, _ in sorted(self._data_files(), key=lambda file: -file[1]):
            if name not in self._under_way:
                self._begin(name)
        found = {name: future.result() for name, future in self._under_way.items()}
        with os.scandir(self._folder / _FOLDER) as entries:
            rest = sorted(entry.name for entry in entries if entry.name.endswith((".dat", ".toc")))
        return found | {name: self._seal(name, compress=False) for name in rest}

    def _data_files(self) -> list[tuple[str, int]]:
        try:
            with os.scandir(self._folder / _FOLDER) as entries:
                wanted = [entry for entry in entries if _TABLE.fullmatch(entry.name) or _LARGE_OBJECT.fullmatch(entry.name)]
        except FileNotFoundError:
            return []
        found = []
        for entry in wanted:
            # A file that was sealed meanwhile is counted as that.
            try:
                found.append((entry.name, entry.stat(follow_symlinks=False).st_size))
            except FileNotFoundError:
                continue
        return found

    def _is_complete(self, name: str) -> bool:
        """Whether nobody has the file open for writing: the kernel grants a read lease only then.

        pg_dump opens each data file once, and is told not to open it again for fsync. Where there are no leases, files are
        complete when pg_dump has ended.
        """
        if not self._can_tell:
            return False
        descriptor = os.open(self._folder / _FOLDER / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as exc:
            self._can_tell = exc.errno == errno.EAGAIN
            return False
        finally:
            os.close(descriptor)
        return True

    def _begin(self, name: str) -> None:
        self._under_way[name] = self._pool.submit(self._seal, name, compress=True)

    def _seal(self, name: str, *, compress: bool) -> Sealed:
        return seal_file(
            self._folder,
            f"{_FOLDER}/{name}",
            compress=compress,
            table=bool(_TABLE.fullmatch(name)),
            recipients=self._recipients,
            check=self._check,
        )

    def _check(self) -> None:
        if self._over.is_set():
            raise InterruptedRunError("the backup was given up")
        interrupt.check()

    def _done(self) -> list[Sealed]:
        return [future.result() for future in self._under_way.values() if future.done()]


def large_object_tallies(sealed: Mapping[str, Sealed]) -> dict[int, Tally]:
    """Return the bytes of each large object, counted, by its number.

    :param sealed: the files of a dump by the names that pg_dump gave them.
    """
    found = ((_LARGE_OBJECT.fullmatch(name), one.tally) for name, one in sealed.items())
    return {int(match[1]): tally for match, tally in found if match}


def table_files(listing: str) -> dict[int, str]:
    """Return the file of each table's rows, by the number of the table on the server that was dumped.

    :param listing: what ``pg_restore --list`` says about a dump in the directory format.
    """
    return {int(oid): f"{entry}.dat" for entry, oid in re.findall(_DATA_ENTRY, listing)}
