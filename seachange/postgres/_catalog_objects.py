"""Rows of the catalogue queries -> schemas, types, sequences, functions and extensions."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from seachange.postgres._catalog_parts import Constraint, qualified
from seachange.postgres._catalog_rows import Row, Rows
from seachange.postgres._catalog_text import normalise_expression
from seachange.postgres._catalog_values import (
    CompositeType,
    Domain,
    EnumType,
    Extension,
    Function,
    RangeType,
    Schema,
)
from seachange.postgres._catalog_values import Sequence as SequenceValue

__all__ = ["composites", "domains", "enums", "extensions", "functions", "ranges", "schemas", "sequences"]

# They watch or run the server and are installed by whoever runs it: their presence is no drift of a schema.
_OPERATIONAL = re.compile(
    r"adminpack|amcheck|azure|hypopg|pageinspect|pg_buffercache|pg_cron|pg_freespacemap|pg_hint_plan|pg_prewarm|pg_qualstats"
    r"|pg_repack|pg_squeeze|pg_stat_kcache|pg_stat_monitor|pg_stat_statements|pg_surgery|pg_visibility|pg_wait_sampling"
    r"|pg_walinspect|pgaudit|pglogical|pgrowlocks|pgstattuple|plpgsql_check|sslinfo|system_stats"
)


def schemas(rows: Rows) -> tuple[Schema, ...]:
    """Return the schemas that are looked at."""
    # initdb's comment goes when somebody drops the schema public and makes it again.
    comments = {row.name: row.comment or "" for row in rows.found["schemas"] if row.comment != "standard public schema"}
    return tuple(Schema(name=name, comment=comments.get(name, "")) for name in sorted(rows.schemas.values()))


def enums(rows: Rows) -> tuple[EnumType, ...]:
    """Return the enums by name."""
    return tuple(
        EnumType(schema=rows.schemas[row.namespace], name=row.name, labels=tuple(row.labels), comment=row.comment or "")
        for row in _types(rows, "e")
    )


def _types(rows: Rows, kind: str) -> list[Row]:
    own = (row for row in rows.found["types"] if row.kind == kind and not rows.owned_by_extension("pg_type", row.oid))
    return sorted(own, key=lambda row: (rows.schemas[row.namespace], row.name))


def domains(rows: Rows, constraints: Mapping[int, tuple[Constraint, ...]]) -> tuple[Domain, ...]:
    """Return the domains by name.

    :param constraints: the constraints of each domain, by the domain's oid.
    """
    return tuple(
        Domain(
            schema=rows.schemas[row.namespace],
            name=row.name,
            type=rows.types[row.base, row.modifier][0],
            type_ref=rows.types[row.base, row.modifier][1],
            not_null=row.not_null,
            default=normalise_expression(row.expression or ""),
            collation=row.collation or "",
            constraints=constraints.get(row.oid, ()),
            comment=row.comment or "",
        )
        for row in _types(rows, "d")
    )


def composites(rows: Rows) -> tuple[CompositeType, ...]:
    """Return the composite types by name."""
    columns = rows.grouped("columns")
    return tuple(
        CompositeType(
            schema=rows.schemas[row.namespace],
            name=row.name,
            attributes=tuple(_attribute(one, rows) for one in sorted(columns.get(row.relation, ()), key=_number)),
            comment=row.comment or "",
        )
        for row in _types(rows, "c")
    )


def _number(column: Row) -> int:
    return int(column.number)


def _attribute(column: Row, rows: Rows) -> str:
    text = f"{qualified(column.name)} {rows.types[column.type, column.modifier][0]}"
    return f"{text} COLLATE {column.collation}" if column.collation else text


def ranges(rows: Rows) -> tuple[RangeType, ...]:
    """Return the range types by name."""
    return tuple(
        RangeType(schema=rows.schemas[row.namespace], name=row.name, subtype=row.subtype, comment=row.comment or "")
        for row in _types(rows, "r")
    )


def sequences(rows: Rows, tables: Mapping[int, str], hidden: Container[int]) -> tuple[SequenceValue, ...]:
    """Return the sequences by name.

    :param tables: qualified names of the tables that are looked at, by oid.
    :param hidden: oids of tables that are not; their sequences are not looked at either.
    """
    shown = (row for row in rows.found["sequences"] if row.owner not in hidden)
    own = (row for row in shown if not rows.owned_by_extension("pg_class", row.oid))
    ordered = sorted(own, key=lambda row: (rows.schemas[row.namespace], row.name))
    return tuple(_sequence(row, rows, tables) for row in ordered)


def _sequence(row: Row, rows: Rows, tables: Mapping[int, str]) -> SequenceValue:
    table = tables.get(row.owner, "")
    return SequenceValue(
        schema=rows.schemas[row.namespace],
        name=row.name,
        type=row.type,
        start=row.start,
        increment=row.increment,
        minimum=row.minimum,
        maximum=row.maximum,
        cache=row.cache,
        cycle=row.cycle,
        owned_by=f"{table}.{qualified(rows.column_names[row.owner][row.owner_number])}" if table else "",
        identity=bool(row.identity),
        comment=row.comment or "",
    )


def functions(rows: Rows) -> tuple[Function, ...]:
    """Return the functions by name and arguments."""
    return tuple(
        Function(
            schema=rows.schemas[row.namespace],
            name=row.name,
            arguments=row.arguments or "",
            definition=(row.definition or "").strip(),
            comment=row.comment or "",
        )
        for row in sorted(rows.found["functions"], key=lambda row: (rows.schemas[row.namespace], row.name, row.arguments or ""))
    )


def extensions(rows: Rows) -> tuple[Extension, ...]:
    """Return the extensions by name."""
    return tuple(
        Extension(
            name=row.name,
            schema=row.schema,
            version=row.version,
            operational=bool(_OPERATIONAL.fullmatch(row.name)),
        )
        for row in sorted(rows.found["extensions"])
    )
