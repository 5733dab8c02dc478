"""Rows of the catalogue queries -> tables, views and the whole catalogue."""

from __future__ import annotations

import dataclasses
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
    listed = [row for row in rows.found["relations"] if row[3] != "c"]
    shown = [row for row in listed if _is_shown(row, rows)]
    ordered = sorted(shown, key=lambda row: (rows.schemas[row[1]], row[2]))
    names = {row[0]: qualified(rows.schemas[row[1]], row[2]) for row in shown}
    return Catalog(
        server_version=version,
        schemas=objects.schemas(rows),
        tables=tuple(_table(row, rows, parts) for row in ordered if row[3] in "rpf"),
        views=tuple(_view(row, rows, parts) for row in ordered if row[3] in "vm"),
        enums=objects.enums(rows),
        domains=objects.domains(rows, parts.domain_constraints),
        composites=objects.composites(rows),
        ranges=objects.ranges(rows),
        sequences=objects.sequences(rows, names, {row[0] for row in listed} - set(names)),
        functions=objects.functions(rows),
        extensions=objects.extensions(rows),
    )


def _is_shown(row: Row, rows: Rows) -> bool:
    return not rows.owned_by_extension("pg_class", row[0]) and not rows.excluded(rows.schemas[row[1]], row[2])


class _Parts:
    """The parts of every relation, by its oid, each sorted by name."""

    def __init__(self, rows: Rows) -> None:
        self.columns = _all_columns(rows)
        self.constraints = self._sorted(rows, "constraints", lambda row: _constraint(row, rows))
        self.indexes = self._sorted(rows, "indexes", lambda row: _index(row, rows) if not row[9] else None)
        self.triggers = self._sorted(rows, "triggers", _trigger)
        self.policies = self._sorted(rows, "policies", _policy)
        self.rules = self._sorted(rows, "rules", _rule)
        self.statistics = self._sorted(rows, "statistics", _statistics)
        self.domain_constraints = self._of_domains(rows)
        self.identity_indexes = {row[0]: row[1] for row in rows.found["indexes"] if row[8]}

    @staticmethod
    def _sorted(rows: Rows, query: str, make: Callable[[Row], _Part | None]) -> dict[int, tuple[_Part, ...]]:
        made = {oid: [make(row) for row in group] for oid, group in rows.grouped(query).items()}
        return {oid: tuple(sorted((part for part in group if part), key=lambda part: part.name)) for oid, group in made.items()}

    @staticmethod
    def _of_domains(rows: Rows) -> dict[int, tuple[Constraint, ...]]:
        own = [row for row in rows.found["constraints"] if row[1]]
        domains = {row[1] for row in own}
        return {oid: tuple(sorted((_constraint(row, rows) for row in own if row[1] == oid), key=_name)) for oid in domains}


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
    return int(column[1])


def _name(constraint: Constraint) -> str:
    return constraint.name


def _table(row: Row, rows: Rows, parts: _Parts) -> Table:
    oid = row[0]
    return Table(
        **_relation(row, rows, parts),
        kind=_TABLE_KINDS[row[3]],
        constraints=parts.constraints.get(oid, ()),
        policies=parts.policies.get(oid, ()),
        statistics=parts.statistics.get(oid, ()),
        unlogged=row[4],
        access_method=row[5] or "",
        row_security=row[7],
        force_row_security=row[8],
        replica_identity=_replica_identity(row, parts),
        partition_bound=row[10] or "",
        partition_key=row[11] or "",
        inherits=tuple(map(qualified, row[13] or (), row[14] or ())),
        of_type=row[15] or "",
        server=row[16] or "",
    )


def _view(row: Row, rows: Rows, parts: _Parts) -> View:
    kind: Literal["view", "materialized view"] = "view" if row[3] == "v" else "materialized view"
    return View(**_relation(row, rows, parts), definition=normalise_view(row[12] or ""), kind=kind)


def _relation(row: Row, rows: Rows, parts: _Parts) -> dict[str, Any]:
    oid, namespace, name = row[:3]
    # Before 14, 0 rows in 0 pages means the same as -1 later: never vacuumed or analysed.
    known = row[19] > 0 or (row[19] == 0 and row[20] > 0)
    return {
        "schema": rows.schemas[namespace],
        "name": name,
        "columns": _columns(row, parts),
        "indexes": parts.indexes.get(oid, ()),
        "triggers": parts.triggers.get(oid, ()),
        "rules": parts.rules.get(oid, ()),
        "options": tuple(sorted((*(row[6] or ()), *(row[17] or ())))),
        "comment": row[18] or "",
        "estimated_rows": round(row[19]) if known else None,
        "estimated_bytes": row[20],
    }


def _columns(row: Row, parts: _Parts) -> tuple[Column, ...]:
    columns = parts.columns.get(row[0], ())
    if not row[10]:
        return columns
    # From 17 on, a partition has the identity of the partitioned table; before, only that one had it.
    return tuple(dataclasses.replace(column, identity="") if column.identity else column for column in columns)


def _replica_identity(row: Row, parts: _Parts) -> str:
    named = f"index {qualified(parts.identity_indexes.get(row[0], ''))}"
    return {"d": "", "n": "nothing", "f": "full", "i": named}[row[9]]


def _column(row: Row, rows: Rows) -> Column:
    text, reference = rows.types[row[3], row[4]]
    return Column(
        name=row[2],
        type=text,
        type_ref=reference,
        position=row[1],
        not_null=row[5],
        default=normalise_expression(row[6]) if row[6] else "",
        identity=_IDENTITIES[row[7]] if row[7] else "",
        generated=_GENERATED[row[8]] if row[8] else "",
        collation=row[9] or "",
        storage=_STORAGES[row[10]] if row[10] else "",
        compression=_COMPRESSIONS[row[11]] if row[11] else "",
        comment=row[12] or "",
    )


def _constraint(row: Row, rows: Rows) -> Constraint:
    definition = row[4].removesuffix(" NOT VALID").removesuffix(" NOT ENFORCED")
    own, other = rows.column_names.get(row[0], {}), rows.column_names.get(row[10], {})
    return Constraint(
        name=row[2],
        kind=_CONSTRAINT_KINDS[row[3]],
        definition=normalise_expression(definition),
        columns=tuple(own[number] for number in row[5] or () if number in own),
        validated=row[6],
        enforced=row[7],
        references_schema=row[8] or "",
        references_table=row[9] or "",
        references_columns=tuple(other[number] for number in row[11] or () if number in other),
        comment=row[12] or "",
    )


def _index(row: Row, rows: Rows) -> Index:
    names = rows.column_names.get(row[0], {})
    return Index(
        name=row[1],
        definition=normalise_expression(row[2]),
        valid=row[3],
        unique=row[4],
        partial=row[5],
        columns=tuple(names.get(number, "") for number in row[6][: row[7]]),
        comment=row[10] or "",
    )


def _trigger(row: Row) -> Trigger:
    return Trigger(name=row[1], definition=normalise_expression(row[2]), enabled=_ENABLED[row[3]], comment=row[4] or "")


def _policy(row: Row) -> Policy:
    return Policy(
        name=row[1],
        command=_COMMANDS[row[2]],
        permissive=row[3],
        roles=tuple(row[4]),
        using=normalise_expression(row[5] or ""),
        check=normalise_expression(row[6] or ""),
        comment=row[7] or "",
    )


def _rule(row: Row) -> Rule:
    return Rule(name=row[1], definition=row[2], enabled=_ENABLED[row[3]])


def _statistics(row: Row) -> Statistics:
    return Statistics(name=row[1], definition=row[2])
