"""Rows of the catalogue queries -> tables, views and the whole catalogue."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

from seachange.postgres import _catalog_objects as objects
from seachange.postgres._catalog_parts import (
    Column,
    Constraint,
    ConstraintKind,
    Index,
    Policy,
    Rule,
    Statistics,
    Trigger,
    qualified,
)
from seachange.postgres._catalog_rows import Row, Rows
from seachange.postgres._catalog_text import normalise_expression
from seachange.postgres._catalog_values import Catalog, Table, View
from seachange.postgres._catalog_views import normalise_view

__all__ = ["build"]

_Part = TypeVar("_Part", Column, Constraint, Index, Trigger, Policy, Rule, Statistics)
_Enabled = Literal["origin", "disabled", "replica", "always"]

_CONSTRAINT_KINDS: Mapping[str, ConstraintKind] = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion",
    "n": "not null",
}
_IDENTITIES: Mapping[str, Literal["", "always", "by default"]] = {"a": "always", "d": "by default"}
_GENERATED: Mapping[str, Literal["", "stored", "virtual"]] = {"s": "stored", "v": "virtual"}
_STORAGES = {"p": "plain", "e": "external", "m": "main", "x": "extended"}
_COMPRESSIONS = {"p": "pglz", "l": "lz4"}
_ENABLED: Mapping[str, _Enabled] = {"O": "origin", "D": "disabled", "R": "replica", "A": "always"}
_COMMANDS: Mapping[str, Literal["all", "select", "insert", "update", "delete"]] = {
    "*": "all",
    "r": "select",
    "a": "insert",
    "w": "update",
    "d": "delete",
}
_TABLE_KINDS: Mapping[str, Literal["table", "partitioned table", "foreign table"]] = {
    "r": "table",
    "p": "partitioned table",
    "f": "foreign table",
}


def build(rows: Rows, *, version: int) -> Catalog:
    """Return the catalogue that the rows describe.

    :param rows: the result of every query.
    :param version: ``server_version_num``.
    """
    parts = _Parts(rows)
    listed = [row for row in rows.found["relations"] if row.kind != "c"]
    shown = [row for row in listed if _is_shown(row, rows)]
    ordered = sorted(shown, key=lambda row: (rows.schemas[row.namespace], row.name))
    names = {row.oid: qualified(rows.schemas[row.namespace], row.name) for row in shown}
    return Catalog(
        server_version=version,
        schemas=objects.schemas(rows),
        tables=tuple(_table(row, rows, parts) for row in ordered if row.kind in "rpf"),
        views=tuple(_view(row, rows, parts) for row in ordered if row.kind in "vm"),
        enums=objects.enums(rows),
        domains=objects.domains(rows, parts.domain_constraints),
        composites=objects.composites(rows),
        ranges=objects.ranges(rows),
        sequences=objects.sequences(rows, names, {row.oid for row in listed} - set(names)),
        functions=objects.functions(rows),
        extensions=objects.extensions(rows),
    )


def _is_shown(row: Row, rows: Rows) -> bool:
    return not rows.owned_by_extension("pg_class", row.oid) and not rows.excluded(rows.schemas[row.namespace], row.name)


class _Parts:
    """The parts of every relation, by its oid, each sorted by name."""

    def __init__(self, rows: Rows) -> None:
        self.columns = _all_columns(rows)
        self.constraints = self._sorted(rows, "constraints", lambda row: _constraint(row, rows))
        self.indexes = self._sorted(rows, "indexes", lambda row: _index(row, rows) if not row.of_constraint else None)
        self.triggers = self._sorted(rows, "triggers", _trigger)
        self.policies = self._sorted(rows, "policies", _policy)
        self.rules = self._sorted(rows, "rules", _rule)
        self.statistics = self._sorted(rows, "statistics", _statistics)
        self.domain_constraints = self._of_domains(rows)
        self.identity_indexes = {row.relation: row.name for row in rows.found["indexes"] if row.replica_identity}

    @staticmethod
    def _sorted(rows: Rows, query: str, make: Callable[[Row], _Part | None]) -> dict[int, tuple[_Part, ...]]:
        made = {oid: [make(row) for row in group] for oid, group in rows.grouped(query).items()}
        return {oid: tuple(sorted((part for part in group if part), key=lambda part: part.name)) for oid, group in made.items()}

    @staticmethod
    def _of_domains(rows: Rows) -> dict[int, tuple[Constraint, ...]]:
        found: dict[int, list[Constraint]] = defaultdict(list)
        for row in rows.found["constraints"]:
            if row.domain:
                found[row.domain].append(_constraint(row, rows))
        return {domain: tuple(sorted(constraints, key=_name)) for domain, constraints in found.items()}


def _all_columns(rows: Rows) -> dict[int, tuple[Column, ...]]:
    # Equal columns of different tables become one value: with a schema per tenant that is nearly all of them.
    made: dict[Row, Column] = {}

    def column(row: Row) -> Column:
        key = row[1:]
        known = made.get(key)
        if known is None:
            known = made[key] = _column(row, rows)
        return known

    return {oid: tuple(map(column, sorted(group, key=_position))) for oid, group in rows.grouped("columns").items()}


def _position(column: Row) -> int:
    return int(column.number)


def _name(constraint: Constraint) -> str:
    return constraint.name


def _table(row: Row, rows: Rows, parts: _Parts) -> Table:
    return Table(
        **_relation(row, rows, parts),
        kind=_TABLE_KINDS[row.kind],
        constraints=parts.constraints.get(row.oid, ()),
        policies=parts.policies.get(row.oid, ()),
        statistics=parts.statistics.get(row.oid, ()),
        unlogged=row.unlogged,
        access_method=row.access_method or "",
        row_security=row.row_security,
        force_row_security=row.force_row_security,
        replica_identity=_replica_identity(row, parts),
        partition_bound=row.partition_bound or "",
        partition_key=row.partition_key or "",
        inherits=tuple(map(qualified, row.parent_schemas or (), row.parent_names or ())),
        of_type=row.of_type or "",
        server=row.server or "",
    )


def _view(row: Row, rows: Rows, parts: _Parts) -> View:
    kind: Literal["view", "materialized view"] = "view" if row.kind == "v" else "materialized view"
    return View(**_relation(row, rows, parts), definition=normalise_view(row.definition or ""), kind=kind)


def _relation(row: Row, rows: Rows, parts: _Parts) -> dict[str, Any]:
    # Before 14, 0 rows in 0 pages means the same as -1 later: never vacuumed or analysed.
    known = row.rows > 0 or (row.rows == 0 and row.pages > 0)
    return {
        "schema": rows.schemas[row.namespace],
        "name": row.name,
        "columns": _columns(row, parts),
        "indexes": parts.indexes.get(row.oid, ()),
        "triggers": parts.triggers.get(row.oid, ()),
        "rules": parts.rules.get(row.oid, ()),
        "options": tuple(sorted((*(row.options or ()), *(row.foreign_options or ())))),
        "comment": row.comment or "",
        "estimated_rows": round(row.rows) if known else None,
        "estimated_bytes": row.bytes,
    }


def _columns(row: Row, parts: _Parts) -> tuple[Column, ...]:
    columns = parts.columns.get(row.oid, ())
    if not row.partition_bound:
        return columns
    # From 17 on, a partition has the identity of the partitioned table; before, only that one had it.
    return tuple(dataclasses.replace(column, identity="") if column.identity else column for column in columns)


def _replica_identity(row: Row, parts: _Parts) -> str:
    index = parts.identity_indexes.get(row.oid)
    # Without the index that it named, nothing identifies rows any more.
    named = f"index {qualified(index)}" if index else "nothing"
    return {"d": "", "n": "nothing", "f": "full", "i": named}[row.replica_identity]


def _column(row: Row, rows: Rows) -> Column:
    text, reference = rows.types[row.type, row.modifier]
    return Column(
        name=row.name,
        type=text,
        type_ref=reference,
        position=row.number,
        not_null=row.not_null,
        default=normalise_expression(row.expression or ""),
        identity=_IDENTITIES[row.identity] if row.identity else "",
        generated=_GENERATED[row.generated] if row.generated else "",
        collation=row.collation or "",
        storage=_STORAGES[row.storage] if row.storage else "",
        compression=_COMPRESSIONS[row.compression] if row.compression else "",
        comment=row.comment or "",
    )


# A definition is null when somebody has dropped the thing since the snapshot: pg_get_*def looks at the present.
def _constraint(row: Row, rows: Rows) -> Constraint:
    definition = (row.definition or "").removesuffix(" NOT VALID").removesuffix(" NOT ENFORCED")
    own, other = rows.column_names.get(row.relation, {}), rows.column_names.get(row.other, {})
    return Constraint(
        name=row.name,
        kind=_CONSTRAINT_KINDS[row.kind],
        definition=normalise_expression(definition),
        columns=tuple(own[number] for number in row.numbers or () if number in own),
        validated=row.validated,
        enforced=row.enforced,
        references_schema=row.other_schema or "",
        references_table=row.other_name or "",
        references_columns=tuple(other[number] for number in row.other_numbers or () if number in other),
        comment=row.comment or "",
    )


def _index(row: Row, rows: Rows) -> Index:
    names = rows.column_names.get(row.relation, {})
    return Index(
        name=row.name,
        definition=normalise_expression(row.definition or ""),
        valid=row.valid,
        unique=row.unique,
        partial=row.partial,
        columns=tuple(names.get(number, "") for number in row.numbers[: row.keys]),
        comment=row.comment or "",
    )


def _trigger(row: Row) -> Trigger:
    definition = normalise_expression(row.definition or "")
    return Trigger(name=row.name, definition=definition, enabled=_ENABLED[row.enabled], comment=row.comment or "")


def _policy(row: Row) -> Policy:
    return Policy(
        name=row.name,
        command=_COMMANDS[row.command],
        permissive=row.permissive,
        roles=tuple(row.roles),
        using=normalise_expression(row.using or ""),
        check=normalise_expression(row.check or ""),
        comment=row.comment or "",
    )


def _rule(row: Row) -> Rule:
    return Rule(name=row.name, definition=row.definition or "", enabled=_ENABLED[row.enabled])


def _statistics(row: Row) -> Statistics:
    return Statistics(name=row.name, definition=row.definition or "")
