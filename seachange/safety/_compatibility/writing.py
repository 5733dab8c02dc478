"""What rows of old code meet in the new schema: columns that want a value, defaults that are gone, new restrictions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seachange.postgres.catalog import Catalog, Column, Constraint, Table
from seachange.safety._compatibility.blame import blame, words_of
from seachange.safety._compatibility.values import Case, CodeColumn, CodeTable, Effect

__all__ = ["find_required", "find_restrictions"]

_REQUIRED = "give it a default, or add it nullable, and make it NOT NULL when every running version writes it"
_NULLS = "release code that writes no NULL, fill old rows, and make it NOT NULL one release later"
_DEFAULT = "keep the default until every running version sends a value"
_RESTRICTED = "release code that writes only what the restriction allows, and add the restriction one release later"

_LITERAL = re.compile(r"'(?:[^']|'')*'")
# The elements of ARRAY[...], as the server writes IN.
_LIST = re.compile(r"(?<=ARRAY\[)(?:[^\[\]']|'(?:[^']|'')*')*(?=\])")

# A default that is another one for each row.
_VARYING = re.compile(r"nextval|random|uuid|clock_timestamp|now\(|current_timestamp", re.IGNORECASE)


def find_required(case: Case) -> Iterator[Effect]:
    """Yield the columns that want a value which the code's INSERT does not give.

    :param case: the code and the schemas.
    """
    for code, table in _written(case):
        for column in table.columns:
            if not _renamed(case, table.qualified, column.name) and _demands(case.new.catalog, column):
                yield from _required(case, code, table=table, column=column)
        for column in table.columns:
            known, before = code.column(column.name), case.old.column(code.name, column.name)
            if known and known.filled and before and _has_default(before) and not _has_default(column) and not column.not_null:
                yield _effect(case, (table, column), ("SC705", "warning", "loses its default", "writes NULL into it", _DEFAULT))


def _required(case: Case, code: CodeTable, *, table: Table, column: Column) -> Iterator[Effect]:
    before, known = case.old.column(code.name, column.name), code.column(column.name)
    if before is not None and _demands(case.old.catalog, before):
        return
    by_trigger = any("BEFORE INSERT" in trigger.definition for trigger in table.triggers)
    severity = "warning" if by_trigger else "error"
    unless = ", unless a BEFORE INSERT trigger fills it" if by_trigger else ""
    if before is None and known is None:
        said = "is new, NOT NULL and without a default"
        yield _effect(case, (table, column), ("SC703", severity, said, f"gives it no value{unless}", _REQUIRED))
    elif before is not None and known and known.filled and _has_default(before):
        yield _effect(case, (table, column), ("SC705", severity, "loses its default", f"relies on it{unless}", _DEFAULT))
    elif before is not None and known is None:
        said = "is NOT NULL now, without a default"
        yield _effect(case, (table, column), ("SC703", severity, said, f"gives it no value{unless}", _REQUIRED))
    elif before is not None and not before.not_null and known and known.nullable:
        yield _effect(case, (table, column), ("SC215", severity, "is NOT NULL now", f"may write NULL into it{unless}", _NULLS))


def former_name(case: Case, table: str, column: str) -> str:
    """Return what a column of the new schema was called in the old one: the same, unless it was renamed.

    :param case: the schemas.
    :param table: the table.
    :param column: the column.
    """
    identity = case.new.identities.get((table, column))
    return case.old.names.get(identity, (table, column))[1] if identity else column


def _renamed(case: Case, table: str, column: str) -> bool:
    return former_name(case, table, column) != column


def _effect(case: Case, where: tuple[Table, Column], told: tuple[str, str, str, str, str]) -> Effect:
    table, column = where
    rule, severity, said, doing, hint = told

    def look(catalog: Catalog) -> object:
        found = next((each for each in catalog.tables if each.qualified == table.qualified), None)
        here = next((each for each in found.columns if each.name == column.name), None) if found else None
        return here and (here.not_null, here.default, here.identity)

    place = blame(case.steps, look, words=words_of(column.name, table.name))
    statement = f"INSERT of {_owner(case, table.qualified)}"
    breaking = severity == "error"
    return Effect(
        impact="breaking" if breaking else "additive",
        severity="error" if breaking else "warning",
        rule=rule,
        table=table.qualified,
        column=column.name,
        message=f"{table.qualified}.{column.name} {said}{place.words}: {statement} {doing}",
        hint=hint,
        place=place,
        statements=(statement,),
    )


def _written(case: Case) -> Iterator[tuple[CodeTable, Table]]:
    """Yield the tables that the code inserts into and both schemas have."""
    inserted = {
        query.table for number, query in enumerate(case.code.queries) if query.kind == "INSERT" and _was_fine(case, number)
    }
    for name in sorted(inserted):
        code, table = case.code.tables.get(name), case.new.relations.get(name)
        if code and isinstance(table, Table) and isinstance(case.old.relations.get(name), Table):
            yield code, table


def _was_fine(case: Case, number: int) -> bool:
    return number not in case.failed_before


def _demands(catalog: Catalog, column: Column) -> bool:
    """Say whether an INSERT that leaves a column out fails."""
    return (column.not_null or _domain_not_null(catalog, column)) and not _has_default(column)


def _has_default(column: Column) -> bool:
    return bool(column.default or column.identity or column.generated)


def _domain_not_null(catalog: Catalog, column: Column) -> bool:
    kind = column.type_ref
    if kind.kind != "domain" or kind.array:
        return False
    domain = next((each for each in catalog.domains if (each.schema, each.name) == (kind.schema, kind.name)), None)
    return bool(domain and domain.not_null and not domain.default)


def _owner(case: Case, table: str) -> str:
    return next((query.owner for query in case.code.queries if query.table == table and query.kind == "INSERT"), table)


def find_restrictions(case: Case) -> Iterator[Effect]:
    """Yield the constraints and unique indexes that refuse rows which the code wrote so far.

    :param case: the code and the schemas.
    """
    for code, table in _written(case):
        before = case.old.relations[table.qualified]
        if isinstance(before, Table):
            for constraint in _new_constraints(before, table):
                if not _carried_on(case, constraint, before) and not _harmless(constraint, code=code, before=before, table=table):
                    yield _restriction(case, table, constraint)


def _new_constraints(before: Table, table: Table) -> list[Constraint]:
    known = {(each.kind, each.definition) for each in before.constraints if each.enforced}
    found = [
        each
        for each in table.constraints
        if each.enforced and each.kind != "not null" and (each.kind, each.definition) not in known
    ]
    indexes = {index.definition for index in before.indexes if index.unique}
    return found + [
        Constraint(name=index.name, kind="unique", definition=index.definition, columns=index.columns)
        for index in table.indexes
        if index.unique and index.definition not in indexes
    ]


def _carried_on(case: Case, constraint: Constraint, before: Table) -> bool:
    """Say whether a constraint is written otherwise only since a column of it has another name."""
    former = tuple(former_name(case, before.qualified, column) for column in constraint.columns)
    same = (each for each in before.constraints if (each.name, each.kind) == (constraint.name, constraint.kind))
    return former != constraint.columns and any(each.columns == former for each in same)


def _harmless(constraint: Constraint, *, code: CodeTable, before: Table, table: Table) -> bool:
    """Say whether a restriction can refuse no row of the code: it declares the same, or what there was refused more."""
    columns = tuple(sorted(constraint.columns))
    if constraint.kind in ("primary key", "unique", "exclusion"):
        implied = [*before.unique_keys, *code.keys]
        if constraint.kind != "exclusion" and any(set(key) <= set(columns) for key in implied if key):
            return True
    elif constraint.kind == "foreign key":
        target = (columns, (constraint.references_schema, constraint.references_table))
        if any(target == (tuple(sorted(each.columns)), _target(each)) for each in before.foreign_keys):
            return True
        if any(tuple(sorted(names)) == columns for names, _ in code.references):
            return True
    elif constraint.name in code.checks or _widened(constraint, before):
        return True
    return _only_of_new(constraint, code=code, before=before, table=table)


def _widened(constraint: Constraint, before: Table) -> bool:
    """Say whether a check allows the values of a list that one before it allowed too, and more."""
    skeleton, values = _list_of(constraint)
    same = [known for each in before.constraints for form, known in [_list_of(each)] if form == skeleton]
    return bool(values) and any(known <= values for known in same)


def _list_of(constraint: Constraint) -> tuple[str, frozenset[str]]:
    """Return a check without the elements of its lists, and those."""
    values: list[str] = []
    for elements in _LIST.findall(constraint.definition):
        values += _LITERAL.findall(elements) or [each.strip() for each in elements.split(",")]
    return _LIST.sub("...", constraint.definition), frozenset(values)


def _target(constraint: Constraint) -> tuple[str, str]:
    return constraint.references_schema, constraint.references_table


def _only_of_new(constraint: Constraint, *, code: CodeTable, before: Table, table: Table) -> bool:
    """Say whether a restriction is about new columns alone, which old rows fill with NULL or with what the server gives."""
    there = {column.name for column in before.columns}
    named = [column for column in table.columns if column.name in constraint.columns]
    if not named or any(column.name in there or _writes(code, column) for column in named):
        return False
    if constraint.kind in ("unique", "primary key", "exclusion"):
        return any(not column.default or _VARYING.search(column.default) for column in named)
    return True


def _writes(code: CodeTable, column: Column) -> CodeColumn | None:
    return code.column(column.name)


def _restriction(case: Case, table: Table, constraint: Constraint) -> Effect:
    def look(catalog: Catalog) -> object:
        found = next((each for each in catalog.tables if each.qualified == table.qualified), None)
        if found is None:
            return None
        indexes = [index.definition for index in found.indexes if index.unique]
        return constraint.definition in [*(each.definition for each in found.constraints), *indexes]

    place = blame(case.steps, look, words=words_of(constraint.name, table.name, *constraint.columns))
    owner = _owner(case, table.qualified)
    column = constraint.columns[0] if len(constraint.columns) == 1 else ""
    subject = f"{table.qualified}.{column}" if column else table.qualified
    what = f"{constraint.kind} {constraint.name}" if constraint.kind != "unique" else f"unique key {constraint.name}"
    return Effect(
        impact="breaking",
        severity="error",
        rule="SC215",
        table=table.qualified,
        column=column,
        message=f"{subject} gets {what}{place.words}: INSERT and UPDATE of {owner} fail for rows that were accepted so far",
        hint=_RESTRICTED,
        place=place,
        statements=(f"INSERT and UPDATE of {owner}",),
    )
