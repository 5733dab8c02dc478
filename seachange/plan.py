"""Plans, findings and reports: pure values that every face prints in its own way."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from seachange.errors import PlanInvalidError

__all__ = [
    "Effect",
    "Finding",
    "Plan",
    "PlannedRevision",
    "RunReport",
    "Severity",
    "Statement",
    "Status",
    "StepResult",
    "WayBack",
    "jsonable",
]

_T = TypeVar("_T")

Severity = Literal["error", "warning", "info"]
Status = Literal["done", "skipped", "warning", "failed", "not tried"]
WayBack = Literal["not tried", "works", "differs", "fails", "lossless", "lossy"]

REPORT_SCHEMA = "seachange.run/1"
PLAN_SCHEMA = "seachange.plan/1"

_MAKE_ANEW = "make it anew: invoke migration.plan --output FILE"


def jsonable(value: object) -> Any:
    """Return ``value`` as plain lists, dictionaries, strings and numbers; what stays out of a repr stays out here too."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value) if field.repr}
    if isinstance(value, Mapping):
        return {str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a check found.

    ``code`` is stable and short (``duplicate-revision``, ``SC104``); ``line`` counts from 1, 0 means the whole file.
    ``provenance`` says what it rests on, ``proven`` by a server for instance; ``table`` which table it is about, if any.
    """

    code: str
    message: str
    severity: Severity = "error"
    hint: str = ""
    file: str = ""
    line: int = 0
    provenance: str = ""
    table: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return dict(jsonable(self))

    @property
    def where(self) -> str:
        """The place as ``file:line``, ``file`` or nothing."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Effect:
    """What a statement did to others when it was tried: locks that it took and held, its work, what it lost, who waits.

    ``wait`` is a class, not a time: ``nobody waits``, ``writers wait briefly``, ``readers and writers wait while it works``.
    ``sizes`` are those of the real tables that it works on or blocks.
    """

    locks: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    wait: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """One SQL statement of a revision, with the place that it came from.

    ``transaction`` counts the transactions of the revision, 0 means outside of any. ``count`` is how often the line sent it with
    other values, of which ``sql`` shows the first. ``reads`` says that the revision looks at the rows which it returns.
    ``effect`` is not part of the plan's hash: it depends on the version and the settings of the server.
    """

    sql: str
    file: str = ""
    line: int = 0
    transaction: int = 1
    count: int = 1
    reads: bool = False
    effect: Effect | None = dataclasses.field(default=None, compare=False)

    @property
    def where(self) -> str:
        """The place as ``file:line``."""
        return f"{self.file}:{self.line}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRevision:
    """A revision that would run, and what it would send.

    ``sql_hash`` is over every statement whole, those that ``statements`` only counts too; it is empty when none was captured.
    ``irreversible`` is why its downgrade refuses, in its own words.
    ``varies`` says that a second try gave other SQL: a value is made anew at each run.
    ``transactions`` counts those that it takes; single statements outside of any are not counted.
    ``way_back`` says how the downgrade went on a throwaway server without rows (``works``, ``differs``, ``fails``), or in a
    rehearsal of this plan on rows (``lossless``, ``lossy``, or the latter two), and ``way_back_reason`` what was wrong with it.
    """

    revision: str
    title: str
    file: str
    reversible: bool
    irreversible: str = ""
    requires_release: str = ""
    content_hash: str = ""
    sql_hash: str = ""
    statements: tuple[Statement, ...] = ()
    transactions: int = 0
    depends_on_data: bool = False
    varies: bool = False
    way_back: WayBack = "not tried"
    way_back_reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a command would change, decided before anything is.

    ``database``, ``server_major`` and ``created`` say of which database, on which server and when; they are not part of the hash.
    """

    direction: Literal["upgrade", "downgrade"]
    current: tuple[str, ...]
    target: tuple[str, ...]
    revisions: tuple[PlannedRevision, ...] = ()
    database: str = ""
    server_major: int = 0
    created: str = ""

    @functools.cached_property
    def hash(self) -> str:
        """The SHA-256, in hex, of what the plan does: equal on every machine and day that would do the same."""
        content = {
            "schema": PLAN_SCHEMA,
            "direction": self.direction,
            "current": sorted(self.current),
            "target": sorted(self.target),
            "revisions": [_content(revision) for revision in self.revisions],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {"schema": PLAN_SCHEMA, "hash": self.hash, **jsonable(self)}

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """Return the plan that :meth:`to_dict` wrote.

        :raises PlanInvalidError: the text is no plan, is one of another version, or was changed by hand.
        """
        document = _parsed(text)
        try:
            revisions = [
                _made(PlannedRevision, revision, statements=tuple(map(_statement, revision["statements"])))
                for revision in document["revisions"]
            ]
            found = _made(
                cls,
                document,
                revisions=tuple(revisions),
                current=tuple(map(str, document["current"])),
                target=tuple(map(str, document["target"])),
            )
            intact = document["hash"] == found.hash and found.direction in ("upgrade", "downgrade")
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            raise PlanInvalidError(f"it says {PLAN_SCHEMA}, but is none: {exc!r}", hint=_MAKE_ANEW) from exc
        if not intact:
            raise PlanInvalidError(f"its content does not have the hash that it names, {document['hash']}", hint=_MAKE_ANEW)
        return found


def _content(revision: PlannedRevision) -> dict[str, Any]:
    statements = [[one.sql, one.line, one.transaction, one.count] for one in revision.statements]
    names = ("revision", "content_hash", "sql_hash")
    return {**{name: getattr(revision, name) for name in names}, "statements": statements}


def _parsed(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise PlanInvalidError(f"it is no JSON: {exc}", hint=_MAKE_ANEW) from exc
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != PLAN_SCHEMA:
        raise PlanInvalidError(f"it says schema {schema!r}, not {PLAN_SCHEMA!r}", hint=_MAKE_ANEW)
    return dict(document)


def _statement(document: Mapping[str, Any]) -> Statement:
    effect = document.get("effect")
    if effect is None:
        return _made(Statement, document)
    parts = {name: tuple(value) for name, value in effect.items() if isinstance(value, list)}
    return _made(Statement, document, effect=_made(Effect, effect, **parts))


def _made(kind: type[_T], document: Mapping[str, Any], **parts: object) -> _T:
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in document.items() if name in names} | parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepResult:
    """How one step ended.

    ``facts`` are sentences for people, in order; ``data`` are values for programs, with units in their keys.
    """

    name: str = ""
    status: Status = "done"
    summary: str = ""
    facts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hint: str = ""
    exit_code: int = 0
    duration_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return dict(jsonable(self)) | {"duration_s": round(self.duration_s, 3)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a pipeline did: every step, the state of the database, the time and the exit code."""

    pipeline: str
    steps: tuple[StepResult, ...]
    run_id: str = ""
    database: str = ""
    state: str = ""
    dry_run: bool = False
    duration_s: float = 0.0
    exit_code: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as one versioned JSON document."""
        steps = [step.to_dict() for step in self.steps]
        return {"schema": REPORT_SCHEMA, **jsonable(self), "steps": steps, "duration_s": round(self.duration_s, 3)}
