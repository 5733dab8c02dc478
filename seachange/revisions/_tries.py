"""How often, how patiently and after which pause something that met a lock is tried again."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable

from seachange.config import Settings
from seachange.postgres import interrupt
from seachange.postgres.drivers import sqlstate_of
from seachange.revisions._lookout import Lookout
from seachange.revisions._timeouts import FIRST_MS

__all__ = ["Tries"]

_log = logging.getLogger(__name__)

# lock_not_available, deadlock_detected, serialization_failure: the server undid everything and says "try again".
_RETRIED = ("55P03", "40P01", "40001")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Tries:
    """The tries of one revision, or of one statement that is its own transaction.

    ``attempt`` is the number of the try under way.

    :param subject: what is tried, for sentences.
    :param settings: how many tries, within which time.
    :param lookout: who was in the way.
    :param say: told before each further try.
    """

    def __init__(self, subject: str, settings: Settings, *, lookout: Lookout, say: Callable[[str], None]) -> None:
        self.attempt = 1
        self._subject = subject
        self._settings = settings
        self._lookout = lookout
        self._say = say
        self._deadline = time.monotonic() + settings.migration_timeout / 1000
        self._met_autovacuum = False

    def for_statement(self) -> Tries:
        """Return the tries of a statement by itself."""
        return Tries(self._subject, self._settings, lookout=self._lookout, say=self._say)

    def lock_timeout_ms(self, bound_ms: int) -> int:
        """Return how long this try waits for a blocking lock: longer each time, ``bound_ms`` (0: for ever) at the last.

        An autovacuum worker yields only after deadlock_timeout, so that less than the bound would be in vain.
        """
        if self._met_autovacuum or self.attempt > self._settings.migration_retry_attempts:
            return bound_ms
        grown = FIRST_MS * 2 ** (self.attempt - 1) * (random.uniform(0.8, 1.2) if self.attempt > 1 else 1)  # noqa: S311
        return min(int(grown), bound_ms) if bound_ms else int(grown)

    def again(self, exc: BaseException) -> bool:
        """Say what is in the way, wait a little and return True, if another try is worth it.

        :param exc: why the try under way ended.
        :raises InterruptedRunError: the run was interrupted.
        """
        sqlstate, most = sqlstate_of(exc), self._settings.migration_retry_attempts
        if sqlstate not in _RETRIED or self.attempt > most:
            return False
        pause_s = min(_FIRST_PAUSE_S * 2 ** (self.attempt - 1), _LONGEST_PAUSE_S) * random.uniform(0.5, 1.5)  # noqa: S311
        if time.monotonic() + pause_s > self._deadline:
            return False
        blocker = self._lookout.first
        self._met_autovacuum = blocker is not None and blocker.autovacuum
        reason = f"blocked by {blocker}" if blocker else f"stopped by SQLSTATE {sqlstate}"
        self._say(f"{self._subject} {reason}; try {self.attempt + 1} of {most + 1} in {pause_s:.1f} s")
        interrupt.sleep(pause_s)
        self.attempt += 1
        self._lookout.clear()
        return True
