"""Watch revisions while a throwaway server runs them: what each statement locked, rewrote, scanned and built."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seachange.postgres.drivers import backend_pid, in_autocommit, mogrify, query, sqlstate_of, words_of
from seachange.postgres.redaction import redact
from seachange.postgres.statements import classify
from seachange.safety._tracing._alone import Alone, alone, polled
from seachange.safety._tracing._place import Place, find_place
from seachange.safety._tracing._recorder import Recorder
from seachange.safety._tracing._triggers import install
from seachange.safety.facts import RevisionFacts, ServerError, StatementFacts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import ExceptionContext

    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database
    from seachange.safety._tracing._snapshot import Snapshot

__all__ = ["Tracer", "trace_sql"]

_KEY = "seachange trace"

# What SQLAlchemy asks the catalogue for (does the table exist?) belongs to no revision's meaning.
_REFLECTION = re.compile(r"\s*select\b.*\bpg_catalog\.", re.IGNORECASE | re.DOTALL)
_BEGINS = re.compile(r"\s*(begin|start\s+transaction)\b", re.IGNORECASE)
_COMMITS = re.compile(r"\s*(commit|end)\b", re.IGNORECASE)
_ROLLS_BACK = re.compile(r"\s*(rollback|abort)\b(?!\s+to\b)", re.IGNORECASE)
_ROLLS_BACK_TO = re.compile(r"\s*rollback\s+to\b", re.IGNORECASE)
# Nothing may be asked in a transaction before it.
_FIRST = re.compile(r"\s*set\s+(local\s+|session\s+)?(transaction|characteristics)\b", re.IGNORECASE)
_OURS = ("lock_timeout", "statement_timeout")


@dataclasses.dataclass(kw_only=True)
class _Revision:
    """The revision under way."""

    revision: str
    title: str
    path: Path
    direction: Literal["upgrade", "downgrade"]
    before: Catalog | None
    place: Callable[[], Place]
    statements: list[StatementFacts] = dataclasses.field(default_factory=list)
    transactions: int = 0
    transaction_open: bool = False
    major: int = 0


@dataclasses.dataclass(kw_only=True)
class _Open:
    """A statement under way."""

    facts: StatementFacts
    text: str
    recorder: Recorder
    before: Snapshot | None
    began: float
    alone: Alone | None = None


class Tracer:
    """What the revisions of a run do, statement by statement.

    :param root: the project's folder, from which files are named.
    :param database: the throwaway database that they run in; event triggers are put into it.
    :param look: reads its catalogue, before the first revision and after each.
    """

    def __init__(self, *, root: Path, database: Database | None = None, look: Callable[[], Catalog] | None = None) -> None:
        self._root = root
        self._look = look
        self._done: list[_Revision] = []
        self._now: _Revision | None = None
        self._open: _Open | None = None
        self._database = database
        if database is not None:
            install(database)

    def begin(
        self,
        revision: str,
        *,
        path: Path,
        title: str = "",
        direction: Literal["upgrade", "downgrade"] = "upgrade",
        place: Callable[[], Place] | None = None,
    ) -> None:
        """Note from now on for a revision.

        :param revision: its id.
        :param path: its file.
        :param title: the first line of its text.
        :param direction: which of its functions is run.
        :param place: says which line of the file is under way; what is sent from its code by default.
        """
        before = self._look() if self._look is not None else None
        where = place or (lambda: find_place(path))
        self._now = _Revision(revision=revision, title=title, path=path, direction=direction, before=before, place=where)
        self._done.append(self._now)

    @property
    def failed(self) -> bool:
        """Whether the last statement did."""
        return self._now is not None and bool(self._now.statements) and self._now.statements[-1].error is not None

    def facts(self) -> tuple[RevisionFacts, ...]:
        """Return what the revisions did so far."""
        last = self._look() if self._look is not None and self._done else None
        afters = [*(each.before for each in self._done[1:]), last]
        return tuple(
            RevisionFacts(
                revision=each.revision,
                title=each.title,
                file=self._file(each.path),
                direction=each.direction,
                statements=tuple(each.statements),
                major=each.major,
                before=each.before,
                after=after,
            )
            for each, after in zip(self._done, afters, strict=True)
        )

    @contextlib.contextmanager
    def listening(self, engine: Engine) -> Iterator[None]:
        """Listen to the connections of ``engine``."""
        from sqlalchemy import event

        listeners: tuple[tuple[str, Callable[..., Any]], ...] = (
            ("before_cursor_execute", self._before),
            ("after_cursor_execute", self._after),
            ("handle_error", self._fail),
            ("commit", self._commit),
            ("rollback", self._roll_back),
            ("rollback_savepoint", self._roll_back_to),
        )
        for name, listener in listeners:
            event.listen(engine, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(engine, name, listener)
            if self._open and self._open.alone:
                self._open.alone.end(failed=True)

    def _file(self, path: Path) -> str:
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def _recorder(self, connection: Connection) -> Recorder:
        found: Recorder | None = connection.info.get(_KEY)
        if found is None:
            session = connection.connection
            found = Recorder(lambda sql: query(session, sql), session.driver_connection)
            connection.info[_KEY] = found
        return found

    def _before(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        del cursor
        now = self._now
        if now is None or _REFLECTION.match(statement):
            return
        place = now.place()
        if not place.line:
            return
        parameters, context, many = rest
        if not parameters and context is not None and context.execution_options.get("no_parameters"):
            parameters = None
        facts = self._begun(now, connection, statement, place=place, rows=list(parameters) if many else [parameters])
        recorder = self._recorder(connection)
        watched = self._alone(connection, facts)
        before = None if _FIRST.match(statement) else recorder.before()
        began = time.perf_counter()
        self._open = _Open(facts=facts, text=statement, recorder=recorder, before=before, began=began, alone=watched)

    def _alone(self, connection: Connection, facts: StatementFacts) -> Alone | None:
        if facts.transaction:
            return None
        session = connection.connection
        return alone(facts.sql, self._database, pid=backend_pid(connection), query=lambda sql: query(session, sql))

    def _begun(self, now: _Revision, connection: Connection, text: str, *, place: Place, rows: list[Any]) -> StatementFacts:
        now.major = int((connection.dialect.server_version_info or (0,))[0])
        return StatementFacts(
            sql=redact(mogrify(connection, text, rows[0] if rows else None).strip()),
            number=len(now.statements) + 1,
            file=self._file(now.path),
            line=place.line,
            op=place.op,
            count=len(rows) or 1,
            transaction=_transaction(now, text, autocommit=in_autocommit(connection)),
        )

    def _after(self, connection: Connection, *_: Any) -> None:
        del connection
        opened, self._open = self._open, None
        if opened is None or self._now is None:
            return
        facts = dataclasses.replace(opened.facts, duration_ms=(time.perf_counter() - opened.began) * 1000)
        self._now.statements.append(_ended(opened, facts))
        if opened.alone:
            opened.alone.end()
            opened.recorder.commit()
        if _COMMITS.match(opened.text):
            self._end(opened.recorder, committed=True)
        elif _ROLLS_BACK.match(opened.text):
            self._end(opened.recorder, committed=False)
        elif _ROLLS_BACK_TO.match(opened.text):
            opened.recorder.roll_back(wholly=False)

    def _fail(self, context: ExceptionContext) -> None:
        opened, self._open = self._open, None
        if opened is None or self._now is None:
            return
        if opened.alone:
            opened.alone.end(failed=True)
            opened.recorder.roll_back()
        exc = context.original_exception
        error = ServerError(sqlstate=sqlstate_of(exc), message=redact(words_of(exc)[0] or str(exc)))
        duration_ms = (time.perf_counter() - opened.began) * 1000
        settings = opened.before.settings if opened.before is not None else {}
        self._now.statements.append(dataclasses.replace(opened.facts, error=error, duration_ms=duration_ms, settings=settings))

    def _commit(self, connection: Connection) -> None:
        self._end(self._recorder(connection), committed=True)

    def _roll_back(self, connection: Connection) -> None:
        self._end(self._recorder(connection), committed=False)

    def _roll_back_to(self, connection: Connection, *_: Any) -> None:
        self._recorder(connection).roll_back(wholly=False)

    def _end(self, recorder: Recorder, *, committed: bool) -> None:
        if committed:
            recorder.commit()
        else:
            recorder.roll_back()
        if self._now is not None:
            self._now.transaction_open = False


def _transaction(now: _Revision, text: str, *, autocommit: bool) -> int:
    """Return the number of the transaction that a statement sent now is in."""
    if autocommit and not now.transaction_open and not _BEGINS.match(text):
        return 0
    now.transactions += not now.transaction_open
    now.transaction_open = True
    return now.transactions


def _ended(opened: _Open, facts: StatementFacts) -> StatementFacts:
    if opened.before is None or any(each.match(opened.text) for each in (_BEGINS, _COMMITS, _ROLLS_BACK)):
        return facts
    reading = opened.alone.reading() if opened.alone else None
    seen = opened.recorder.after(facts.sql, opened.before, reading=reading)
    seen["disagreements"] += polled(reading)
    now = seen.pop("settings")
    # The runner sets these itself just before the statement; what the statement sets is not in force when it begins.
    set_before = {name: now[name] for name in _OURS if name not in classify(opened.text).sets}
    return dataclasses.replace(facts, settings={**opened.before.settings, **set_before}, **seen)


def trace_sql(database: Database, text: str, *, file: str, schemas: Sequence[str] = ()) -> RevisionFacts:
    """Run a plain file of SQL as psql does with ON_ERROR_STOP, and return what its statements do.

    Outside of BEGIN and COMMIT each is a transaction of its own. What comes after an error is not run.

    :param database: a throwaway database; it is changed.
    :param text: what is in the file.
    :param file: its name.
    :param schemas: as for :func:`seachange.postgres.catalog.read_catalog`.
    :raises StatementFailedError: it holds commands or variables of psql, data for COPY, or what is no SQL.
    """
    from sqlalchemy.exc import DBAPIError

    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect, engine
    from seachange.safety._tracing._script import read_script

    statements = read_script(text, file=file)
    # As a session of psql is: without limits of ours.
    opened = engine(database, lock_timeout_ms=0, statement_timeout_ms=0)
    line = 0
    with contextlib.closing(connect(database, autocommit=True)) as session:
        tracer = Tracer(root=Path.cwd(), database=database, look=lambda: read_catalog(session, schemas=schemas))
        with opened.connect() as connection, tracer.listening(opened):
            outside = connection.execution_options(isolation_level="AUTOCOMMIT", no_parameters=True)
            tracer.begin(Path(file).stem, path=Path(file), place=lambda: Place(line=line))
            for each in statements:
                line = each.line
                try:
                    outside.exec_driver_sql(each.sql)
                except DBAPIError:
                    if not tracer.failed:
                        raise
                    break
        (facts,) = tracer.facts()
        return dataclasses.replace(facts, major=session.info.server_version // 10000)
