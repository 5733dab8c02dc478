"""Snapshot of the system catalogue -> fingerprint, diff."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from collections.abc import Sequence as _Sequence
from typing import TYPE_CHECKING

from seachange.postgres._catalog_build import build
from seachange.postgres._catalog_facts import without_collector
from seachange.postgres._catalog_parts import (
    Column,
    Constraint,
    Index,
    Policy,
    Rule,
    Statistics,
    Trigger,
    TypeRef,
    qualified,
)
from seachange.postgres._catalog_queries import queries
from seachange.postgres._catalog_rows import Rows
from seachange.postgres._catalog_session import exported_snapshot, steady
from seachange.postgres._catalog_text import short_type
from seachange.postgres._catalog_values import (
    Catalog,
    CompositeType,
    Domain,
    EnumType,
    Extension,
    Function,
    RangeType,
    Schema,
    Sequence,
    Table,
    View,
)
from seachange.postgres.catalog_diff import Difference, diff

if TYPE_CHECKING:
    import psycopg

__all__ = [
    "OWN_SCHEMA",
    "Catalog",
    "Column",
    "CompositeType",
    "Constraint",
    "Difference",
    "Domain",
    "EnumType",
    "Extension",
    "Function",
    "Index",
    "Policy",
    "RangeType",
    "Rule",
    "Schema",
    "Sequence",
    "Statistics",
    "Table",
    "Trigger",
    "TypeRef",
    "View",
    "diff",
    "exported_snapshot",
    "qualified",
    "read_catalog",
    "short_type",
    "steady",
    "without_collector",
]

OWN_SCHEMA = "seachange"


def read_catalog(
    connection: psycopg.Connection,
    *,
    schemas: _Sequence[str] = (),
    exclude_tables: _Sequence[str] = ("alembic_version",),
) -> Catalog:
    """Read the schema of the connected database in one consistent read.

    On an idle connection that is a transaction of its own, REPEATABLE READ and READ ONLY, so that no table appears with
    half its columns; inside a transaction it is a savepoint. Either is rolled back, which restores what it sets.

    :param schemas: schemas to look at; all but the system's, Seachange's own and those of extensions by default.
    :param exclude_tables: names or patterns (``events_*``), with or without schema, of tables and views to pass over.
    :raises TimeoutExceededError: a lock or statement timeout ran out.
    :raises ServerUnreachableError: the connection was lost.
    """
    version = connection.info.server_version
    with without_collector(), steady(connection) as run:
        texts = queries(version)
        known = run(texts.pop("schemas"), {})
        wanted = {row.oid: row.name for row in known if _is_wanted(row.name, schemas, extension=row.of_extension)}
        type_names = texts.pop("type names")
        found = {"schemas": known} | {name: run(text, {"schemas": list(wanted)}) for name, text in texts.items()}
        used = {(row.type, row.modifier) for row in found["columns"]}
        used |= {(row.base, row.modifier) for row in found["types"] if row.base}
        types, modifiers = zip(*used, strict=True) if used else ((), ())
        found["type names"] = run(type_names, {"types": list(types), "modifiers": list(modifiers)})
        return build(Rows(found=found, schemas=wanted, excluded=_matcher(exclude_tables)), version=version)


def _is_wanted(name: str, schemas: _Sequence[str], *, extension: bool) -> bool:
    return name != OWN_SCHEMA and (name in schemas if schemas else not extension)


def _matcher(patterns: _Sequence[str]) -> Callable[[str, str], bool]:
    names = frozenset(pattern for pattern in patterns if not _is_pattern(pattern))
    globs = [pattern for pattern in patterns if _is_pattern(pattern)]

    def excluded(schema: str, table: str) -> bool:
        full = f"{schema}.{table}"
        if table in names or full in names:
            return True
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in globs for name in (table, full))

    return excluded


def _is_pattern(text: str) -> bool:
    return any(character in text for character in "*?[")
