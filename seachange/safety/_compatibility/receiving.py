"""What old code reads from the new schema and does not expect: other types, NULL, labels that it has no name for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seachange.postgres.catalog import Catalog, Column, Table
from seachange.safety._compatibility.blame import blame, words_of
from seachange.safety._compatibility.broken import statements_of, told
from seachange.safety._compatibility.values import Case, CodeTable, Effect, Query, Schema

__all__ = ["find_identities", "find_labels", "find_nulls", "find_retyped"]

# Types that a driver gives as the same type of Python.
_FAMILIES = (
    frozenset({"smallint", "integer", "bigint"}),
    frozenset({"real", "double precision"}),
    frozenset({"json", "jsonb"}),
)
_TEXT = re.compile(r"text|character( varying)?(\(\d+\))?")

_PLAN = (
    "restart the service right after the migration, or let it run without prepared statements meanwhile "
    "(psycopg: prepare_threshold=None, asyncpg: statement_cache_size=0); without an error: a new column (docs/compatibility.md)"
)
_TYPE = "expand and contract: a new column with the new type, filled beside the old one (docs/compatibility.md)"
_READER = "release code that can read it before any code writes it"
_LABEL = "expand and contract: add the new label, let the code write it and fill old rows, stop using the old one, then remove it"


def find_retyped(case: Case) -> Iterator[Effect]:
    """Yield the columns that have another type, with the kept statements that the server refuses for it.

    :param case: the code and the schemas.
    """
    explained: set[int] = set()
    for code in case.code.tables.values():
        for known in code.columns:
            before, after = case.old.column(code.name, known.name), case.new.column(code.name, known.name)
            if before and after and case.old.type_of(code.name, known.name) != case.new.type_of(code.name, known.name):
                hit = {number for number in case.outdated if _names(case.code.queries[number], code.name, before.name)}
                explained |= hit
                yield _retyped(case, code, change=(before, after), hit=hit)
    yield from _unexplained(case, case.outdated - explained)


def _unexplained(case: Case, numbers: Iterable[int]) -> Iterator[Effect]:
    """Yield what no column of a table explains: an expression, a function that gives another type."""
    queries = [case.code.queries[number] for number in sorted(numbers)]
    for table in dict.fromkeys(query.table for query in queries):
        statements = statements_of(query for query in queries if query.table == table)
        yield Effect(
            impact="breaking",
            severity="error",
            rule="SC706",
            table=table,
            message=f"{table}: {told(statements)}, kept prepared: cached plan must not change result type",
            hint=_PLAN,
            statements=statements,
        )


def _retyped(case: Case, code: CodeTable, *, change: tuple[Column, Column], hit: Iterable[int]) -> Effect:
    before, after = change
    statements = statements_of(case.code.queries[number] for number in sorted(hit))
    place = blame(case.steps, lambda catalog: _type_of(catalog, code.name, before), words=words_of(before.name, code.name))
    turned = f"turns from {before.type} into {after.type}" if before.type != after.type else f"gets another type {after.type}"
    said = f"{code.name}.{before.name} {turned}{place.words}"
    same = before.type_ref == after.type_ref or _alike(before.type, after.type)
    if hit:
        refused = f"{told(statements)}, kept prepared: cached plan must not change result type"
    else:
        refused = "the code reads and writes it as before"
    breaking = bool(hit) or not same
    return Effect(
        impact="breaking" if breaking else "neutral",
        severity="error" if breaking else "info",
        rule="SC706",
        table=code.name,
        column=before.name,
        message=f"{said}: {refused}",
        hint=_PLAN if hit and same else _TYPE if breaking else "",
        place=place,
        statements=statements,
    )


def _alike(before: str, after: str) -> bool:
    texts = bool(_TEXT.fullmatch(before) and _TEXT.fullmatch(after))
    return texts or any({before, after} <= family for family in _FAMILIES)


def schema_labels(schema: Schema, column: Column) -> dict[int, str]:
    """Return the labels of the enum of a column by their identity; none where it is no enum."""
    if column.type_ref.kind != "enum":
        return {}
    name = next((each.qualified for each in schema.catalog.enums if _is(each, column)), "")
    return {oid: label for oid, (enum, label) in schema.labels.items() if enum == name}


def _is(enum: object, column: Column) -> bool:
    return (getattr(enum, "schema", ""), getattr(enum, "name", "")) == (column.type_ref.schema, column.type_ref.name)


def find_nulls(case: Case) -> Iterator[Effect]:
    """Yield the columns that the code takes for NOT NULL and that are not any more.

    :param case: the code and the schemas.
    """
    for code in case.code.tables.values():
        if not isinstance(case.new.relations.get(code.name), Table):
            # The columns of a view are not said to be NOT NULL, whatever it reads.
            continue
        for known in code.columns:
            before, after = case.old.column(code.name, known.name), case.new.column(code.name, known.name)
            if before and after and before.not_null and not after.not_null and not known.nullable:
                yield _nullable(case, code, after)


def _nullable(case: Case, code: CodeTable, column: Column) -> Effect:
    place = blame(case.steps, lambda catalog: _nullness(catalog, code.name, column.name), words=words_of(column.name, code.name))
    return Effect(
        impact="additive",
        severity="warning",
        rule="SC213",
        table=code.name,
        column=column.name,
        message=f"{code.name}.{column.name} may be NULL now{place.words}: the code reads it as never NULL",
        hint=_READER,
        place=place,
    )


def find_labels(case: Case) -> Iterator[Effect]:
    """Yield the labels of enums that the code sends and that are gone, and those that it may be sent and does not know.

    :param case: the code and the schemas.
    """
    for code in case.code.tables.values():
        for known in code.columns:
            before, after = case.old.column(code.name, known.name), case.new.column(code.name, known.name)
            if not (known.labels and before and after):
                continue
            old, new = schema_labels(case.old, before), schema_labels(case.new, after)
            if old and new:
                for oid, label in old.items():
                    if label in known.labels and label not in new.values():
                        yield _lost(case, code, after, label=label, now=new.get(oid, ""))
                added = [label for label in new.values() if label not in old.values() and label not in known.labels]
                if added and not {oid for oid in old if new.get(oid) in added}:
                    yield _added(case, code, after, labels=added)


def _lost(case: Case, code: CodeTable, column: Column, *, label: str, now: str) -> Effect:
    place = blame(case.steps, lambda catalog: _labels(catalog, column), words=words_of(label, now, column.type_ref.name))
    said = f"is renamed to {now!r}" if now else "is gone"
    owner = next((query.owner for query in case.code.queries if query.table == code.name and query.kind == "INSERT"), code.name)
    return Effect(
        impact="breaking",
        severity="error",
        rule="SC612" if now else "SC611",
        table=code.name,
        column=column.name,
        message=f"{code.name}.{column.name}: label {label!r} of {column.type} {said}{place.words}: INSERT and UPDATE of {owner} "
        f"that send it fail: invalid input value for enum",
        hint=_LABEL,
        place=place,
        statements=(f"INSERT and UPDATE of {owner}",),
    )


def _added(case: Case, code: CodeTable, column: Column, *, labels: list[str]) -> Effect:
    place = blame(case.steps, lambda catalog: _labels(catalog, column), words=words_of(*labels, column.type_ref.name))
    names = ", ".join(map(repr, labels))
    return Effect(
        impact="additive",
        severity="warning",
        rule="SC710",
        table=code.name,
        column=column.name,
        message=f"{code.name}.{column.name}: {column.type} gets {names}{place.words}: the code cannot read a row that has it",
        hint=_READER,
        place=place,
    )


def find_identities(case: Case) -> Iterator[Effect]:
    """Yield the polymorphic identities that the next code has a class for and this one has not.

    :param case: the code, with its successor.
    """
    for name, after in case.successor.tables.items() if case.successor else ():
        before = case.code.tables.get(name)
        new = [identity for identity in after.identities if before and before.identities and identity not in before.identities]
        if new:
            yield Effect(
                impact="additive",
                severity="warning",
                rule="SC707",
                table=name,
                message=f"{name}: the working tree has a class for {', '.join(map(repr, new))}, and {case.code.name} has none: "
                "loading such a row fails there",
                hint=_READER,
                provenance="inferred",
            )


def _names(query: Query, table: str, column: str) -> bool:
    return column in query.uses.get(table, ())


def _column(catalog: Catalog, table: str, name: str) -> Column | None:
    relation = next((each for each in (*catalog.tables, *catalog.views) if each.qualified == table), None)
    return next((column for column in relation.columns if column.name == name), None) if relation else None


def _type_of(catalog: Catalog, table: str, before: Column) -> object:
    column = _column(catalog, table, before.name)
    return column and (column.type, _labels(catalog, before))


def _nullness(catalog: Catalog, table: str, name: str) -> object:
    column = _column(catalog, table, name)
    return column and column.not_null


def _labels(catalog: Catalog, column: Column) -> object:
    return next((enum.labels for enum in catalog.enums if _is(enum, column)), None)
