"""Note each statement that a revision sends, with the line of the file that it came from."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.plan import Statement
from seachange.postgres.drivers import in_autocommit, mogrify
from seachange.postgres.redaction import redact
from seachange.revisions._revision import Revision

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Capture"]

# What SQLAlchemy asks the catalogue for (does the table exist?) belongs to no revision's meaning.
_REFLECTION = re.compile(r"\s*select\b.*\bpg_catalog\.", re.IGNORECASE | re.DOTALL)


class Capture:
    """The statements of a run by revision.

    :param root: the project's folder, from which files are named.
    """

    def __init__(self, *, root: Path) -> None:
        self._root = root
        self._revision: Revision | None = None
        self._statements: dict[str, list[Statement]] = {}

    @property
    def statements(self) -> Mapping[str, tuple[Statement, ...]]:
        """What was noted so far."""
        return {revision: tuple(found) for revision, found in self._statements.items()}

    def begin(self, revision: Revision) -> None:
        """Note from now on for ``revision``."""
        self._revision = revision

    @contextlib.contextmanager
    def listening(self, engine: Engine) -> Iterator[None]:
        """Listen to the connections of ``engine``."""
        from sqlalchemy import event

        listener: Callable[..., None] = self._note
        event.listen(engine, "before_cursor_execute", listener)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", listener)

    def _note(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        del cursor
        revision = self._revision
        if revision is None or _REFLECTION.match(statement) or not (line := _line_in(revision.path)):
            return
        parameters, _, many = rest
        path = revision.path
        noted = Statement(
            sql=redact(_written_out(connection, statement, parameters, many=many)),
            file=str(path.relative_to(self._root) if path.is_relative_to(self._root) else path),
            line=line,
            transactional=not in_autocommit(connection),
        )
        self._statements.setdefault(revision.revision, []).append(noted)


def _line_in(path: Path) -> int:
    """Return the line of ``path`` that is under way on this thread; 0 when none is."""
    name = str(path)
    return next((line for frame, line in traceback.walk_stack(None) if frame.f_code.co_filename == name), 0)


def _written_out(connection: Connection, statement: str, parameters: Any, *, many: bool) -> str:
    """Return the statement with its parameters in place; of many rows the first."""
    rows = list(parameters) if many else [parameters]
    text = mogrify(connection, statement, rows[0] if rows else None).strip()
    return f"{text} -- and {len(rows) - 1} more rows" if len(rows) > 1 else text
