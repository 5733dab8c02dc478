"""Note each statement that a revision sends, with the line of the file that it came from."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.plan import Statement
from seachange.postgres.drivers import in_autocommit, listening, mogrify
from seachange.postgres.redaction import redact
from seachange.revisions._revision import Revision

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["Capture", "Captured", "Noted", "ends_transaction", "joined", "sender"]

# What SQLAlchemy asks the catalogue for (does the table exist?) belongs to no revision's meaning.
_REFLECTION = re.compile(r"\s*select\b.*\bpg_catalog\.", re.IGNORECASE | re.DOTALL)
_ENDS_TRANSACTION = re.compile(r"\s*(commit|rollback(?!\s+to\b)|end|abort)\b", re.IGNORECASE)
_BEGINS_TRANSACTION = re.compile(r"\s*(begin|start\s+transaction)\b", re.IGNORECASE)
_GIVES_ROWS = re.compile(r"\s*(select|with|values|table)\b|\s*(update|delete|merge)\b.*\breturning\b", re.IGNORECASE | re.DOTALL)
_OF_CATALOGUE = re.compile(r"\b(information_schema|pg_catalog|pg_\w+)\b(?!\s*\()", re.IGNORECASE)

# What differs from one turn of a loop to the next; names do not, and what they name is a change of its own.
_VALUE = re.compile(
    r"\$(\w*)\$.*?\$\1\$|[eE]?'(?:[^']|'')*'|(?<![\w\"])-?\d[\d.]*(?![\w\"])|\b(?:null|true|false)\b", re.I | re.S
)

# So many statements may one turn of a loop send and be recognised.
_LONGEST_TURN = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Captured:
    """What one revision sent; ``sql_hash`` is over every statement whole and in order."""

    statements: tuple[Statement, ...]
    transactions: int
    sql_hash: str

    @property
    def depends_on_data(self) -> bool:
        """Whether the revision looks at rows, so that others may make it send something else."""
        return any(statement.reads for statement in self.statements)


class Noted:
    """The revision under way: its statements, the turns of a loop folded into one."""

    def __init__(self, revision: Revision) -> None:
        self.revision = revision
        self.transaction_open = False
        self._statements: list[Statement] = []
        self._keys: list[tuple[int, bool, str]] = []
        self._transactions = 0
        self._digest = hashlib.sha256()

    def transaction(self, text: str, *, autocommit: bool) -> int:
        """Return the number of the transaction that a statement sent now is in."""
        if autocommit and not self.transaction_open and not _BEGINS_TRANSACTION.match(text):
            return 0
        self._transactions += not self.transaction_open
        self.transaction_open = True
        return self._transactions

    def add(self, statement: Statement, texts: list[str]) -> None:
        for text in texts:
            self._digest.update(f"{statement.transaction}\0{text}\0".encode())
        self._statements.append(statement)
        self._keys.append((statement.line, bool(statement.transaction), _VALUE.sub("?", texts[0])))
        for length in range(1, min(_LONGEST_TURN, len(self._keys) // 2) + 1):
            if self._keys[-1] == self._keys[-1 - length] and self._keys[-length:] == self._keys[-2 * length : -length]:
                self._fold(length)
                return

    def _fold(self, length: int) -> None:
        """Count the last turn of a loop as one more of the turn before it."""
        turn = self._statements[-length:]
        del self._statements[-length:], self._keys[-length:]
        for index, again in enumerate(turn, start=-length):
            known = self._statements[index]
            self._statements[index] = dataclasses.replace(known, count=known.count + again.count)

    def captured(self) -> Captured:
        return Captured(statements=tuple(self._statements), transactions=self._transactions, sql_hash=self._digest.hexdigest())


class Capture:
    """The statements of a run by revision.

    :param root: the project's folder, from which files are named.
    """

    def __init__(self, *, root: Path) -> None:
        self._root = root
        # A revision that is run in several databases or schemas is noted for each of them.
        self._noted: dict[str, list[Noted]] = {}
        self._now: Noted | None = None

    @property
    def found(self) -> Mapping[str, Captured]:
        """What was noted so far."""
        return {name: joined([each.captured() for each in noted]) for name, noted in self._noted.items()}

    def begin(self, revision: Revision) -> None:
        """Note from now on for ``revision``."""
        self._now = Noted(revision)
        self._noted.setdefault(revision.revision, []).append(self._now)

    @contextlib.contextmanager
    def listening(self, engine: Engine) -> Iterator[None]:
        """Listen to the connections of ``engine``."""
        listeners: dict[str, Callable[..., None]] = {
            "before_cursor_execute": self._note,
            "commit": self._end_transaction,
            "rollback": self._roll_back,
        }
        with listening(engine, listeners):
            yield

    def _end_transaction(self, connection: Connection) -> None:
        del connection
        if self._now is not None:
            self._now.transaction_open = False

    def _roll_back(self, connection: Connection) -> None:
        now = self._now
        if now is not None and now.transaction_open and not sender(now.revision.path)[0]:
            # Not the revision gave it up but who runs it, to try it again from its beginning.
            self._noted[now.revision.revision].pop()
            self.begin(now.revision)
        self._end_transaction(connection)

    def _note(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        del cursor
        now = self._now
        if now is None or _REFLECTION.match(statement):
            return
        line, by_alembic = sender(now.revision.path)
        if not line:
            return
        parameters, _, many = rest
        texts = _written_out(connection, statement, parameters, many=many)
        path = now.revision.path
        noted = Statement(
            sql=redact(texts[0]),
            file=str(path.relative_to(self._root) if path.is_relative_to(self._root) else path),
            line=line,
            transaction=now.transaction(statement, autocommit=in_autocommit(connection)),
            count=len(texts),
            reads=not by_alembic and bool(_GIVES_ROWS.match(statement)) and not _OF_CATALOGUE.search(statement),
        )
        now.add(noted, texts)
        if ends_transaction(statement):
            now.transaction_open = False


def ends_transaction(text: str) -> bool:
    """Say whether a text ends the transaction that it is sent in."""
    return bool(_ENDS_TRANSACTION.match(text))


def joined(parts: Sequence[Captured]) -> Captured:
    """Return what a revision sent in all places; places where it sent the same are shown once, and all count for the hash."""
    if len(parts) == 1:
        return parts[0]
    statements: list[Statement] = []
    transactions = 0
    for part in {part.statements: part for part in parts}.values():
        shifted = (each.transaction + transactions if each.transaction else 0 for each in part.statements)
        statements += [
            dataclasses.replace(each, transaction=number) for each, number in zip(part.statements, shifted, strict=True)
        ]
        transactions += part.transactions
    digest = hashlib.sha256("\0".join(part.sql_hash for part in parts).encode())
    return Captured(statements=tuple(statements), transactions=transactions, sql_hash=digest.hexdigest())


def sender(path: Path) -> tuple[int, bool]:
    """Return the line of ``path`` that is under way on this thread, 0 when none is, and whether Alembic's operations send for it.

    ``op.execute`` and its like give no rows back, so that a SELECT sent by them is there for what it does.
    """
    name, by_alembic = str(path), False
    for frame, line in traceback.walk_stack(None):
        if frame.f_code.co_filename == name:
            return line, by_alembic
        by_alembic = by_alembic or frame.f_globals.get("__name__") == "alembic.ddl.impl"
    return 0, False


def _written_out(connection: Connection, statement: str, parameters: Any, *, many: bool) -> list[str]:
    """Return the statement once for each row of parameters, with these in place."""
    rows = list(parameters) if many else [parameters]
    return [mogrify(connection, statement, row).strip() for row in rows or [None]]
