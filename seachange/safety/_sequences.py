"""Sequences that will give numbers which their columns hold already, or no numbers any more."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seachange.plan import Finding
from seachange.postgres.catalog import qualified
from seachange.safety._look import NotCheckedError, Row, look

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

__all__ = ["find_late_sequences"]

_BATCH = 100
_LIMITS = {"int2": 2**15, "int4": 2**31, "int8": 2**63}

# A sequence goes with a column that owns it (serial: a, identity: i), or whose default calls it.
_SEQUENCES = """
WITH used AS (
    SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid AS number
    FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT d.refobjid, f.adrelid, f.adnum
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'n'
)
SELECT sn.nspname::text, sc.relname::text, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle,
       tn.nspname::text, t.relname::text, t.relkind = 'p', a.attname::text, y.typname::text,
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indisunique AND i.indnkeyatts = 1
               AND i.indkey[0] = a.attnum AND i.indpred IS NULL)
FROM used u
JOIN pg_catalog.pg_sequence s ON s.seqrelid = u.sequence
JOIN pg_catalog.pg_class sc ON sc.oid = s.seqrelid
JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = u.relation
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.number
JOIN pg_catalog.pg_type ay ON ay.oid = a.atttypid
JOIN pg_catalog.pg_type y ON y.oid = CASE WHEN ay.typtype = 'd' THEN ay.typbasetype ELSE ay.oid END
WHERE y.typname IN ('int2', 'int4', 'int8', 'numeric') AND t.relkind IN ('r', 'p') AND NOT t.relispartition
  AND tn.nspname !~ '^pg_'
  AND (%s::text[] = '{}' OR tn.nspname = ANY (%s))
ORDER BY 7, 8, 10
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Use:
    schema: str
    name: str
    increment: int
    minimum: int
    maximum: int
    cycle: bool
    table_schema: str
    table: str
    partitioned: bool
    column: str
    type: str
    unique: bool

    @property
    def sequence(self) -> str:
        return qualified(self.schema, self.name)

    @property
    def relation(self) -> str:
        return qualified(self.table_schema, self.table)

    @property
    def place(self) -> str:
        return f"{self.relation}.{qualified(self.column)}"


def find_late_sequences(connection: psycopg.Connection, schemas: Sequence[str], *, timeout_ms: int) -> Iterator[Finding]:
    """Yield the sequences that are behind their columns, and those that are used up.

    :param connection: a session.
    :param schemas: of the tables; all by default.
    :param timeout_ms: as for :func:`look`.
    """
    wanted = list(schemas)
    rows = look(connection, _SEQUENCES, timeout_ms=timeout_ms, parameters=[wanted, wanted])
    names = [field.name for field in dataclasses.fields(_Use)]
    uses = [_Use(**dict(zip(names, row, strict=True))) for row in rows]
    for first in range(0, len(uses), _BATCH):
        yield from _check(connection, uses[first : first + _BATCH], timeout_ms=timeout_ms)


def _check(connection: psycopg.Connection, uses: Sequence[_Use], *, timeout_ms: int) -> Iterator[Finding]:
    from psycopg.sql import SQL

    query = SQL(" UNION ALL ").join(_query(use, number) for number, use in enumerate(uses))
    try:
        states = sorted(look(connection, query, timeout_ms=timeout_ms))
    except NotCheckedError as exc:
        if len(uses) == 1:
            yield _not_checked(uses[0], exc)
            return
        # One that cannot be read must not hide the others.
        yield from itertools.chain.from_iterable(_check(connection, [use], timeout_ms=timeout_ms) for use in uses)
        return
    for use, state in zip(uses, states, strict=True):
        yield from _findings(use, state)


def _query(use: _Use, number: int) -> Composed:
    # The statement's snapshot of the table is older than what it reads of the sequence, which knows no snapshots: rows that
    # others insert meanwhile cannot make the sequence look late. A value counts only if the sequence comes to it.
    from psycopg.sql import SQL, Identifier, Literal

    up = use.increment > 0
    return SQL(
        "SELECT {number}, s.last_value, s.is_called, (SELECT {furthest}(c.{column})::text FROM {only}{table} c "
        "WHERE c.{column} {beyond} s.last_value AND (c.{column} <> s.last_value OR NOT s.is_called) "
        "AND (c.{column}::numeric - s.last_value) % {increment} = 0) FROM {sequence} s"
    ).format(
        number=Literal(number),
        furthest=SQL("max" if up else "min"),
        column=Identifier(use.column),
        only=SQL("" if use.partitioned else "ONLY "),
        table=Identifier(use.table_schema, use.table),
        beyond=SQL(">=" if up else "<="),
        increment=Literal(use.increment),
        sequence=Identifier(use.schema, use.name),
    )


def _findings(use: _Use, state: Row) -> Iterator[Finding]:
    _, last, called, furthest = state
    following = last + use.increment if called else last
    if furthest is not None:
        yield _behind(use, following, furthest)
    elif not use.cycle and not _lowest(use) <= following <= _highest(use):
        yield Finding(
            code="sequence-exhausted",
            message=f"{use.place}: sequence {use.sequence} is used up, its last number was {last}",
            hint=f"change the column to bigint, then ALTER SEQUENCE {use.sequence} AS bigint;",
        )


def _lowest(use: _Use) -> int:
    return max(use.minimum, -_LIMITS[use.type]) if use.type in _LIMITS else use.minimum


def _highest(use: _Use) -> int:
    return min(use.maximum, _LIMITS[use.type] - 1) if use.type in _LIMITS else use.maximum


def _behind(use: _Use, following: int, furthest: str) -> Finding:
    furthest_now = furthest if abs(use.increment) != 1 else _furthest_query(use)
    return Finding(
        code="sequence-behind",
        message=f"{use.place}: sequence {use.sequence} gives {following} next, the column holds {furthest} already",
        severity="error" if use.unique else "warning",
        hint=f"SELECT setval({_literal(use.sequence)}, {furthest_now});",
    )


def _furthest_query(use: _Use) -> str:
    function = "max" if use.increment > 0 else "min"
    only = "" if use.partitioned else "ONLY "
    return f"(SELECT {function}({qualified(use.column)}) FROM {only}{use.relation})"  # noqa: S608  # shown, never run


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _not_checked(use: _Use, reason: NotCheckedError) -> Finding:
    return Finding(
        code="sequence-not-checked",
        message=f"{use.place}: sequence {use.sequence} was {reason}",
        severity="warning",
        hint=f"an index on {use.place} makes it quick; the user needs SELECT on both",
    )
