"""What became of a transaction whose COMMIT was sent and never answered: PostgreSQL knows, and another connection may ask."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from typing import TYPE_CHECKING

from seachange.errors import SeachangeError
from seachange.postgres import interrupt

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["Verdict", "resolve"]

_log = logging.getLogger(__name__)

_ASK_EVERY_S = 0.1
_ONE_ATTEMPT_S = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What pg_xact_status says of a transaction; ``status`` is empty when it could not be asked."""

    xact_id: str
    status: str

    def __str__(self) -> str:
        if self.status in ("committed", "aborted"):
            return f"PostgreSQL says that transaction {self.xact_id} is {self.status}"
        if self.status == "in progress":
            return f"transaction {self.xact_id} is still in progress: the server has not noticed yet that its client is gone"
        return f"what became of transaction {self.xact_id} could not be asked"


def resolve(database: Database, xact_id: str, *, timeout_s: float) -> Verdict:
    """Ask what became of a transaction until it is over, the time is up, or the run is interrupted.

    :param database: where it ran.
    :param xact_id: its 64-bit id, as ``pg_current_xact_id`` gave it.
    :param timeout_s: how long to ask; once is always asked.
    """
    deadline = time.monotonic() + timeout_s
    status = ""
    with interrupt.shielded():
        while True:
            status = _ask(database, xact_id) or status
            if status in ("committed", "aborted") or time.monotonic() > deadline:
                return Verdict(xact_id=xact_id, status=status)
            time.sleep(_ASK_EVERY_S)


def _ask(database: Database, xact_id: str) -> str:
    import psycopg

    from seachange.postgres.connection import connect

    try:
        with contextlib.closing(connect(database, autocommit=True, connect_timeout_s=_ONE_ATTEMPT_S)) as session:
            row = session.execute("select pg_catalog.pg_xact_status(%s::text::xid8)", [xact_id]).fetchone()
    except (SeachangeError, psycopg.Error) as exc:
        # The server may be starting anew at this very moment.
        _log.debug("cannot ask for transaction %s: %s", xact_id, exc)
        return ""
    return str(row[0] or "") if row else ""
