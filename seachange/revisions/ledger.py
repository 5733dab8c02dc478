"""The ledger of a database, its table ``seachange.history``: what was run there, by whom, and how it ended."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seachange.errors import InterruptedRunError, MigrationFailedError, SeachangeError, StatementFailedError
from seachange.postgres import interrupt
from seachange.postgres.redaction import redact
from seachange.revisions._journal import Journal, Owner
from seachange.revisions._revision import Revision

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy as sa

    from seachange.postgres.connection import Session
    from seachange.revisions._statement_table import Recorded
    from seachange.revisions._versions import VersionTable
    from seachange.revisions.history import History
    from seachange.revisions.units import Unit

__all__ = ["Attempt", "Ledger", "Origin", "Part", "file_hash", "locate", "name_of"]

_log = logging.getLogger(__name__)

_LOCK_TIMEOUT_MS = 1_000
_STATEMENT_TIMEOUT_MS = 10_000
_CONNECT_TIMEOUT_S = 5.0
_LONGEST_ERROR = 500

_SCHEMA = """
select coalesce((select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(%s)), current_schema())
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Which run writes, and on whose behalf; without git there is no commit.

    ``allowed``: the hazards that were let pass, each with its reason.
    """

    run_id: str
    command: str
    actor: str
    tool_version: str
    git_commit: str | None = None
    git_dirty: bool | None = None
    allowed: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """A revision that was run in one direction, and how long that took, tries and pauses counted."""

    revision: Revision
    downgrade: bool
    duration_s: float

    @property
    def direction(self) -> Literal["upgrade", "downgrade"]:
        """The direction as the table has it."""
        return "downgrade" if self.downgrade else "upgrade"


class Ledger:
    """Writes down what one run does; what it cannot write never fails the run.

    :param history: the revisions in the files.
    :param origin: the run.
    """

    def __init__(self, history: History, *, origin: Origin) -> None:
        self._history = history
        self._origin = origin
        self._parts: dict[Unit, Part] = {}

    @property
    def problem(self) -> str:
        """Why something is not written, in one sentence; empty as long as all is well."""
        return "; ".join(dict.fromkeys(part.problem for part in self._parts.values() if part.problem))

    def at(self, unit: Unit) -> Part:
        """Return what writes about one version table, into the database where that is."""
        if unit not in self._parts:
            self._parts[unit] = Part(unit, self._history, origin=self._origin)
        return self._parts[unit]


class Part:
    """Writes down what one run does to one version table.

    ``problem`` says in one sentence why nothing is written any more; it is empty as long as all is well.

    :param unit: the version table, and its database.
    :param history: the revisions in the files.
    :param origin: the run.
    """

    def __init__(self, unit: Unit, history: History, *, origin: Origin) -> None:
        self.problem = ""
        self.history = history
        self._database = unit.database
        self._version_table = name_of(unit.table)
        self._origin = origin
        self._prepared = False
        self._recorded: tuple[Recorded, ...] = ()
        self._recording = False

    def prepare(self, current: tuple[str, ...]) -> None:
        """Make the table if it is not there, and note once what was applied before it was; later calls do nothing.

        :param current: the revisions that the version table holds.
        """
        from seachange.revisions import _ledger_table as table
        from seachange.revisions._statement_table import read_recorded

        def work(session: Session) -> None:
            if table.read_version(session) < table.VERSION:
                table.make(session)
            self._require_writable(session)
            known = session.execute(
                "select exists (select from seachange.history where version_table = %s)", [self._version_table]
            ).fetchone()
            if known is None or not known[0]:
                for revision in self.history.ancestors(current):
                    table.insert(session, self.row(revision, direction="upgrade", outcome="adopted"))
            self._recorded = read_recorded(session, self._version_table)

        if not self._prepared:
            self._prepared = True
            self.write(f"the history of revisions cannot be kept in database {self._database.name}", work)

    def succeeded(self, connection: sa.Connection, attempt: Attempt) -> None:
        """Write that a revision was run, in the transaction on ``connection`` that moves the version row.

        :raises InterruptedRunError: the run was interrupted.
        """
        from seachange.revisions._ledger_table import insert_within, write_within
        from seachange.revisions._statement_table import delete_text

        if self.problem:
            return
        outcome = "reverted" if attempt.downgrade else "applied"
        row = self.row(attempt.revision, direction=attempt.direction, outcome=outcome, duration_s=attempt.duration_s)
        try:
            insert_within(connection, row)
            if self._recording or self._recorded:
                # A revision that is done needs no record. One that is undone may have taken with it what another one relies on.
                only = "" if attempt.downgrade else attempt.revision.revision
                write_within(connection, delete_text(self._version_table, revision=only))
        except StatementFailedError as exc:
            self._give_up(f"revision {attempt.revision.revision} is not in the history", exc)

    def journal(self, revision: Revision, *, direction: Literal["upgrade", "downgrade"]) -> Journal | None:
        """Return where what ``revision`` commits before it is done is written down; None where nothing can be."""
        if self.problem:
            return None
        name = revision.revision
        return Journal(
            [one for one in self._recorded if (one.revision, one.direction) == (name, direction)],
            write=lambda connection, text: self._record(connection, text, name),
            owner=Owner(
                version_table=self._version_table,
                revision=name,
                direction=direction,
                run_id=self._origin.run_id,
                file_hash=file_hash(revision.path),
            ),
        )

    def _record(self, connection: sa.Connection, text: str, revision: str) -> bool:
        from seachange.revisions import _statement_table as table
        from seachange.revisions._ledger_table import write_within

        what = f"what revision {revision} has committed so far is not recorded"
        if not self._recording:
            self._recording = True
            self.write(what, table.make)
        if self.problem:
            return False
        try:
            write_within(connection, text)
        except StatementFailedError as exc:
            self._give_up(what, exc)
            return False
        return True

    def failed(self, attempt: Attempt, error: SeachangeError) -> None:
        """Write that a revision failed or was interrupted, on a connection of its own."""
        from seachange.postgres.drivers import sqlstate_of
        from seachange.revisions._ledger_table import insert

        reason = error.reason if isinstance(error, MigrationFailedError) else error.message
        row = self.row(
            attempt.revision,
            direction=attempt.direction,
            outcome="interrupted" if isinstance(error, InterruptedRunError) else "failed",
            duration_s=attempt.duration_s,
        )
        row["error"] = _shorten(redact(reason))
        row["sqlstate"] = (sqlstate_of(error.__cause__) if error.__cause__ else "") or None
        self.write(f"the failure of {attempt.revision.revision} is not in the history", lambda session: insert(session, row))

    def restored(self, current: tuple[str, ...]) -> None:
        """Write that the database was restored from a backup of ``current``, if that had a history."""
        from seachange.revisions import _ledger_table as table

        def work(session: Session) -> None:
            if table.read_version(session):
                for name in current:
                    known = self.history.by_id.get(name, name)
                    table.insert(session, self.row(known, direction="restore", outcome="restored"))

        self.write("the restore is not in the history", work)

    def write(self, what: str, work: Callable[[Session], None]) -> None:
        """Do ``work`` in a short transaction of its own; a failure is noted and never raised.

        :param what: what is amiss when it fails, for the sentence in :attr:`problem`.
        :param work: called with a session.
        """
        import psycopg

        if self.problem:
            return
        try:
            with interrupt.shielded(), self._session() as session, session.transaction():
                work(session)
        except (SeachangeError, psycopg.Error) as exc:
            self._give_up(what, exc)

    def row(
        self,
        revision: Revision | str,
        *,
        direction: Literal["upgrade", "downgrade", "restore"],
        outcome: str,
        duration_s: float | None = None,
    ) -> dict[str, object]:
        """Return a row of the table for ``revision``, which is a name alone when no file has it any more."""
        known = None if isinstance(revision, str) else revision
        return {
            **dataclasses.asdict(self._origin),
            "revision": known.revision if known else revision,
            "direction": direction,
            "outcome": outcome,
            "content_hash": known and known.content_hash,
            "file_hash": known and file_hash(known.path),
            "version_table": self._version_table,
            "duration_ms": None if duration_s is None else round(duration_s * 1000, 3),
            "sqlstate": None,
            "error": None,
        }

    def _require_writable(self, session: Session) -> None:
        allowed = " and ".join(
            f"pg_catalog.has_table_privilege('seachange.history', '{right}')" for right in ("insert", "select")
        )
        row = session.execute(f"select {allowed}").fetchone()
        if row is None or not row[0]:
            raise SeachangeError(f"role {session.info.user} may not read and write seachange.history")

    @contextlib.contextmanager
    def _session(self) -> Iterator[Session]:
        from seachange.postgres.connection import connect

        session = connect(
            self._database,
            application_name="seachange history",
            lock_timeout_ms=_LOCK_TIMEOUT_MS,
            statement_timeout_ms=_STATEMENT_TIMEOUT_MS,
            connect_timeout_s=_CONNECT_TIMEOUT_S,
        )
        try:
            yield session
        finally:
            session.close()

    def _give_up(self, what: str, exc: Exception) -> None:
        diagnosis: Any = getattr(exc, "diag", None)
        reason = getattr(diagnosis, "message_primary", None) or " ".join(str(exc).split())
        self.problem = redact(f"{what}: {reason}")
        _log.warning("%s", self.problem)


def name_of(table: VersionTable) -> str:
    """Return how the ledger calls a version table: the same whether env.py or the server said that it is in schema public."""
    return table.name if table.schema in ("", "public") else str(table)


def locate(connection: psycopg.Connection[Any], unit: Unit) -> Unit:
    """Return a unit with the schema in which a connection finds its version table, or would make it.

    :raises StatementFailedError: the server does not say.
    """
    import psycopg
    from psycopg import sql

    if unit.table.schema:
        return unit
    quoted = sql.Identifier(unit.table.name).as_string(connection)
    try:
        row = connection.execute(_SCHEMA, [quoted]).fetchone()
    except psycopg.Error as exc:
        raise StatementFailedError(f"version table {unit.table} cannot be looked for: {exc}") from exc
    return dataclasses.replace(unit, table=dataclasses.replace(unit.table, schema=str(row[0] or "") if row else ""))


def file_hash(path: Path) -> str | None:
    """Return the hash of a revision file alone, the same for both kinds of line ends; None when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    except OSError:
        return None


def _shorten(text: str) -> str:
    text = " ".join(text.replace("\0", " ").split())
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ..."
