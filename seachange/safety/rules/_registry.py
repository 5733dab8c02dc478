"""Rules by id, what they are given, and what they say."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from seachange.plan import Finding, Severity
from seachange.safety.environment import Environment
from seachange.safety.facts import Provenance, RevisionFacts, StatementFacts
from seachange.safety.statistics import Statistics

__all__ = [
    "RULES",
    "Check",
    "Context",
    "Rule",
    "Thresholds",
    "Verdict",
    "declare",
    "declare_decided",
    "finding_of",
    "load_rules",
    "rule",
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What counts as small and as large: below the first, blocking work is a warning; disk budget in bytes, 0 for none."""

    small_rows: int = 10_000
    small_bytes: int = 8 * 1024**2
    large_rows: int = 1_000_000
    disk_budget_bytes: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context:
    """What rules know besides the facts of a revision: the sizes of real tables, the real server; None where nobody was asked."""

    statistics: Statistics | None = None
    environment: Environment | None = None
    thresholds: Thresholds = dataclasses.field(default_factory=Thresholds)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a rule says of one statement, or of a revision when ``statement`` is None.

    ``table`` is the one that it is about. ``severity`` and ``hint`` are the rule's own by default,
    ``provenance`` that of the statement.
    """

    rule: str
    message: str
    statement: StatementFacts | None = None
    table: str = ""
    severity: Severity | None = None
    hint: str = ""
    provenance: Provenance | None = None


Check = Callable[[RevisionFacts, Context], Iterable[Verdict]]
_Check = TypeVar("_Check", bound=Check)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule.

    ``proof``: what a verdict rests on at best. ``reason`` is one paragraph with the ``source`` of what it states; ``remedy`` the
    safe way out, ``example`` its code. ``majors``: the first and last version of PostgreSQL where it holds, 0 for no end.
    ``sized``: the size of the table decides how grave it is; what is lost or breaks for code is as bad in a small one.
    ``decided_by`` names the command that decides it where the facts of a revision cannot; it has no ``check`` then.
    """

    id: str
    name: str
    title: str
    severity: Severity
    proof: Provenance
    reason: str
    source: str
    remedy: str
    example: str = ""
    majors: tuple[int, int] = (0, 0)
    by_default: bool = True
    sized: bool = True
    decided_by: str = ""
    check: Check | None = None


RULES: dict[str, Rule] = {}


def rule(known: Rule) -> Callable[[_Check], _Check]:
    """Register a rule with the decorated function as its check.

    :param known: all about it but the check.
    :raises ValueError: its id is taken.
    """

    def register(check: _Check) -> _Check:
        declare(dataclasses.replace(known, check=check))
        return check

    return register


def declare(known: Rule) -> None:
    """Register a rule that another command decides.

    :param known: all about it.
    :raises ValueError: its id is taken.
    """
    if known.id in RULES:
        raise ValueError(f"rule {known.id} is registered twice")
    RULES[known.id] = known


def declare_decided(  # a rule has many parts
    number: int,
    name: str,
    title: str,
    *,
    reason: str,
    source: str,
    remedy: str,
    by: str,
    proof: Provenance = "policy",
    example: str = "",
) -> None:
    """Register a rule whose findings are errors whatever the size, and that another command decides.

    :param number: its id without the letters.
    :param by: the command; the other parameters are fields of :class:`Rule`.
    :raises ValueError: its id is taken.
    """
    declare(
        Rule(
            id=f"SC{number}",
            name=name,
            title=title,
            severity="error",
            proof=proof,
            reason=reason,
            source=source,
            remedy=remedy,
            example=example,
            sized=False,
            decided_by=by,
        )
    )


def load_rules() -> Mapping[str, Rule]:
    """Return every rule of Seachange by id, in order: one public module of this folder for each section."""
    package = importlib.import_module("seachange.safety.rules")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(RULES.items(), key=lambda item: (len(item[0]), item[0])))


def finding_of(verdict: Verdict, known: Rule, *, file: str) -> Finding:
    """Return a verdict as a finding on its line."""
    statement = verdict.statement
    return Finding(
        code=known.id,
        message=verdict.message,
        severity=verdict.severity or known.severity,
        hint=verdict.hint or known.remedy,
        file=statement.file if statement else file,
        line=statement.line if statement else 0,
        provenance=verdict.provenance or (statement.provenance if statement else known.proof),
        table=verdict.table,
    )
