"""Foreign keys that do not exist yet: how they are written, and what they mean in a database."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING

from seachange.errors import ConfigError
from seachange.plan import Finding
from seachange.postgres.catalog import qualified
from seachange.safety._foreign_keys import ForeignKey, Side
from seachange.safety._look import NotCheckedError, look

if TYPE_CHECKING:
    import psycopg

__all__ = ["PlannedKey", "parse_key", "resolve"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedKey:
    """A foreign key that does not exist yet; the tables' names are without schema where none was given."""

    text: str
    child: tuple[str, ...]
    columns: tuple[str, ...]
    parent: tuple[str, ...]
    referenced: tuple[str, ...]


_NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_SIDE = rf"\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*(?:\.?\s*\(\s*({_NAME}(?:\s*,\s*{_NAME})*)\s*\))?\s*"
_KEY = re.compile(rf"{_SIDE}(?:=|->){_SIDE}")


def parse_key(text: str) -> PlannedKey:
    """Read a planned foreign key: ``child.column=parent.column``.

    Several columns are written ``child(a, b)=parent(x, y)``; names as in SQL, so that those with capitals need quotes;
    ``->`` does for ``=``.

    :param text: the key.
    :raises ConfigError: it cannot be read.
    """
    found = _KEY.fullmatch(text)
    if not found:
        raise _unreadable(text)
    child, columns = _side(text, found[1], found[2])
    parent, referenced = _side(text, found[3], found[4])
    if len(columns) != len(referenced):
        raise _unreadable(text)
    return PlannedKey(text=text.strip(), child=child, columns=columns, parent=parent, referenced=referenced)


def _side(text: str, path: str, columns: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = _names(path)
    table, own = (names, _names(columns)) if columns else (names[:-1], names[-1:])
    if not 1 <= len(table) <= 2:
        raise _unreadable(text)
    return table, own


def _names(text: str) -> tuple[str, ...]:
    return tuple(name[1:-1].replace('""', '"') if name[0] == '"' else name.lower() for name in re.findall(_NAME, text))


def _unreadable(text: str) -> ConfigError:
    return ConfigError(
        f"the foreign key {text!r} cannot be read",
        hint="write child.column=parent.column, or child(a, b)=parent(x, y); names with capitals in double quotes",
    )


_TABLE = """
SELECT n.nspname::text, c.relname::text, c.relkind = 'p',
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped),
       (SELECT pg_catalog.json_agg(pg_catalog.to_json(ARRAY(
                   SELECT a.attname::text FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))))::text
        FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s) AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
"""


def resolve(connection: psycopg.Connection, key: PlannedKey, *, timeout_ms: int) -> tuple[ForeignKey, tuple[Finding, ...]]:
    """Find the tables and columns of a planned key.

    :param connection: a session; names without schema are looked for in its ``search_path``.
    :param key: the key.
    :param timeout_ms: as for :func:`look`.
    :returns: the key, and what stands in the way of making it beside its rows.
    :raises NotCheckedError: a table or column does not exist.
    """
    child, _ = _resolve_side(connection, key.child, key.columns, timeout_ms=timeout_ms)
    parent, unique = _resolve_side(connection, key.parent, key.referenced, timeout_ms=timeout_ms)
    foreign_key = ForeignKey(name=key.text, child=child, parent=parent, planned=True)
    return foreign_key, () if set(key.referenced) in unique else (_not_unique(parent),)


def _resolve_side(
    connection: psycopg.Connection, table: tuple[str, ...], columns: tuple[str, ...], *, timeout_ms: int
) -> tuple[Side, list[set[str]]]:
    name = qualified(*table)
    rows = look(connection, _TABLE, timeout_ms=timeout_ms, parameters=[name])
    if not rows:
        raise NotCheckedError(f"there is no table {name}")
    schema, relation, partitioned, present, unique = rows[0]
    missing = [column for column in columns if column not in present]
    if missing:
        raise NotCheckedError(f"{qualified(schema, relation)} has no column {', '.join(map(qualified, missing))}")
    side = Side(schema=schema, table=relation, columns=columns, partitioned=partitioned)
    return side, [set(names) for names in json.loads(unique or "[]")]


def _not_unique(parent: Side) -> Finding:
    columns = ", ".join(map(qualified, parent.columns))
    return Finding(
        code="planned-key-not-unique",
        message=f"{parent.qualified} ({columns}) is not unique, so no foreign key can refer to it",
        severity="warning",
        hint=f"ALTER TABLE {parent.qualified} ADD UNIQUE ({columns});",
    )
