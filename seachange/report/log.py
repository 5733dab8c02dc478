"""The structured log: JSON lines, rotated, without secrets."""

from __future__ import annotations

import collections
import contextlib
import datetime
import json
import logging
import logging.handlers
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.errors import NotWritableError
from seachange.plan import jsonable
from seachange.postgres.redaction import redact

__all__ = ["follow", "open_log", "read_log"]

# How soon a follower sees a new line.
_POLL_S = 0.2


class _JsonFormatter(logging.Formatter):
    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        entry: dict[str, Any] = {"time": when, "level": record.levelname.lower(), "run": self._run_id, "logger": record.name}
        entry["message"] = record.getMessage()
        entry |= {key: jsonable(getattr(record, key)) for key in ("step", "report") if hasattr(record, key)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(_masked(entry), ensure_ascii=False)


def _masked(value: Any) -> Any:
    # Before the encoding, because a password that ends at a quotation mark would take JSON's own with it.
    if isinstance(value, dict):
        return {key: _masked(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part) for part in value]
    return redact(value) if isinstance(value, str) else value


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Readable for owner and group only, also after a rotation."""

    def _open(self) -> Any:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        return os.fdopen(descriptor, self.mode, encoding="utf-8")


@contextlib.contextmanager
def open_log(settings: Settings, *, run_id: str) -> Iterator[str]:
    """Write what the package logs in the block to the log file.

    :param settings: name the file, its size and how many rotated ones are kept.
    :param run_id: stands in every entry.
    :returns: yields why the log cannot be written; an empty string when it can.
    """
    path = settings.path(settings.log_file)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _RotatingFile(path, maxBytes=settings.log_max_size, backupCount=settings.log_keep, encoding="utf-8")
    except OSError as exc:
        yield f"the log {path} cannot be written: {exc.strerror}"
        return
    handler.setFormatter(_JsonFormatter(run_id))
    logger = logging.getLogger("seachange")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield ""
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def read_log(settings: Settings, *, lines: int) -> list[dict[str, Any]]:
    """Return the last entries, oldest first, from rotated files too where the newest has too few.

    :param lines: how many at the most.
    :raises NotWritableError: the log exists and cannot be read.
    """
    path = settings.path(settings.log_file)
    kept: collections.deque[dict[str, Any]] = collections.deque(maxlen=lines)
    rotated = [path.with_name(f"{path.name}.{number}") for number in range(settings.log_keep, 0, -1)]
    for file in (*rotated, path):
        kept.extend(_entries(file))
    return list(kept)


def follow(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield entries as they are written, from now on, across rotations, until the caller stops."""
    path = settings.path(settings.log_file)
    position = path.stat().st_size if path.is_file() else 0
    identity = path.stat().st_ino if path.is_file() else 0
    while True:
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != identity:
                identity, position = os.fstat(file.fileno()).st_ino, 0
            file.seek(position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                position += len(line)
                yield from _parsed(line)
        time.sleep(_POLL_S)


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield from _parsed(line)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise NotWritableError(f"the log {path} cannot be read: {exc.strerror}", hint="check its owner and mode") from exc


def _parsed(line: bytes) -> Iterator[dict[str, Any]]:
    with contextlib.suppress(ValueError):
        entry = json.loads(line)
        if isinstance(entry, dict):
            yield entry
