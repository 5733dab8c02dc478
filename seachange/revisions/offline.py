"""What revisions would send, learnt without any server: they are run, and write their SQL instead of sending it."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.plan import Statement
from seachange.postgres.redaction import redact
from seachange.revisions._asked import AskedSignal, OfflineConnection
from seachange.revisions._capture import Captured, Noted, ends_transaction, joined, sender
from seachange.revisions._environment import run_offline
from seachange.revisions._output import contained
from seachange.revisions._revision import Revision
from seachange.revisions._surroundings import surrounded
from seachange.revisions.captures import OfflineCapture, Unknown
from seachange.revisions.project import Project, open_project

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext

__all__ = ["capture_offline"]


def capture_offline(settings: Settings, revisions: Iterable[Revision]) -> Mapping[str, OfflineCapture]:
    """Return what the ``upgrade`` of each revision would send, by id.

    They are run by the project's env.py in Alembic's offline mode; where env.py has none that works, by a bare context.

    :param settings: the project's settings.
    :param revisions: in order.
    """
    project, todo = open_project(settings), tuple(revisions)
    found: dict[str, list[tuple[Captured, Unknown | None]]] = {}

    def work(context: MigrationContext, heads: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        del heads
        for revision in todo:
            ran = _Run(context, revision, root=settings.root).execute(arguments)
            found.setdefault(revision.revision, []).append(ran)

    if not todo:
        return {}
    if not run_offline(project, work):
        found.clear()
        _run_bare(project, work)
    return {name: _together(runs) for name, runs in found.items()}


def _together(runs: Sequence[tuple[Captured, Unknown | None]]) -> OfflineCapture:
    statements = joined([captured for captured, _ in runs]).statements
    return OfflineCapture(statements=statements, unknown=next((unknown for _, unknown in runs if unknown), None))


def _run_bare(project: Project, work: Any) -> None:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext

    options = {"as_sql": True, "literal_binds": True, "output_buffer": io.StringIO(), "transaction_per_migration": True}
    with contained():
        project.add_to_path()
        with surrounded(project.settings):
            context = MigrationContext.configure(dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, opts=options)
            # The argument that Alembic's template for several databases gives.
            each = [{"engine_name": name} for name in project.settings.databases] or [{}]
            with Operations.context(context):
                for arguments in each:
                    work(context, (), arguments)


class _UnansweredError(Exception):
    """A revision failed where there was no database."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


class _Run:
    """One revision under way."""

    def __init__(self, context: MigrationContext, revision: Revision, *, root: Path) -> None:
        self._context = context
        self._revision = revision
        self._root = root
        self._noted = Noted(revision)
        self._in_transaction = False

    def execute(self, arguments: Mapping[str, Any]) -> tuple[Captured, Unknown | None]:
        """Run the revision; return what it would send, and where that ends being known."""
        self._listen()
        try:
            self._upgrade(arguments)
        except AskedSignal as signal:
            return self._noted.captured(), Unknown(line=self._line_of(signal), reason=f"it asks the database ({signal})")
        except _UnansweredError as failure:
            exc = failure.error
            reason = redact(f"without a database: {type(exc).__name__}: {exc}")
            return self._noted.captured(), Unknown(line=self._line_of(exc), reason=reason, failed=True)
        return self._noted.captured(), None

    def _upgrade(self, arguments: Mapping[str, Any]) -> None:
        try:
            upgrade = self._load().upgrade
            with self._context.begin_transaction(_per_migration=True):
                upgrade(**arguments)
        except (Exception, SystemExit) as exc:
            # A revision may raise anything where it gets no answer; with a server it may well succeed.
            raise _UnansweredError(exc) from exc

    def _load(self) -> Any:
        from alembic.util import load_python_file

        return load_python_file(str(self._revision.path.parent), self._revision.path.name)

    def _listen(self) -> None:
        """Let the context tell here what it would write."""
        connection = OfflineConnection(self._context.dialect, send=self._note, end=self._end)
        told = {
            "connection": connection,
            "_exec": self._exec,
            "emit_begin": self._begin,
            "emit_commit": self._end,
        }
        vars(self._context.impl).update(told)
        vars(self._context)["connection"] = connection

    def _begin(self) -> None:
        self._in_transaction = True

    def _end(self) -> None:
        self._in_transaction = False
        self._noted.transaction_open = False

    def _exec(self, construct: Any, execution_options: Any = None, **values: Any) -> None:
        del execution_options
        for row in values.get("multiparams") or [values.get("params") or {}]:
            self._note(construct, row)

    def _note(self, construct: Any, parameters: Mapping[str, Any]) -> None:
        line, _ = sender(self._revision.path)
        if not line:
            return
        text = _written_out(construct, parameters, dialect=self._context.dialect).strip()
        path = self._revision.path
        statement = Statement(
            sql=redact(text),
            file=str(path.relative_to(self._root) if path.is_relative_to(self._root) else path),
            line=line,
            transaction=self._noted.transaction(text, autocommit=not self._in_transaction),
        )
        self._noted.add(statement, [text])
        if ends_transaction(text):
            self._noted.transaction_open = False

    def _line_of(self, exc: BaseException) -> int:
        if isinstance(exc, SyntaxError) and exc.filename == str(self._revision.path):
            return exc.lineno or 0
        lines = [
            line for frame, line in traceback.walk_tb(exc.__traceback__) if frame.f_code.co_filename == str(self._revision.path)
        ]
        return lines[-1] if lines else 0


def _written_out(construct: Any, parameters: Mapping[str, Any], *, dialect: Any) -> str:
    """Return a statement as text, values in place; where one cannot be written, a placeholder of a driver stands for it."""
    from sqlalchemy import make_url, schema, text
    from sqlalchemy.exc import CompileError

    if isinstance(construct, str):
        construct = text(construct)
    if isinstance(construct, schema.ExecutableDDLElement):
        return str(construct.compile(dialect=dialect))
    try:
        if parameters:
            construct = _bound(construct, parameters)
        return str(construct.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except (CompileError, NotImplementedError):
        return str(construct.compile(dialect=make_url("postgresql+psycopg://").get_dialect()()))


def _bound(construct: Any, parameters: Mapping[str, Any]) -> Any:
    from sqlalchemy import TextClause
    from sqlalchemy.sql.dml import ValuesBase

    if isinstance(construct, TextClause):
        return construct.bindparams(**parameters)
    return construct.values(**parameters) if isinstance(construct, ValuesBase) else construct.params(**parameters)
