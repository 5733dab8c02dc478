"""What a rehearsal measured and found, as values that are kept as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from seachange.errors import PlanInvalidError
from seachange.plan import Finding, jsonable
from seachange.workflow._rehearsal._decoding import decoded

__all__ = [
    "REHEARSAL_SCHEMA",
    "Check",
    "DowngradeRehearsal",
    "Overrun",
    "Projection",
    "Rehearsal",
    "RevisionRehearsal",
    "Source",
    "Stall",
    "StatementRehearsal",
    "TableStalls",
]

REHEARSAL_SCHEMA = "seachange.rehearsal/1"

SourceKind = Literal["backup", "copy", "seeded", "shadow"]
WayBackVerdict = Literal["lossless", "lossy", "differs", "fails", "irreversible", "not tried"]

# Of class 22, data exception, and 23, integrity constraint violation.
_ABOUT_ROWS = re.compile(r"\[SQLSTATE 2[23]\w{3}\]")

_MAKE_ANEW = "rehearse anew: invoke migration.rehearse --out FILE"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stall:
    """The longest single wait of readers or of writers of a table, and the statement that was under way meanwhile.

    ``baseline_ms`` is the longest wait of the same probe before the revision began; ``wait_ms`` has it subtracted already.
    ``number`` is that of the statement in its revision, 0 where none was under way. ``locked_at`` is the place of the statement
    that took the lock, which the transaction keeps to its end.
    """

    wait_ms: float = 0.0
    baseline_ms: float = 0.0
    number: int = 0
    file: str = ""
    line: int = 0
    sql: str = ""
    locked_at: str = ""

    @property
    def where(self) -> str:
        """The place as ``file:line``."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    @property
    def cause(self) -> str:
        """The place to begin looking: where the lock was taken, as far as that is known."""
        return self.locked_at or self.where


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableStalls:
    """How long readers and writers of one table had to wait while a revision ran.

    ``reads`` and ``writes`` count the probes, ``deadlocks`` those that the server ended for a deadlock; ``errors`` are the other
    ways in which a probe failed, each said once.
    """

    table: str
    reader: Stall = dataclasses.field(default_factory=Stall)
    writer: Stall = dataclasses.field(default_factory=Stall)
    reads: int = 0
    writes: int = 0
    deadlocks: int = 0
    errors: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatementRehearsal:
    """One statement of a revision as it ran on the copy.

    ``locks`` are the strongest on tables that were there before, as ``ACCESS EXCLUSIVE on public.visit``; ``work`` what takes
    longer the more rows there are, as ``rewrite of public.visit``; ``changes`` rows inserted, updated or deleted, by table.
    """

    number: int
    sql: str
    file: str = ""
    line: int = 0
    transaction: int = 1
    count: int = 1
    duration_ms: float = 0.0
    wal_bytes: int = 0
    locks: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    changes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def where(self) -> str:
        """The place as ``file:line``."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclasses.dataclass(frozen=True, kw_only=True)
class RevisionRehearsal:
    """What one revision cost on the copy.

    ``size_*_bytes`` are of the whole database; ``size_peak_bytes`` is the largest that was sampled while it ran.
    ``not_probed`` are tables that it touches and that no probe looked at: there were too many, or the history does not have them.
    """

    revision: str
    title: str = ""
    file: str = ""
    duration_ms: float = 0.0
    wal_bytes: int = 0
    size_before_bytes: int = 0
    size_after_bytes: int = 0
    size_peak_bytes: int = 0
    statements: tuple[StatementRehearsal, ...] = ()
    tables: tuple[TableStalls, ...] = ()
    not_probed: tuple[str, ...] = ()

    @property
    def reader_table(self) -> TableStalls | None:
        """The table whose readers waited longest."""
        return max(self.tables, key=lambda each: each.reader.wait_ms, default=None)

    @property
    def writer_table(self) -> TableStalls | None:
        """The table whose writers waited longest."""
        return max(self.tables, key=lambda each: each.writer.wait_ms, default=None)

    @property
    def reader(self) -> Stall:
        """The longest wait of a reader of any table."""
        return self.reader_table.reader if self.reader_table else Stall()

    @property
    def writer(self) -> Stall:
        """The longest wait of a writer of any table."""
        return self.writer_table.writer if self.writer_table else Stall()

    @property
    def growth_bytes(self) -> int:
        """By how much the database was larger at its peak than before."""
        return max(self.size_peak_bytes, self.size_after_bytes) - self.size_before_bytes

    @property
    def changes(self) -> Mapping[str, int]:
        """Rows inserted, updated or deleted, by table."""
        found: dict[str, int] = {}
        for table, rows in (pair for each in self.statements for pair in each.changes.items()):
            found[table] = found.get(table, 0) + rows
        return found

    @property
    def locks(self) -> tuple[str, ...]:
        """The locks of all its statements, each once."""
        return tuple(dict.fromkeys(lock for each in self.statements for lock in each.locks))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """Something that was looked at on the copy besides the revisions: data checks, constraints, orphans, queries of N-1."""

    name: str
    status: Literal["done", "skipped", "warning", "failed"] = "done"
    summary: str = ""
    findings: tuple[Finding, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DowngradeRehearsal:
    """How undoing a revision went.

    ``lossless``: the schema fingerprint and the sums of rows that were not to change are as before; ``lossy``: the schema is,
    rows are not; ``differs``: the schema is not; ``fails``: an error; ``irreversible``: it says itself that there is no way back.
    """

    revision: str
    verdict: WayBackVerdict = "not tried"
    reasons: tuple[str, ...] = ()
    duration_ms: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What the rehearsal ran on.

    ``name`` is that of the backup or database, ``created`` when its rows were those of the real database (ISO 8601), ``scale``
    the part of the real database's bytes that it has; ``cached`` says that an earlier restore was cloned. ``rowless`` are tables
    that revisions touch, which have rows in the real database and none here.
    """

    kind: SourceKind
    name: str = ""
    created: str = ""
    scale: float = 1.0
    cached: bool = False
    masked: tuple[str, ...] = ()
    rowless: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Projection:
    """What a measure would most likely be on the real database, where the copy is smaller; by ``formula``."""

    revision: str
    measure: str
    measured: float
    projected: float
    formula: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overrun:
    """A budget that was not kept; ``limit`` and ``value`` in ms or bytes, ``projected`` where the value was not measured itself.

    ``revision`` is the worst one where all of them count together.
    """

    measure: Literal["max_reader_stall", "max_writer_stall", "max_duration", "max_disk_growth"]
    limit: float
    value: float
    revision: str = ""
    table: str = ""
    where: str = ""
    projected: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """One rehearsal: of which plan, when, on what, and all that came of it.

    ``failed`` is the revision that failed on the copy, ``error`` and ``hint`` what apply would say. On rows that were made up a
    revision may fail which the real ones let pass: that is ``inconclusive``.
    """

    plan_hash: str
    started: str
    source: Source
    database: str = ""
    revisions_before: tuple[str, ...] = ()
    server_version: str = ""
    revisions: tuple[RevisionRehearsal, ...] = ()
    checks: tuple[Check, ...] = ()
    downgrades: tuple[DowngradeRehearsal, ...] = ()
    projections: tuple[Projection, ...] = ()
    over_budget: tuple[Overrun, ...] = ()
    notes: tuple[str, ...] = ()
    failed: str = ""
    error: str = ""
    hint: str = ""
    duration_s: float = 0.0

    @property
    def verdict(self) -> Literal["passed", "over budget", "failed", "inconclusive"]:
        """What it means for an apply."""
        if self.source.kind == "seeded" and _ABOUT_ROWS.search(self.error):
            return "inconclusive"
        if self.error or any(check.status == "failed" for check in self.checks):
            return "failed"
        return "over budget" if self.over_budget else "passed"

    @property
    def passed(self) -> bool:
        """Whether nothing failed and every budget was kept."""
        return self.verdict == "passed"

    @property
    def plan_name(self) -> str:
        """The plan as people call it."""
        return f"plan {self.plan_hash[:12]}" if self.plan_hash else "a plan without a hash"

    def lossless(self, revision: str) -> bool:
        """Return whether undoing ``revision`` gave back the schema and all rows that were not to change.

        :param revision: its id.
        """
        return any(each.revision == revision and each.verdict == "lossless" for each in self.downgrades)

    def age_s(self, now: datetime.datetime) -> float:
        """Return how long ago it began; a start in the future counts as none at all.

        :param now: the time, with its zone.
        """
        return max(0.0, (now - datetime.datetime.fromisoformat(self.started)).total_seconds())

    def findings(self) -> Iterator[Finding]:
        """Yield what all its checks found."""
        for check in self.checks:
            yield from check.findings

    def to_dict(self) -> dict[str, Any]:
        """Return the rehearsal as one versioned JSON document."""
        revisions = [jsonable(each) | _summed(each) for each in self.revisions]
        return {"schema": REHEARSAL_SCHEMA, "verdict": self.verdict, **jsonable(self), "revisions": revisions}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Rehearsal:
        """Return the rehearsal that :meth:`to_dict` wrote.

        :raises PlanInvalidError: the document is none, or one of another version.
        """
        schema = document.get("schema")
        if schema != REHEARSAL_SCHEMA:
            raise PlanInvalidError(f"it says schema {schema!r}, not {REHEARSAL_SCHEMA!r}", hint=_MAKE_ANEW)
        try:
            found = decoded(cls, document)
            _ = datetime.datetime.fromisoformat(found.started).astimezone()
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise PlanInvalidError(f"it says {REHEARSAL_SCHEMA}, but is none: {exc!r}", hint=_MAKE_ANEW) from exc
        return found


def _summed(revision: RevisionRehearsal) -> dict[str, Any]:
    return {
        "reader_stall_ms": round(revision.reader.wait_ms, 3),
        "writer_stall_ms": round(revision.writer.wait_ms, 3),
        "growth_bytes": revision.growth_bytes,
        "changes": dict(revision.changes),
        "locks": list(revision.locks),
    }
