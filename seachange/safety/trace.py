"""Watch revisions while a throwaway server runs them: what each statement locked, rewrote, scanned and built."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seachange.postgres.drivers import in_autocommit, listening, mogrify, sqlstate_of, words_of
from seachange.postgres.redaction import redact
from seachange.safety._tracing._cursors import watch_cursors
from seachange.safety._tracing._folding import folded
from seachange.safety._tracing._place import Place, find_place
from seachange.safety._tracing._session import Sent, Session, ends_transaction
from seachange.safety._tracing._triggers import install
from seachange.safety.facts import RevisionFacts, ServerError, StatementFacts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import ExceptionContext

    from seachange.postgres.catalog import Catalog
    from seachange.postgres.connection import Database

__all__ = ["Tracer", "trace_sql"]

_KEY = "seachange trace"

# What SQLAlchemy asks the catalogue for (does the table exist?) belongs to no revision's meaning.
_REFLECTION = re.compile(r"\s*select\b.*\bpg_catalog\.", re.IGNORECASE | re.DOTALL)
_PAST = "something was sent past SQLAlchemy, of which only this trace was found"


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
    given_up: bool = False
    major: int = 0


@dataclasses.dataclass(kw_only=True)
class _Open:
    """A statement under way."""

    facts: StatementFacts
    session: Session
    sent: Sent
    began: float


class Tracer:
    """What the revisions of a run do, statement by statement.

    :param root: the project's folder, from which files are named.
    :param database: the throwaway database that they run in; event triggers are put into it.
    :param others: further databases that env.py migrates.
    :param look: reads the catalogue, before the first revision and after each.
    """

    def __init__(
        self,
        *,
        root: Path,
        database: Database | None = None,
        others: Sequence[Database] = (),
        look: Callable[[], Catalog] | None = None,
    ) -> None:
        self._root = root
        self._database = database
        self._look = look
        self._done: list[_Revision] = []
        self._now: _Revision | None = None
        self._open: _Open | None = None
        for each in (database, *others):
            if each is not None:
                install(each)

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
        listeners: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "handle_error": self._fail,
            "commit": self._commit,
            "rollback": self._roll_back,
            "rollback_savepoint": self._roll_back_to,
        }
        try:
            with listening(engine, listeners):
                yield
        finally:
            if self._open is not None:
                self._open.session.fail(self._open.sent)

    def _file(self, path: Path) -> str:
        return str(path.relative_to(self._root) if path.is_relative_to(self._root) else path)

    def _session(self, connection: Connection) -> Session:
        found: Session | None = connection.info.get(_KEY)
        if found is None:
            proxied = connection.connection
            found = Session(proxied, proxied.driver_connection, database=self._database)
            connection.info[_KEY] = found
            watch_cursors(proxied, lambda text, rows: self._past(connection, text, rows))
        return found

    def _before(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        del cursor
        now = self._now
        place = now.place() if now is not None else Place()
        if _REFLECTION.match(statement):
            return
        if now is None or not place.line:
            self._let_pass(self._session(connection), statement)
            return
        parameters, context, many = rest
        if not parameters and context is not None and context.execution_options.get("no_parameters"):
            parameters = None
        self._start(now, connection, statement, place=place, rows=list(parameters) if many else [parameters])

    def _let_pass(self, session: Session, text: str) -> None:
        """Let Alembic or env.py send something of their own, after which it is unknown what is whose."""
        if self._now is not None and session.in_transaction:
            session.recorder.before()
            self._explain(self._now, session)
        session.let_pass(text)

    def _start(self, now: _Revision, connection: Connection, text: str, *, place: Place, rows: list[Any]) -> None:
        if now.given_up:
            # Who runs the revision has undone it, to try it again from its beginning.
            now.statements.clear()
            now.transactions, now.given_up = 0, False
        now.major = int((connection.dialect.server_version_info or (0,))[0])
        session = self._session(connection)
        sent = session.begin(text, autocommit=in_autocommit(connection))
        self._explain(now, session)
        facts = StatementFacts(
            sql=redact(mogrify(connection, text, rows[0] if rows else None).strip()),
            file=self._file(now.path),
            line=place.line,
            op=place.op,
            count=len(rows) or 1,
            transaction=0 if sent.alone is not None else _transaction(now),
            began_s=time.monotonic(),
        )
        self._open = _Open(facts=facts, session=session, sent=sent, began=time.perf_counter())

    def _explain(self, now: _Revision, session: Session) -> None:
        found = session.recorder.unexplained
        if found:
            session.recorder.unexplained = {}
            facts = StatementFacts(
                sql="",
                file=self._file(now.path),
                op="cursor",
                transaction=_transaction(now),
                gaps=(_PAST,),
            )
            _add(now, dataclasses.replace(facts, **found))

    def _after(self, *_: Any) -> None:
        opened, self._open = self._open, None
        if opened is None or self._now is None:
            return
        facts = dataclasses.replace(opened.facts, duration_ms=(time.perf_counter() - opened.began) * 1000)
        found = opened.session.end(opened.sent, facts.sql)
        _add(self._now, dataclasses.replace(facts, **found))
        if ends_transaction(opened.sent.text):
            self._now.transaction_open = False

    def _fail(self, context: ExceptionContext) -> None:
        self._failed(context.original_exception)

    def _failed(self, exc: BaseException) -> None:
        opened, self._open = self._open, None
        if opened is None or self._now is None:
            return
        duration_ms = (time.perf_counter() - opened.began) * 1000
        error = ServerError(sqlstate=sqlstate_of(exc), message=redact(words_of(exc)[0] or str(exc)))
        found = opened.session.fail(opened.sent)
        _add(self._now, dataclasses.replace(opened.facts, error=error, duration_ms=duration_ms, **found))

    @contextlib.contextmanager
    def _past(self, connection: Connection, text: str, rows: Iterable[Any]) -> Iterator[None]:
        """Note a statement that is sent on a cursor, past SQLAlchemy."""
        now = self._now
        place = now.place() if now is not None and self._open is None else Place()
        if now is None or not place.line:
            yield
            return
        self._start(now, connection, text, place=dataclasses.replace(place, op="cursor"), rows=list(rows))
        try:
            yield
        except Exception as exc:
            self._failed(exc)
            raise
        self._after()

    def _commit(self, connection: Connection) -> None:
        session = self._session(connection)
        if self._now is not None and session.in_transaction:
            session.recorder.before()
            self._explain(self._now, session)
        session.recorder.commit()
        self._end()

    def _roll_back(self, connection: Connection) -> None:
        self._session(connection).recorder.roll_back()
        now = self._now
        if now is not None and now.transaction_open and not now.place().line:
            now.given_up = True
        self._end()

    def _roll_back_to(self, connection: Connection, *_: Any) -> None:
        self._session(connection).recorder.roll_back(wholly=False)

    def _end(self) -> None:
        if self._now is not None:
            self._now.transaction_open = False


def _transaction(now: _Revision) -> int:
    """Return the number of the transaction that a statement sent now is in."""
    now.transactions += not now.transaction_open
    now.transaction_open = True
    return now.transactions


def _add(now: _Revision, facts: StatementFacts) -> None:
    last = now.statements[-1] if now.statements else None
    together = folded(last, facts) if last is not None else None
    if together is not None:
        now.statements[-1] = together
    else:
        now.statements.append(dataclasses.replace(facts, number=len(now.statements) + 1))


def trace_sql(database: Database, text: str, *, file: str, schemas: Sequence[str] = ()) -> RevisionFacts:
    """Run a plain file of SQL as psql does with ON_ERROR_STOP, and return what its statements do.

    Outside of BEGIN and COMMIT each is a transaction of its own. What comes after an error is not run.

    :param database: a throwaway database; it is changed.
    :param text: what is in the file.
    :param file: its name.
    :param schemas: as for :func:`seachange.postgres.catalog.read_catalog`.
    :raises StatementFailedError: it holds commands or variables of psql, or data for COPY.
    """
    from sqlalchemy.exc import DBAPIError

    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect, engine
    from seachange.safety._tracing._script import read_script

    statements = read_script(text, file=file, served=True)
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
