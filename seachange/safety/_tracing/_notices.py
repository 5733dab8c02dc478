"""The messages of a session, from whichever driver it is."""

from __future__ import annotations

from typing import Any

from seachange.safety._tracing._messages import is_told

__all__ = ["Notices"]


class Notices:
    """Collects what a session is told from now on about the work of its statements.

    :param driver: a connection of psycopg, psycopg2 or asyncpg itself.
    """

    def __init__(self, driver: Any) -> None:
        self._kept: list[str] = []
        if hasattr(driver, "add_notice_handler"):
            driver.add_notice_handler(lambda diagnosis: self._note(diagnosis.message_primary or ""))
        elif hasattr(driver, "add_log_listener"):
            driver.add_log_listener(lambda _, message: self._note(message.message or ""))
        else:
            driver.notices = _Appended(driver.notices, self)

    def take(self) -> tuple[str, ...]:
        """Return what came since the last time."""
        taken, self._kept = tuple(self._kept), []
        return taken

    def _note(self, text: str) -> None:
        if is_told(text):
            self._kept.append(text)

    def append(self, text: str) -> None:
        """Take a message as psycopg2 gives it."""
        # The severity comes first: "DEBUG:  rewriting table ...".
        self._note(text.partition(":")[2].strip())


class _Appended(list[str]):
    """The list that psycopg2 appends to, which keeps what it had."""

    def __init__(self, before: Any, notices: Notices) -> None:
        super().__init__(before or ())
        self._notices = notices

    def append(self, text: str) -> None:
        """Keep a message, and tell the notices."""
        super().append(text)
        self._notices.append(text)
