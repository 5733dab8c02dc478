"""What a project's own code prints and how it configures logging stays inside: stdout belongs to the command's answer."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

__all__ = ["LogWriter", "LoggingState", "contained"]

_log = logging.getLogger("seachange.revisions.output")


class LogWriter(io.TextIOBase):
    """A text stream whose lines become log records."""

    def __init__(self) -> None:
        self._rest = ""

    def writable(self) -> bool:
        """Say that the stream can be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Log the complete lines."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line.strip():
                _log.info("%s", line.rstrip())
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


@contextlib.contextmanager
def contained() -> Iterator[LoggingState]:
    """Send what is printed to the log, and undo changes of the logging configuration at the end."""
    state = LoggingState()
    with contextlib.redirect_stdout(LogWriter()):
        try:
            yield state
        finally:
            state.restore()
