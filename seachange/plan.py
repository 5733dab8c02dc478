"""Plans, findings and reports: pure values that every face prints in its own way."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

__all__ = ["Finding", "Plan", "PlannedRevision", "RunReport", "Severity", "Statement", "Status", "StepResult", "jsonable"]

Severity = Literal["error", "warning", "info"]
Status = Literal["done", "skipped", "warning", "failed", "not tried"]

REPORT_SCHEMA = "seachange.run/1"
PLAN_SCHEMA = "seachange.plan/1"


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

    ``code`` is stable and short (``duplicate-revision``, ``orphan``); ``line`` counts from 1, 0 means the whole file.
    """

    code: str
    message: str
    severity: Severity = "error"
    hint: str = ""
    file: str = ""
    line: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return dict(jsonable(self))

    @property
    def where(self) -> str:
        """The place as ``file:line``, ``file`` or nothing."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """One SQL statement of a revision, with the place that it came from."""

    sql: str
    file: str = ""
    line: int = 0
    transactional: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedRevision:
    """A revision that would run, and what it would send."""

    revision: str
    title: str
    file: str
    reversible: bool
    statements: tuple[Statement, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What a command would change, decided before anything is."""

    direction: Literal["upgrade", "downgrade"]
    current: tuple[str, ...]
    target: tuple[str, ...]
    revisions: tuple[PlannedRevision, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {"schema": PLAN_SCHEMA, **jsonable(self)}


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
