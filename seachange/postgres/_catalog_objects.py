"""Rows of the catalogue queries -> schemas, types, sequences, functions and extensions."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

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
    comments = {oid: "" if comment == "standard public schema" else comment or "" for oid, _, comment, _ in rows.found["schemas"]}
    return tuple(Schema(name=name, comment=comments[oid]) for oid, name in _by_name(rows.schemas))


def _by_name(schemas: Mapping[int, str]) -> Sequence[tuple[int, str]]:
    return sorted(schemas.items(), key=lambda item: item[1])


def enums(rows: Rows) -> tuple[EnumType, ...]:
    """Return the enums by name."""
    return tuple(
        EnumType(schema=rows.schemas[row[1]], name=row[2], labels=tuple(row[5]), comment=row[12] or "")
        for row in _types(rows, "e")
    )


def _types(rows: Rows, kind: str) -> list[Row]:
    own = (row for row in rows.found["types"] if row[3] == kind and not rows.owned_by_extension("pg_type", row[0]))
    return sorted(own, key=lambda row: (rows.schemas[row[1]], row[2]))


def domains(rows: Rows, constraints: Mapping[int, tuple[Constraint, ...]]) -> tuple[Domain, ...]:
    """Return the domains by name.

    :param constraints: the constraints of each domain, by the domain's oid.
    """
    return tuple(
        Domain(
            schema=rows.schemas[row[1]],
            name=row[2],
            type=rows.types[row[6], row[7]][0],
            type_ref=rows.types[row[6], row[7]][1],
            not_null=row[8],
            default=normalise_expression(row[9] or ""),
            collation=row[10] or "",
            constraints=constraints.get(row[0], ()),
            comment=row[12] or "",
        )
        for row in _types(rows, "d")
    )


def composites(rows: Rows) -> tuple[CompositeType, ...]:
    """Return the composite types by name."""
    columns = rows.grouped("columns")
    return tuple(
        CompositeType(
            schema=rows.schemas[row[1]],
            name=row[2],
            attributes=tuple(
                _attribute(column, rows) for column in sorted(columns.get(row[4], ()), key=lambda column: int(column[1]))
            ),
            comment=row[12] or "",
        )
        for row in _types(rows, "c")
    )


def _attribute(column: Row, rows: Rows) -> str:
    return f"{qualified(column[2])} {rows.types[column[3], column[4]][0]}" + (f" COLLATE {column[9]}" if column[9] else "")


def ranges(rows: Rows) -> tuple[RangeType, ...]:
    """Return the range types by name."""
    return tuple(
        RangeType(schema=rows.schemas[row[1]], name=row[2], subtype=row[11], comment=row[12] or "") for row in _types(rows, "r")
    )


def sequences(rows: Rows, tables: Mapping[int, str], hidden: Container[int]) -> tuple[SequenceValue, ...]:
    """Return the sequences by name.

    :param tables: qualified names of the tables that are looked at, by oid.
    :param hidden: oids of tables that are not; their sequences are not looked at either.
    """
    own = (row for row in rows.found["sequences"] if row[10] not in hidden and not rows.owned_by_extension("pg_class", row[0]))
    return tuple(_sequence(row, rows, tables) for row in sorted(own, key=lambda row: (rows.schemas[row[1]], row[2])))


def _sequence(row: Row, rows: Rows, tables: Mapping[int, str]) -> SequenceValue:
    owner = f"{tables[row[10]]}.{qualified(rows.column_names[row[10]][row[11]])}" if row[10] in tables else ""
    return SequenceValue(
        schema=rows.schemas[row[1]],
        name=row[2],
        type=row[3],
        start=row[4],
        increment=row[5],
        minimum=row[6],
        maximum=row[7],
        cache=row[8],
        cycle=row[9],
        owned_by=owner,
        identity=bool(row[12]),
        comment=row[13] or "",
    )


def functions(rows: Rows) -> tuple[Function, ...]:
    """Return the functions by name and arguments."""
    return tuple(
        Function(schema=rows.schemas[row[1]], name=row[2], arguments=row[3], definition=row[4].strip(), comment=row[5] or "")
        for row in sorted(rows.found["functions"], key=lambda row: (rows.schemas[row[1]], row[2], row[3]))
    )


def extensions(rows: Rows) -> tuple[Extension, ...]:
    """Return the extensions by name."""
    return tuple(
        Extension(name=name, schema=schema, version=version, operational=bool(_OPERATIONAL.fullmatch(name)))
        for name, schema, version in sorted(rows.found["extensions"])
    )
