"""What a project's own code prints and how it configures logging stays inside: stdout belongs to the command's answer."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any, TextIO, cast

__all__ = ["LogWriter", "LoggingState", "contained"]

_lock = threading.RLock()
_log = logging.getLogger("seachange.revisions.output")


class LogWriter(io.TextIOBase):
    """A text stream whose lines become log records."""

    def __init__(self) -> None:
        self._rest = ""
        self._passing_on = False

    def writable(self) -> bool:
        """Say that the stream can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Log the complete lines."""
        if self._passing_on:
            # A handler that the project has put on stdout writes out what was logged here: it is in the log already.
            return len(text)
        *lines, self._rest = (self._rest + text).split("\n")
        self._passing_on = True
        try:
            for line in lines:
                if line.strip():
                    _log.info("%s", line.rstrip())
        finally:
            self._passing_on = False
        return len(text)


class LoggingState:
    """Handlers, levels and switches of all loggers at one moment; an env.py that calls ``fileConfig`` changes them."""

    def __init__(self) -> None:
        self._root = (logging.root.level, list(logging.root.handlers))
        self._loggers = {
            name: (logger.level, list(logger.handlers), logger.disabled, logger.propagate)
            for name, logger in logging.root.manager.loggerDict.items()
            if isinstance(logger, logging.Logger)
        }

    def restore(self) -> None:
        """Bring everything back; loggers made since then lose their handlers."""
        logging.root.setLevel(self._root[0])
        logging.root.handlers[:] = self._root[1]
        for name, logger in list(logging.root.manager.loggerDict.items()):
            if isinstance(logger, logging.Logger):
                level, handlers, disabled, propagate = self._loggers.get(name, (logger.level, [], False, True))
                logger.setLevel(level)
                logger.handlers[:] = handlers
                logger.disabled, logger.propagate = disabled, propagate


class _Router:
    """Stands for stdout: what contained threads write goes to the log, what others write goes through."""

    def __init__(self, real: TextIO) -> None:
        self.real = real
        self.writers: dict[int, list[LogWriter]] = {}

    def write(self, text: str) -> int:
        writers = self.writers.get(threading.get_ident())
        return writers[-1].write(text) if writers else self.real.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


@contextlib.contextmanager
def contained() -> Iterator[LoggingState]:
    """Send what this thread prints to the log, and undo changes of the logging configuration at the end.

    One thread at a time: logging is configured for the whole process, and so are the globals behind Alembic's `op` and `context`.
    """
    with _lock:
        state = LoggingState()
        router = sys.stdout if isinstance(sys.stdout, _Router) else _Router(sys.stdout)
        writers = router.writers.setdefault(threading.get_ident(), [])
        writers.append(LogWriter())
        sys.stdout = cast("TextIO", router)
        try:
            yield state
        finally:
            state.restore()
            writers.pop()
            if not writers:
                sys.stdout = router.real
