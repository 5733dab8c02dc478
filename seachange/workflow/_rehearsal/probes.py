"""Readers and writers beside a revision: each asks for a table again and again, and notes the longest that it had to wait."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from seachange.errors import SeachangeError
from seachange.postgres import interrupt

if TYPE_CHECKING:
    import psycopg

    from seachange.postgres.connection import Database, Session

__all__ = ["MOST_TABLES", "Probed", "Probes", "Wait"]

MOST_TABLES = 64

# A thread and a connection each; with more tables than that every thread serves several.
_PAIRS = 8

# All probes together: so many a second cost a tenth of a processor.
_RATE = 300.0
_SHORTEST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.2
_SLOWER_AFTER_S = 5.0

# Shorter than deadlock_timeout: a writer that has the table and waits for a row lets go before a deadlock could be found with a
# revision that has the row and waits for the table. It goes on waiting right away, and both waits count as one.
_LOCK_TIMEOUT_MS = 200

_CONTROL_S = 0.1
_ENDS_WITHIN_S = 5.0

_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK = "40P01"
# The column or the table has another name by now, or is gone.
_UNDEFINED = ("42703", "42P01", "3F000")

_FIND = """
select c.oid::int8, c.relkind::text, pg_catalog.format('%%I.%%I', n.nspname, c.relname), (
    select pg_catalog.quote_ident(a.attname) from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity <> 'a'
    order by a.attnum limit 1)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = {} and c.relkind in ('r', 'p', 'm') and (c.relkind <> 'm' or c.relispopulated)
"""
_BY_NAME = _FIND.format("pg_catalog.to_regclass(%s)")
_BY_OID = _FIND.format("%s")

_ROW = "select tableoid::int8, ctid::text from {table} limit 1"

# By address: what a revision leaves of dead rows is not read again by every probe.
_READ = "select 1 from {table} where ctid = '(0,1)'"
# A row that the revision has written anew is not met again; the lock of the table is the same without it.
_WRITE = "begin; update {table} set {column} = {column} where tableoid = {part} and ctid = '{row}'; rollback"
_LOCK = "begin; lock table {table} in row exclusive mode; rollback"

Kind = Literal["reader", "writer"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wait:
    """A wait between two moments of :func:`time.monotonic`."""

    began: float = 0.0
    ended: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probed:
    """What the probes of one table met: the longest waits, and the longest before anything ran, in seconds."""

    table: str
    reader: Wait
    writer: Wait
    reader_baseline_s: float
    writer_baseline_s: float
    reads: int
    writes: int
    deadlocks: int
    errors: tuple[str, ...]


@dataclasses.dataclass(kw_only=True)
class _Record:
    """What one probe of one table notes while one revision runs; ``since``: from when on waits are those of the revision."""

    since: float | None = None
    longest: Wait = dataclasses.field(default_factory=Wait)
    baseline_s: float = 0.0
    controls: int = 0
    count: int = 0
    deadlocks: int = 0
    errors: dict[str, None] = dataclasses.field(default_factory=dict)

    def note(self, began: float, ended: float) -> None:
        since = self.since
        if since is None or ended <= since:
            self.controls += 1
            self.baseline_s = max(self.baseline_s, ended - began)
            return
        self.count += 1
        wait = Wait(began=max(began, since), ended=ended)
        if wait.seconds > self.longest.seconds:
            self.longest = wait


@dataclasses.dataclass(kw_only=True)
class _Target:
    """A table that one probe asks for; its number stays when it gets another name."""

    table: str
    oid: int
    name: str
    column: str | None
    kind: Kind
    row: tuple[int, str] | None = None
    record: _Record = dataclasses.field(default_factory=_Record)
    only_lock: bool = False
    gone: bool = False

    @property
    def sql(self) -> str:
        if self.kind == "reader":
            return _READ.format(table=self.name)
        if self.only_lock or self.column is None or self.row is None:
            return _LOCK.format(table=self.name)
        part, row = self.row
        return _WRITE.format(table=self.name, column=self.column, part=part, row=row)


class _Prober:
    """A thread that asks for its tables in turn, on a connection of its own."""

    def __init__(self, database: Database, kind: Kind) -> None:
        self._database = database
        self._kind = kind
        self._changed = threading.Condition()
        self._targets: tuple[_Target, ...] = ()
        self._busy = False
        self._over = False
        self._pause_s = _SHORTEST_PAUSE_S
        self._thread = threading.Thread(target=self._run, name=f"rehearsal {kind}", daemon=True)
        self._thread.start()

    def ask(self, targets: Sequence[_Target], *, pause_s: float) -> None:
        """Ask for these tables from now on; for none, and return when the last answer is there."""
        with self._changed:
            self._targets, self._pause_s = tuple(targets), pause_s
            self._changed.notify_all()
            if not targets:
                self._changed.wait_for(lambda: not self._busy, _ENDS_WITHIN_S)

    def close(self) -> None:
        with self._changed:
            self._over, self._targets = True, ()
            self._changed.notify_all()
        self._thread.join(_ENDS_WITHIN_S)

    def _run(self) -> None:
        import psycopg

        from seachange.postgres.connection import connect

        # An interrupted run ends all sessions, and what is wrong with the server the revision says itself.
        with contextlib.suppress(SeachangeError, psycopg.Error):
            name = f"seachange rehearsal {self._kind}"
            with contextlib.closing(
                connect(self._database, autocommit=True, application_name=name, lock_timeout_ms=_LOCK_TIMEOUT_MS)
            ) as session:
                began = 0.0
                while targets := self._next(began):
                    began = began or time.monotonic()
                    for target in targets:
                        self._ask_for(session, target)
        with self._changed:
            self._busy = False
            self._changed.notify_all()

    def _next(self, began: float) -> tuple[_Target, ...]:
        """Wait for a moment, and for something to ask for; nothing at the end."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            slower = max(1.0, (time.monotonic() - began) / _SLOWER_AFTER_S) if began else 1.0
            if self._targets:
                self._changed.wait_for(lambda: self._over or not self._targets, min(_LONGEST_PAUSE_S, self._pause_s * slower))
            self._changed.wait_for(lambda: self._over or bool(self._targets))
            self._busy = not self._over
            return self._targets

    def _ask_for(self, session: Session, target: _Target) -> None:
        import psycopg

        began = time.monotonic()
        while self._targets and not target.gone:
            try:
                session.execute(target.sql.encode())
            except psycopg.Error as exc:
                if session.closed:
                    raise
                session.rollback()
                if self._goes_on(session, target, exc):
                    continue
            break
        target.record.note(began, time.monotonic())

    def _goes_on(self, session: Session, target: _Target, exc: psycopg.Error) -> bool:
        """Note why a probe failed, and say whether it is to be tried again at once."""
        if exc.sqlstate == _LOCK_NOT_AVAILABLE:
            return True
        if exc.sqlstate == _DEADLOCK:
            target.record.deadlocks += 1
            return True
        if exc.sqlstate in _UNDEFINED:
            return _found_again(session, target)
        target.record.errors[exc.diag.message_primary or str(exc)] = None
        again = not target.only_lock and target.kind == "writer"
        target.only_lock = True
        return again


