"""What a revision commits outside of its own transaction, written down with it, so that it can be gone on from or undone."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from seachange.postgres.drivers import query
from seachange.postgres.redaction import redact
from seachange.postgres.statements import classify, without_placeholders
from seachange.revisions._inverse import ended_well
from seachange.revisions._replay import Replay
from seachange.revisions._statement_table import Recorded, done_text, insert_text

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Journal", "Owner"]

_LONGEST = 8_000
_READS = re.compile(
    r"\s*(select|show|set|reset|values|explain|table|lock|savepoint|release|rollback|begin|start|discard)\b", re.IGNORECASE
)
_COMMITS = re.compile(r"\s*(commit|end)\b", re.IGNORECASE)
_RETURNS = re.compile(r"\breturning\b", re.IGNORECASE)
_DATA = re.compile(r"\s*(insert|update|delete|merge)\b[^;]*;?\s*\Z", re.IGNORECASE)
# PostgreSQL refuses them in a transaction, or they end it.
_ALONE = frozenset(
    {
        *(
            "vacuum_stmt",
            "reindex_stmt",
            "cluster_stmt",
            "createdb_stmt",
            "dropdb_stmt",
            "alter_system_stmt",
            "call_stmt",
            "do_stmt",
        ),
        *("create_table_space_stmt", "drop_table_space_stmt", "alter_database_stmt", "transaction_stmt", "check_point_stmt"),
        *("create_subscription_stmt", "alter_subscription_stmt", "drop_subscription_stmt"),
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Owner:
    """What all records of one revision in one run have in common."""

    version_table: str
    revision: str
    direction: Literal["upgrade", "downgrade"]
    run_id: str
    file_hash: str | None


class Journal:
    """The record of one revision in one direction.

    :param recorded: what the last run committed of it, in order.
    :param write: runs SQL on the connection of the revision, and says whether that went well.
    :param owner: what is the same in all records.
    """

    def __init__(self, recorded: Sequence[Recorded], *, write: Callable[[sa.Connection, str], bool], owner: Owner) -> None:
        self._replay = Replay(recorded)
        self._resumed = bool(recorded)
        self._next = max((one.number for one in recorded), default=0) + 1
        self._write = write
        self._owner = owner
        self._pending: list[Recorded] = []
        self._marks: dict[str, int] = {}

    @property
    def resumed(self) -> bool:
        """Whether part of the revision was in the database before."""
        return self._resumed

    def keeps(self, statement: str) -> bool:
        """Whether a statement is recorded: not one that only reads, nor one whose rows decide how the revision goes on."""
        return not (_READS.match(statement) or _COMMITS.match(statement) or _RETURNS.search(statement) or _selects(statement))

    def passed_over(self, connection: sa.Connection, statement: str, parameters: object) -> Recorded | None:
        """Return the record of a statement that is about to be sent, if an earlier run has committed it.

        One of which it is only known that it was begun is looked for in the database.

        :raises RefusedError: the revision sends something else than the last time.
        """
        if not self._resumed or not self.keeps(statement):
            return None
        text_hash, values_hash = _hashes(statement, parameters)
        recorded = self._replay.find(redact(statement), text_hash=text_hash, values_hash=values_hash)
        if recorded is None or recorded.state == "done":
            return recorded
        if not ended_well(statement, lambda text: query(connection.connection, text)):
            return None
        self.settle(connection, recorded)
        return recorded

    def note(self, statement: str, parameters: object, *, rows: int, connection: sa.Connection | None) -> None:
        """Note a statement of the transaction under way, or write at once that it is committed.

        :param connection: that of the revision where each statement is a transaction of its own, and this one is not written yet.
        """
        if self.keeps(statement):
            recorded = self._made(statement, parameters, state="done", rows=rows)
            self._pending.append(dataclasses.replace(recorded, alone=connection is not None))
            if connection is not None:
                self.flush(connection)

    def mark(self, name: str) -> None:
        """Note a savepoint."""
        self._marks[name] = len(self._pending)

    def back_to(self, name: str) -> None:
        """Forget what was sent after a savepoint: it is undone."""
        del self._pending[self._marks.get(name, 0) :]

    def forget(self) -> None:
        """Forget what was sent in the transaction under way: it is undone."""
        self._pending.clear()

    def flush(self, connection: sa.Connection) -> None:
        """Write what the transaction under way has sent; it is about to be committed before the revision is done."""
        for recorded in self._pending:
            self._write(connection, insert_text(self._owner.version_table, recorded))
        self._pending.clear()

    @contextlib.contextmanager
    def around(self, connection: sa.Connection, statement: str, parameters: object) -> Iterator[Callable[[int], None]]:
        """Record a statement that is a transaction of its own: in that transaction, or before and after where there can be none.

        :param connection: runs it, in autocommit.
        :param statement: its text.
        :param parameters: its values.
        :returns: to be called with the number of rows when it has run.
        """
        if not self.keeps(statement):
            yield lambda _: None
        elif _fits_transaction(statement):
            with self._within(connection, statement, parameters) as ended:
                yield ended
        else:
            with self._apart(connection, statement, parameters) as ended:
                yield ended

    @contextlib.contextmanager
    def _within(self, connection: sa.Connection, statement: str, parameters: object) -> Iterator[Callable[[int], None]]:
        def ended(rows: int) -> None:
            recorded = self._made(statement, parameters, state="done", rows=rows)
            self._write(connection, insert_text(self._owner.version_table, recorded))

        query(connection.connection, "begin")
        try:
            yield ended
        except BaseException:
            with contextlib.suppress(Exception):  # the connection may be what failed; the error itself is on its way
                query(connection.connection, "rollback")
            raise
        query(connection.connection, "commit")

    @contextlib.contextmanager
    def _apart(self, connection: sa.Connection, statement: str, parameters: object) -> Iterator[Callable[[int], None]]:
        recorded = self._made(statement, parameters, state="begun", rows=-1)
        begun = self._write(connection, insert_text(self._owner.version_table, recorded))
        yield lambda _: None
        if begun:
            self.settle(connection, recorded)

    def settle(self, connection: sa.Connection, recorded: Recorded) -> None:
        """Write that a statement, begun the last time, is done now."""
        self._write(connection, done_text(self._owner.version_table, recorded))

    def _made(self, statement: str, parameters: object, *, state: Literal["begun", "done"], rows: int) -> Recorded:
        text_hash, values_hash = _hashes(statement, parameters)
        number, self._next = self._next, self._next + 1
        return Recorded(
            revision=self._owner.revision,
            direction=self._owner.direction,
            number=number,
            state=state,
            sql=redact(statement)[:_LONGEST],
            text_hash=text_hash,
            values_hash=values_hash,
            rows=rows,
            run_id=self._owner.run_id,
            file_hash=self._owner.file_hash,
        )


def _hashes(statement: str, parameters: object) -> tuple[str, str]:
    return tuple(hashlib.sha256(text.encode()).hexdigest() for text in (statement, repr(parameters or ())))  # type: ignore[return-value]


def _selects(statement: str) -> bool:
    return statement.lstrip()[:4].lower() == "with" and _kinds(statement) == ("select_stmt",)


def _fits_transaction(statement: str) -> bool:
    if _DATA.match(statement):
        return True
    kinds, found = _kinds(statement), classify(statement)
    return bool(kinds) and not _ALONE.intersection(kinds) and not found.concurrent and found.atomic


@functools.lru_cache(maxsize=256)
def _kinds(statement: str) -> tuple[str, ...]:
    import postgast

    try:
        parsed = postgast.parse(without_placeholders(statement))
    except postgast.PgQueryError:
        return ()
    return tuple(raw.stmt.WhichOneof("node") or "" for raw in parsed.stmts)
