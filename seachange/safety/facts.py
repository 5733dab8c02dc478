"""What a change did, or would do, to a database: locks, rewrites, scans and builds of each statement, as values."""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Self

from seachange.plan import jsonable
from seachange.postgres.catalog import Catalog

__all__ = [
    "TRACE_SCHEMA",
    "Dropped",
    "IndexBuild",
    "LockMode",
    "Provenance",
    "RelationLock",
    "RevisionFacts",
    "ServerError",
    "StatementFacts",
    "Trace",
    "Window",
    "windows",
]

TRACE_SCHEMA = "seachange.trace/1"

Provenance = Literal["proven", "data", "inferred", "policy"]


class LockMode(enum.IntEnum):
    """The modes of a table lock, weakest first.

    PostgreSQL documentation, 13.3.1 Table-Level Locks. The order is that of the server's own numbers; SHARE and
    SHARE UPDATE EXCLUSIVE are not stronger or weaker than each other, all others are.
    """

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @classmethod
    def parse(cls, mode: str) -> Self:
        """Return the mode of pg_locks, such as ``AccessExclusiveLock``."""
        return cls[_names()[mode.removesuffix("Lock").lower()]]

    @property
    def words(self) -> str:
        """The mode as the documentation and LOCK TABLE spell it."""
        return self.name.replace("_", " ")

    @property
    def short(self) -> str:
        """Initials, as tables have room for: AX, E, SRX, S, SUX, RX, RS, AS."""
        words = {"ACCESS": "A", "SHARE": "S", "ROW": "R", "UPDATE": "U", "EXCLUSIVE": "X"}
        return "E" if self is LockMode.EXCLUSIVE else "".join(words[word] for word in self.name.split("_"))

    @property
    def blocks_readers(self) -> bool:
        """Whether a plain SELECT has to wait."""
        return self is LockMode.ACCESS_EXCLUSIVE

    @property
    def blocks_writers(self) -> bool:
        """Whether INSERT, UPDATE and DELETE have to wait."""
        return self >= LockMode.SHARE


