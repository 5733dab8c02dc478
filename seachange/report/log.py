"""The structured log of a project: JSON lines, rotated by size, without secrets; written, read and followed."""

from __future__ import annotations

import collections
import contextlib
import datetime
import fcntl
import io
import itertools
import json
import logging
import logging.handlers
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.plan import jsonable
from seachange.postgres.redaction import redact

__all__ = ["LogFormatter", "follow", "open_log", "read_log"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_POLL_S = 0.2
_BLOCK = 1 << 20
# Renaming a few files takes far less than the two seconds of these looks; then the file was moved away for good.
_LOOKS = 10


@contextlib.contextmanager
def open_log(settings: Settings, run_id: str, *, step: Callable[[], str] = str) -> Iterator[str]:
    """Send what the package logs to the project's log file for the length of the block.

    Only the logger ``seachange`` is touched. Several processes may write to one file at once.

    :param settings: name the file, the size at which it is rotated, and how many to keep.
    :param run_id: stands in every entry.
    :param step: returns the name of the step that the calling thread works for, or nothing.
    :returns: why there is no log file, or an empty string; a run does not fail for want of a log.
    """
    logger = logging.getLogger("seachange")
    path = settings.path(settings.log_file)
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        handler = _Handler(path, max_bytes=settings.log_max_size, keep=settings.log_keep)
    except OSError as exc:
        yield f"{path} cannot be written, so this run is not logged: {exc.strerror}"
        return
    handler.setFormatter(LogFormatter(run_id=run_id, step=step))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(min(logging.INFO, before or logging.INFO))
    try:
        yield ""
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
        # Closing writes what a full disk has refused so far.
        with contextlib.suppress(OSError):
            handler.close()


class LogFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, level, logger, run, step, message, what else it carries, exception.

    Passwords are taken out of every text, tracebacks included, before it becomes JSON, where quoting would disguise them.
    """

    def __init__(self, *, run_id: str, step: Callable[[], str] = str) -> None:
        super().__init__()
        self._run_id = run_id
        self._step = step

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        entry = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run": self._run_id,
        }
        step = self._step()
        if step:
            entry["step"] = step
        entry["message"] = record.getMessage()
        entry |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(_redacted(jsonable(entry)), ensure_ascii=False)


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_redacted(part) for part in value]
    return value


class _Handler(logging.handlers.RotatingFileHandler):
    """A rotating file that several processes may write to: who finds it rotated by another one opens the new one."""

    def __init__(self, path: Path, *, max_bytes: int, keep: int) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=keep, encoding="utf-8", errors="backslashreplace")

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def shouldRollover(self, record: logging.LogRecord) -> int:  # noqa: N802
        """Whether the file would grow beyond its size; one entry larger than that has a file of its own."""
        written = os.fstat(self._current().fileno()).st_size
        return int(bool(written and self.maxBytes) and written + len(self.format(record).encode()) >= self.maxBytes)

    def doRollover(self) -> None:  # noqa: N802
        """Rotate, unless another process does it at this moment."""
        stream = self._current()
        # The lock has to outlive the stream, which is closed before the files are renamed.
        held = os.dup(stream.fileno())
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            if not _is_at(stream, Path(self.baseFilename)):
                self._current()
            elif self.backupCount:
                super().doRollover()
            else:
                Path(self.baseFilename).unlink()
                self._current()
        finally:
            os.close(held)

    def _current(self) -> io.TextIOWrapper:
        """Return the stream to the file that has the name now."""
        if self.stream is not None and _is_at(self.stream, Path(self.baseFilename)):
            return self.stream
        if self.stream is not None:
            self.stream.close()
        self.stream = opened = self._open()
        return opened

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Drop the entry: a disk that is full must neither stop a run nor litter its output."""


def read_log(settings: Settings, *, lines: int = 20, since_run: str = "") -> tuple[dict[str, Any], ...]:
    """Return the last entries of the log, oldest first, from the rotated files too.

    :param settings: name the file.
    :param lines: how many; 0 for all.
    :param since_run: leave out what is older than the first entry of this run.
    """
    # What is older than the run is only known when everything was read.
    entries = _last_entries(tuple(_files(settings)), lines=0 if since_run else lines)
    if since_run:
        entries = itertools.dropwhile(lambda entry: entry.get("run") != since_run, entries)
    return tuple(collections.deque(entries, maxlen=lines or None))


def _files(settings: Settings) -> Iterator[Path]:
    """Yield the log and its rotated predecessors as far as they exist, newest first."""
    path = settings.path(settings.log_file)
    if path.is_file():
        yield path
    for number in itertools.count(1):
        rotated = _numbered(path, number)
        if not rotated.is_file():
            return
        yield rotated


def _last_entries(newest_first: Sequence[Path], *, lines: int) -> Iterator[dict[str, Any]]:
    found: collections.deque[bytes] = collections.deque()
    for path in newest_first:
        if lines and len(found) >= lines:
            break
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            found.extendleft(reversed(collections.deque(file, maxlen=lines - len(found) if lines else None)))
    return map(_entry, found)


def _entry(line: bytes) -> dict[str, Any]:
    text = line.decode("utf-8", "replace").rstrip("\n")
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return found
    # A crash may leave half a line; it is shown as it is.
    return {"message": text}


def follow(settings: Settings, *, lines: int = 0, timeout_s: float | None = None) -> Iterator[dict[str, Any]]:
    """Yield entries as they are written, across rotations, until the caller stops.

    :param settings: name the file; it need not exist yet.
    :param lines: begin with so many of the last entries, without a gap to those that follow.
    :param timeout_s: end when nothing was written for so long.
    """
    with contextlib.closing(_Tail(settings.path(settings.log_file))) as tail:
        there = collections.deque(tail.read(), maxlen=lines)
        if len(there) < lines:
            yield from _last_entries(tuple(_files(settings))[1:], lines=lines - len(there))
        yield from map(_entry, there)
        quiet_since = time.monotonic()
        while timeout_s is None or time.monotonic() - quiet_since < timeout_s:
            for line in tail.read():
                quiet_since = time.monotonic()
                yield _entry(line)
            time.sleep(_POLL_S)


class _Tail:
    """Reads what is appended to a file, and goes on with the next one when it is rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: io.BufferedReader | None = None
        self._half = b""
        self._looks = 0

    def close(self) -> None:
        """Close the open file."""
        if self._file:
            self._file.close()

    def read(self) -> Iterator[bytes]:
        """Yield the complete lines that were added since the last time."""
        if self._file is None:
            self._file = _opened(self._path)
        yield from self._added()
        while later := self._later():
            # The old file was complete before it was renamed, but perhaps not when it was read.
            yield from self._added()
            self.close()
            self._file, self._half, self._looks = later, b"", 0
            yield from self._added()

    def _added(self) -> Iterator[bytes]:
        if self._file is None:
            return
        if os.fstat(self._file.fileno()).st_size < self._file.tell():
            # Somebody emptied it in place.
            self._file.seek(0)
        while block := self._file.read(_BLOCK):
            *complete, self._half = (self._half + block).split(b"\n")
            yield from complete

    def _later(self) -> io.BufferedReader | None:
        """Open the file that came after the open one; nothing when that is still the newest."""
        place = self._place()
        if self._file is None or place == 0:
            return None
        if place is None:
            # Either it was removed, or the files are being renamed at this moment; then the next look finds it.
            self._looks += 1
            removed = not os.fstat(self._file.fileno()).st_nlink
            return _opened(self._path) if removed or self._looks > _LOOKS else None
        later = _opened(_numbered(self._path, place - 1))
        if later and self._place() != place:
            later.close()
            return None
        return later

    def _place(self) -> int | None:
        """Return the number that the open file has by now: 0 for the newest, ``None`` when it is not found."""
        if self._file is None:
            return None
        numbers = (int(path.suffix[1:]) for path in self._path.parent.glob(f"{self._path.name}.*") if path.suffix[1:].isdigit())
        return next((number for number in (0, *numbers) if _is_at(self._file, _numbered(self._path, number))), None)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _opened(path: Path) -> io.BufferedReader | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _is_at(file: io.IOBase, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
