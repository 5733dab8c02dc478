"""What one revision costs: time, WAL, and how large the database becomes meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from seachange.errors import SeachangeError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Costs", "Meter"]

_log = logging.getLogger(__name__)

_MARK = """
select pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0')::int8,
    pg_catalog.pg_database_size(pg_catalog.current_database())
"""
_SIZE = "select pg_catalog.pg_database_size(pg_catalog.current_database())"

_LOOK_EVERY_S = 0.05
# To add up the files of many tables takes time; looking takes this part of it at most.
_LOOKING_SHARE = 0.1
_ENDS_WITHIN_S = 5.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured between two moments; sizes are of the whole database."""

    began: float
    ended: float
    wal_bytes: int
    size_before_bytes: int
    size_after_bytes: int
    size_peak_bytes: int


class Meter:
    """Measures the database from a connection of its own.

    :param database: the copy that revisions run on.
    """

    def __init__(self, database: Database) -> None:
        from seachange.postgres.connection import connect

        self._database = database
        self.session: Session = connect(database, autocommit=True, application_name="seachange rehearsal meter")
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._peak = 0
        self._before = self._last = (0, 0)
        self._began = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stop_looking()
        self.session.close()

    def wal(self) -> int:
        """Return how much WAL the server has made since it exists, in bytes."""
        return self._mark()[0]

    def begin(self) -> None:
        """Measure from now on."""
        self._before = self._mark()
        self._peak = self._before[1]
        self._over.clear()
        self._thread = threading.Thread(target=self._look, name="rehearsal meter", daemon=True)
        self._thread.start()
        self._began = time.monotonic()

    def end(self) -> Costs:
        """Measure no more, and return what was measured since :meth:`begin`."""
        ended = time.monotonic()
        self._stop_looking()
        wal, size = self._mark()
        return Costs(
            began=self._began,
            ended=ended,
            wal_bytes=wal - self._before[0],
            size_before_bytes=self._before[1],
            size_after_bytes=size,
            size_peak_bytes=max(self._peak, size),
        )

    def _mark(self) -> tuple[int, int]:
        import psycopg

        try:
            row = self.session.execute(_MARK).fetchone()
        except psycopg.Error as exc:
            # The server is gone or its disk is full, which the revision says better.
            _log.warning("the copy could not be measured: %s", exc)
            return self._last
        self._last = (int(row[0]), int(row[1])) if row else self._last
        return self._last

    def _look(self) -> None:
        import psycopg

        from seachange.postgres.connection import connect

        # On a connection of its own, as the revision may end before a look does.
        with (
            contextlib.suppress(SeachangeError, psycopg.Error),
            contextlib.closing(connect(self._database, autocommit=True, application_name="seachange rehearsal meter")) as session,
        ):
            pause_s = _LOOK_EVERY_S
            while not self._over.wait(pause_s):
                began = time.monotonic()
                row = session.execute(_SIZE).fetchone()
                self._peak = max(self._peak, int(row[0]) if row else 0)
                pause_s = max(_LOOK_EVERY_S, (time.monotonic() - began) / _LOOKING_SHARE)

    def _stop_looking(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(_ENDS_WITHIN_S)
            self._thread = None