@functools.cache
def _names() -> Mapping[str, str]:
    """Return the names of the modes by what pg_locks calls them: a trace reads thousands."""
    return {each.name.replace("_", "").lower(): each.name for each in LockMode}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RelationLock:
    """A lock on one relation; ``relation`` is its name with schema, quoted where needed, ``kind`` ``table``, ``index``..."""

    relation: str
    mode: LockMode
    kind: str = "table"


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexBuild:
    """An index that was built or built anew, on a table that was there before the transaction."""

    index: str
    table: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dropped:
    """An object that a statement dropped; ``kind`` in the words of the server (``table column``), ``cascaded``: not by name.

    ``table``: the relation that it was a part of, if any.
    """

    name: str
    kind: str
    cascaded: bool = False
    table: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerError:
    """What the server answered instead of doing it."""

    sqlstate: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatementFacts:
    """What one statement did. Relations are named with their schema; those made in the same transaction are left out.

    ``transaction`` counts the transactions of the revision, 0 is outside of any; ``number`` the statements, from 1.
    ``new_locks`` are those that it took in addition to ``held_locks``, which its transaction held when it began.
    ``rewrites`` are tables and materialized views; ``scans`` gives, by table, the rows read by sequential scans, and holds every
    table that the server verified or validated; ``verified`` are those alone. ``proofs`` are constraints that spared a scan.
    ``changes`` gives, by table, the rows inserted, updated or deleted. ``messages`` are the server's own, word for word.
    ``settings`` were in force when it began. ``disagreements`` says where two witnesses contradict each other, ``gaps`` what
    could not be read. ``op`` is ``connection`` for SQL that was sent without an operation of Alembic, and ``cursor`` past
    SQLAlchemy too; ``sql`` is empty where only its traces were found.
    ``provenance`` is ``proven`` where a server did it, ``inferred`` where the text was only read. ``began_s`` is a moment of
    :func:`time.monotonic`, for whoever watched the same server.
    """

    sql: str
    number: int = 1
    file: str = ""
    line: int = 0
    op: str = ""
    transaction: int = 1
    transaction_id: str = ""
    count: int = 1
    new_locks: tuple[RelationLock, ...] = ()
    held_locks: tuple[RelationLock, ...] = ()
    rewrites: tuple[str, ...] = ()
    index_builds: tuple[IndexBuild, ...] = ()
    scans: Mapping[str, int] = dataclasses.field(default_factory=dict)
    verified: tuple[str, ...] = ()
    proofs: tuple[str, ...] = ()
    changes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    created: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    messages: tuple[str, ...] = ()
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    duration_ms: float = 0.0
    wal_bytes: int = 0
    error: ServerError | None = None
    disagreements: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    provenance: Provenance = "proven"
    began_s: float = dataclasses.field(default=0.0, repr=False, compare=False)

    @property
    def where(self) -> str:
        """The place as ``file:line``."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    def long_work(self) -> Mapping[str, tuple[str, ...]]:
        """Return, by table, what takes longer the more rows the table has: ``rewrite``, ``index build``, ``scan``, ``change``.

        A scan that an index build or a rewrite explains is not named again.
        """
        found: dict[str, dict[str, None]] = {}
        for table in self.rewrites:
            found.setdefault(table, {})["rewrite"] = None
        for build in self.index_builds:
            found.setdefault(build.table, {})["index build"] = None
        for table in self.scans:
            if not found.get(table) or table in self.verified:
                found.setdefault(table, {})["scan"] = None
        for table in self.changes:
            found.setdefault(table, {})["change"] = None
        return {table: tuple(kinds) for table, kinds in found.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionFacts:
    """What one revision did, statement by statement, with the catalogue before and after it where a server was asked.

    ``database_settings``: settings of the session in which it began.
    """

    revision: str
    title: str = ""
    file: str = ""
    direction: Literal["upgrade", "downgrade"] = "upgrade"
    statements: tuple[StatementFacts, ...] = ()
    major: int = 0
    before: Catalog | None = dataclasses.field(default=None, repr=False)
    after: Catalog | None = dataclasses.field(default=None, repr=False)

    @property
    def windows(self) -> tuple[Window, ...]:
        """How long each relation was held, transaction by transaction."""
        return tuple(windows(self.statements))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trace:
    """What all revisions of a run did on a server of one version.

    ``error`` is why it ended before the last one did, ``hint`` the remedy.
    """

    major: int
    revisions: tuple[RevisionFacts, ...]
    server_version: str = ""
    error: str = ""
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the trace as JSON values, the catalogues left out."""
        revisions = []
        for revision in self.revisions:
            statements = [
                jsonable(each) | {"duration_ms": round(each.duration_ms, 3), "long_work": jsonable(each.long_work())}
                for each in revision.statements
            ]
            revisions.append(jsonable(revision) | {"statements": statements, "windows": jsonable(revision.windows)})
        head = {"schema": TRACE_SCHEMA, "major": self.major, "server_version": self.server_version, "error": self.error}
        return {**head, "revisions": revisions}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """A relation under lock, from its first acquisition to the end of the transaction: the unit of danger.

    ``first`` and ``strongest_at`` are numbers of statements; ``mode`` is the strongest one and was taken at ``strongest_at``.
    ``stages`` gives each number at which the lock became stronger, with the mode from there on. ``statements`` are all from where
    writers or readers first have to wait, from ``first`` where nobody has to, to the end of the transaction.
    """

    relation: str
    mode: LockMode
    transaction: int
    first: int
    strongest_at: int
    stages: tuple[tuple[int, LockMode], ...] = ()
    statements: tuple[StatementFacts, ...] = dataclasses.field(repr=False)

    def long_work(self) -> Mapping[int, Mapping[str, tuple[str, ...]]]:
        """Return, by number of statement, the long work done while the mode was held, on whichever table."""
        return {each.number: work for each in self.statements if (work := each.long_work())}


def windows(statements: Iterable[StatementFacts]) -> Iterator[Window]:
    """Yield each relation's window in each transaction, in the order in which they open.

    :param statements: those of one revision, in order; one outside of any transaction is a transaction of its own.
    """
    groups: dict[int, list[StatementFacts]] = {}
    for statement in statements:
        groups.setdefault(statement.transaction or -statement.number, []).append(statement)
    for group in groups.values():
        yield from _windows_of(group)


def _windows_of(group: list[StatementFacts]) -> Iterator[Window]:
    stages: dict[str, list[tuple[int, LockMode]]] = {}
    for position, statement in enumerate(group):
        for lock in statement.new_locks:
            known = stages.setdefault(lock.relation, [])
            if not known or lock.mode > known[-1][1]:
                # Of several modes that one statement takes the strongest counts.
                known[:] = [each for each in known if each[0] != position]
                known.append((position, lock.mode))
    for relation, taken in stages.items():
        position, mode = taken[-1]
        blocked = next((at for at, each in taken if each.blocks_writers), taken[0][0])
        yield Window(
            relation=relation,
            mode=mode,
            transaction=group[0].transaction,
            first=group[taken[0][0]].number,
            strongest_at=group[position].number,
            stages=tuple((group[at].number, each) for at, each in taken),
            statements=tuple(group[blocked:]),
        )
