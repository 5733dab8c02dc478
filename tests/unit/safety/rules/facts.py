"""Facts made by hand, for rules."""

from __future__ import annotations

import re
from typing import Any

from seachange.postgres.catalog import Catalog, Column, Table, TypeRef
from seachange.safety.facts import LockMode, RelationLock, RevisionFacts, StatementFacts
from seachange.safety.lint import Choice, lint
from seachange.safety.rules import RULES, load_rules

__all__ = ["catalog", "found", "locks", "revision", "statement", "table"]


def statement(sql: str, *, new: str = "", held: str = "", **fields: Any) -> StatementFacts:
    """A statement; ``new`` and ``held`` are locks, such as ``t=AX u=SRX``."""
    return StatementFacts(sql=sql, new_locks=locks(new), held_locks=locks(held), file="1.py", **fields)


def locks(text: str) -> tuple[RelationLock, ...]:
    """Locks on tables of public, as a short text."""
    modes = {mode.short: mode for mode in LockMode}
    pairs = (part.split("=") for part in text.split())
    return tuple(RelationLock(relation=f"public.{name}", mode=modes[mode]) for name, mode in pairs)


def revision(*statements: StatementFacts, **fields: Any) -> RevisionFacts:
    """A revision of statements, numbered by their order, which stand in lines of that number."""
    import dataclasses

    numbered = (dataclasses.replace(each, number=number, line=number) for number, each in enumerate(statements, 1))
    return RevisionFacts(revision="1", file="1.py", statements=tuple(numbered), **fields)


def catalog(*tables: Table, **fields: Any) -> Catalog:
    """A catalogue of tables."""
    return Catalog(server_version=180000, tables=tables, **fields)


def table(name: str, columns: str = "id bigint", **fields: Any) -> Table:
    """A table of public; ``columns`` are names with types, and ``!`` behind what is NOT NULL."""
    found = []
    for position, part in enumerate(re.split(r",\s*(?![^(]*\))", columns), 1):
        column, _, type_ = part.partition(" ")
        reference = TypeRef(schema="pg_catalog", name=type_.rstrip("!"))
        found.append(Column(name=column, type=type_.rstrip("!"), type_ref=reference, position=position, not_null="!" in type_))
    return Table(schema="public", name=name, columns=tuple(found), **fields)


def found(rule: str, *statements: StatementFacts, **fields: Any) -> list[str]:
    """What a rule says, each as ``line: message``; rules that are off by default speak as well."""
    load_rules()
    findings = lint([revision(*statements, **fields)], rules={rule: RULES[rule]}, choice=Choice(severity=((rule, "warning"),)))
    return [f"{finding.line}: {finding.message}" for finding in findings]
