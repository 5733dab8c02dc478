"""Whether code of another commit works with a changed schema, by table and column, and what class of version that makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from seachange.plan import Finding, jsonable
from seachange.safety._compatibility.bodies import find_broken_bodies, find_dropped
from seachange.safety._compatibility.broken import find_broken, told
from seachange.safety._compatibility.changes import find_changes
from seachange.safety._compatibility.compiling import compile_code
from seachange.safety._compatibility.functions import check_functions
from seachange.safety._compatibility.preparing import Prepared, prepare
from seachange.safety._compatibility.reading import read_schema
from seachange.safety._compatibility.receiving import find_identities, find_labels, find_nulls, find_retyped
from seachange.safety._compatibility.values import (
    Case,
    Code,
    CodeColumn,
    CodeTable,
    Effect,
    Failure,
    Impact,
    Order,
    Place,
    Query,
    Schema,
    Step,
)
from seachange.safety._compatibility.writing import find_required, find_restrictions

__all__ = [
    "LEVELS",
    "Case",
    "Code",
    "CodeColumn",
    "CodeTable",
    "Compatibility",
    "Effect",
    "Failure",
    "Impact",
    "Order",
    "Place",
    "Prepared",
    "Query",
    "Schema",
    "Step",
    "check_functions",
    "classify",
    "compile_code",
    "finding_of",
    "judge",
    "missed",
    "order_of",
    "prepare",
    "read_schema",
]

# What semantic versioning calls them.
LEVELS: dict[Impact, str] = {"breaking": "major", "additive": "minor", "neutral": "patch"}

_FIRST = {"breaking": 0, "additive": 1, "neutral": 2}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compatibility:
    """How the code of a commit and a changed schema go together.

    ``effects`` are of the change on that code; ``code_first`` says what the present code misses in the schema before the change.
    ``pending`` is the class of those revisions that the database does not have yet.
    """

    name: str
    commit: str = ""
    revisions: tuple[str, ...] = ()
    queries: int = 0
    effects: tuple[Effect, ...] = ()
    code_first: tuple[Effect, ...] = ()
    pending: Impact = "neutral"
    problems: tuple[str, ...] = ()

    @property
    def version_class(self) -> Impact:
        """The class of the whole change."""
        return classify(self.effects)

    @property
    def order(self) -> Order:
        """What can be deployed first."""
        return order_of(schema_first=self.effects, code_first=self.code_first)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        head = {"version_class": self.version_class, "level": LEVELS[self.version_class], "order": self.order}
        return {**head, **jsonable(self)}


def judge(case: Case) -> tuple[Effect, ...]:
    """Return what a change of the schema means for code, the gravest first, every table and column that changed among it.

    :param case: the code, the schemas, and what the server said of the code's statements.
    """
    found = [
        *find_broken(case),
        *find_required(case),
        *find_restrictions(case),
        *find_labels(case),
        *find_identities(case),
        *find_nulls(case),
        *find_broken_bodies(case),
        *find_dropped(case),
    ]
    subjects = {(effect.table, effect.column) for effect in found}
    found += [effect for effect in find_retyped(case) if (effect.table, effect.column) not in subjects]
    found += find_changes(case, told=found)
    return tuple(sorted(found, key=lambda effect: (_FIRST[effect.impact], effect.table, effect.column, effect.rule)))


def missed(effects: Iterable[Effect]) -> tuple[Effect, ...]:
    """Return what breaks code that is deployed before the change, told as that.

    :param effects: what it would mean for that code to have the old schema instead of the new one.
    """
    return tuple(_told_ahead(effect) for effect in effects if effect.impact == "breaking")


def _told_ahead(effect: Effect) -> Effect:
    what = told(effect.statements) or "the type that it expects"
    when = f"revision {effect.place.revision}" if effect.place.revision else "the migration"
    return dataclasses.replace(effect, severity="info", hint="", message=f"{effect.subject}: {what} only after {when}")


def classify(effects: Iterable[Effect]) -> Impact:
    """Return the class of a change: that of its gravest effect, neutral when there is none.

    :param effects: what it means for code.
    """
    return min((effect.impact for effect in effects), key=_FIRST.__getitem__, default="neutral")


def order_of(*, schema_first: Iterable[Effect], code_first: Iterable[Effect]) -> Order:
    """Return what can be deployed first without an error.

    :param schema_first: what the change means for the code that runs.
    :param code_first: what the new code meets before the change.
    """
    old_code, new_code = classify(schema_first) != "breaking", classify(code_first) != "breaking"
    if old_code:
        return "both" if new_code else "schema first"
    return "code first" if new_code else "none"


def finding_of(effect: Effect) -> Finding:
    """Return an effect as a finding on the line of the revision that it comes from.

    :param effect: one with a rule.
    """
    return Finding(
        code=effect.rule or "compatibility",
        message=effect.message,
        severity=effect.severity,
        hint=effect.hint,
        file=effect.place.file,
        line=effect.place.line,
        provenance=effect.provenance,
        table=effect.table,
    )