def _found_again(session: Session, target: _Target) -> bool:
    row = session.execute(_BY_OID, [target.oid]).fetchone()
    if row is None:
        target.gone = True
        return False
    changed = (target.name, target.column) != tuple(row[2:])
    target.name, target.column = row[2:]
    return changed


class Probes:
    """Readers and writers of tables; :meth:`begin` and :meth:`end` are called around each revision.

    :param database: the copy that revisions run on.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._probers: dict[Kind, list[_Prober]] = {"reader": [], "writer": []}
        self._targets: dict[str, dict[Kind, _Target]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def begin(self, session: Session, tables: Iterable[str]) -> tuple[str, ...]:
        """Ask for the tables from now on, first for a moment in which nothing else runs.

        :param session: finds the tables.
        :param tables: their names with schema, quoted where needed; what is no table or not there is passed over.
        :returns: those that nobody asks for, as they are too many.
        """
        found = [row for table in dict.fromkeys(tables) for row in _find(session, table)]
        for table, oid, kind, name, column in found[:MOST_TABLES]:
            kinds: tuple[Kind, ...] = ("reader",) if kind == "m" else ("reader", "writer")
            row = session.execute(_ROW.format(table=name).encode()).fetchone()
            self._targets[table] = {
                each: _Target(table=table, oid=oid, name=name, column=column, kind=each, row=row) for each in kinds
            }
        if self._targets:
            self._share_out()
            interrupt.sleep(_CONTROL_S)
            now = time.monotonic()
            for target in self._all():
                target.record.since = now
        return tuple(table for table, *_ in found[MOST_TABLES:])

    @property
    def control_writes(self) -> int:
        """How many writes there were while nothing else ran."""
        return sum(each["writer"].record.controls for each in self._targets.values() if "writer" in each)

    def end(self) -> tuple[Probed, ...]:
        """Ask no more, and return what was met since :meth:`begin`."""
        for prober in self._every():
            prober.ask((), pause_s=0.0)
        found = tuple(_probed(table, targets) for table, targets in self._targets.items())
        self._targets = {}
        return found

    def close(self) -> None:
        """End all threads and their connections."""
        for prober in self._every():
            prober.close()
        self._probers = {"reader": [], "writer": []}

    def _share_out(self) -> None:
        pause_s = max(_SHORTEST_PAUSE_S, 2 * min(_PAIRS, len(self._targets)) / _RATE)
        for kind, probers in self._probers.items():
            targets = [each[kind] for each in self._targets.values() if kind in each]
            while len(probers) < min(_PAIRS, len(targets)):
                probers.append(_Prober(self._database, kind))
            for number, prober in enumerate(probers):
                prober.ask(targets[number :: len(probers)], pause_s=pause_s)

    def _every(self) -> Iterator[_Prober]:
        for probers in self._probers.values():
            yield from probers

    def _all(self) -> Iterator[_Target]:
        for targets in self._targets.values():
            yield from targets.values()


def _find(session: Session, table: str) -> Iterator[tuple[str, int, str, str, str | None]]:
    row = session.execute(_BY_NAME, [table]).fetchone()
    if row is not None:
        yield (table, *row)


def _probed(table: str, targets: dict[Kind, _Target]) -> Probed:
    none = _Record()
    reader = targets["reader"].record
    writer = targets["writer"].record if "writer" in targets else none
    return Probed(
        table=table,
        reader=reader.longest,
        writer=writer.longest,
        reader_baseline_s=reader.baseline_s,
        writer_baseline_s=writer.baseline_s,
        reads=reader.count,
        writes=writer.count,
        deadlocks=reader.deadlocks + writer.deadlocks,
        errors=tuple({**reader.errors, **writer.errors}),
    )
