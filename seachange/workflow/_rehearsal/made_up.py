"""Values for made-up rows: SQL expressions over the number of the row, by the type of the column and what is known of it."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Sequence

from psycopg import sql

from seachange.safety.column_statistics import ColumnStatistics

__all__ = ["Kind", "distinct_value", "likely_value", "literal", "quoted", "salt_of"]

_INTEGERS = {"int2": 32_767, "int4": 2_147_483_647, "int8": 9_223_372_036_854_775_807}
_FLOATS = frozenset({"float4", "float8", "numeric", "money"})
_TEXTS = frozenset({"text", "varchar", "bpchar", "citext", "name"})
_MOMENTS = frozenset({"date", "timestamp", "timestamptz"})
_RANGES = {
    "int4range": "int4range({i}::int4, {i}::int4 + 1)",
    "int8range": "int8range({i}, {i} + 1)",
    "numrange": "numrange({i}, {i} + 1)",
    "daterange": "daterange(date '1990-01-01' + {i}::int4, date '1990-01-01' + {i}::int4 + 1)",
    "tsrange": "tsrange(timestamp '1990-01-01' + {i} * interval '1 hour', "
    "timestamp '1990-01-01' + ({i} + 1) * interval '1 hour')",
    "tstzrange": "tstzrange(timestamptz '1990-01-01' + {i} * interval '1 hour', "
    "timestamptz '1990-01-01' + ({i} + 1) * interval '1 hour')",
}
_OTHERS = {
    "uuid": "md5({salt} || {i})::uuid",
    "bytea": "decode(md5({salt} || {i}), 'hex')",
    "inet": "'10.0.0.0'::inet + {i}",
    "cidr": "('10.0.0.0'::inet + {i})::cidr",
    "macaddr": "(lpad(to_hex({i}), 12, '0'))::macaddr",
    "point": "point({i}, {i})",
    "box": "box(point({i}, {i}), point({i} + 1, {i} + 1))",
    "circle": "circle(point({i}, {i}), 1)",
    "tsvector": "to_tsvector('simple', 'word' || {i})",
    "json": "json_build_object('number', {i})",
    "jsonb": "jsonb_build_object('number', {i})",
    "xml": "('<number>' || {i} || '</number>')::xml",
    "time": "time '00:00' + ({i} % 86400) * interval '1 second'",
    "timetz": "(time '00:00' + ({i} % 86400) * interval '1 second')::timetz",
    "interval": "{i} * interval '1 minute'",
    "oid": "{i}::oid",
}
_DEFAULT_WIDTH = 12
_DISTINCT_WIDTH = 8
_SHORT = 127
_BEFORE = "timestamp '2000-01-01'"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """What a column takes: ``base`` is the name of the type below all domains, ``cast`` how the type is written.

    ``limit`` is the longest text, or the largest number below the point of a numeric; 0 where there is none.
    ``shape`` is what is made of a text ``{t}`` so that checks take it.
    """

    base: str
    cast: str
    limit: int = 0
    labels: tuple[str, ...] = ()
    element: Kind | None = None
    shape: str = "{t}"
    domain: bool = False

    def shaped(self, text: str) -> str:
        """Return a text in the shape that checks ask for, as an expression."""
        return f"({self.shape.replace('{t}', text)})::{self.cast}"


def literal(text: str) -> str:
    """Return a text as a literal of SQL."""
    return sql.quote(text).strip()


def distinct_value(kind: Kind, index: str, *, salt: str, choices: Sequence[str] = ()) -> tuple[str, int] | None:
    """Return an expression that gives another value for each row, and how many it can give; None where there is no such.

    :param kind: of the column.
    :param index: the number of the row, as an expression of bigint.
    :param salt: makes columns differ.
    :param choices: the only texts that it may have.
    """
    i = f"({index})"
    if labels := choices or kind.labels:
        return f"(({_array(labels)})[1 + ({i} - 1) % {len(labels)}])::{kind.cast}", len(labels)
    if kind.base == "bool":
        return f"({i} % 2 = 0)", 2
    if kind.base in _INTEGERS or kind.base in _FLOATS:
        return f"{i}::numeric::{kind.cast}", _INTEGERS.get(kind.base) or kind.limit or 16_000_000
    if kind.base in _TEXTS:
        digits = max(1, kind.limit - 1) if kind.limit else 12
        return kind.shaped(f"('k' || {i})" if kind.limit != 1 else f"({i}::text)"), 10 ** min(digits, 12) - 1
    if kind.base in _MOMENTS:
        step, most = ("interval '1 day'", 2_000_000) if kind.base == "date" else ("interval '1 second'", 10**10)
        return f"({_BEFORE} + {i} * {step})::{kind.cast}", most
    found = _other(kind, i, salt=salt)
    return (found, 86_400 if kind.base in ("time", "timetz") else 10**6) if found else None


def likely_value(kind: Kind, known: ColumnStatistics | None, index: str, *, rows: int, salt: str) -> str | None:
    """Return an expression whose values are like those that are known of a column; None where none can be made up.

    :param kind: of the column.
    :param known: what is known.
    :param index: the number of the row, as an expression of bigint.
    :param rows: how many rows there are in reality, for what is known as a part of them.
    :param salt: makes columns differ.
    """
    known = known or ColumnStatistics()
    if _all_distinct(known) and (apart := _apart(kind, known, index, rows=rows, salt=salt)):
        return apart
    value = _from_known(kind, known, index) or _by_type(kind, known, rows=rows, salt=salt)
    common = min(1.0, sum(known.shares))
    if value is None or not known.common or (kind.base in _TEXTS and not kind.labels):
        return value
    bounds = _cumulated(known.shares)
    chosen = f"({_array(known.common)}::{kind.cast}[])[1 + width_bucket(random() * {common:.6f}, {bounds})]"
    # Without bounds the frequent values are all that there are.
    if not known.bounds:
        return chosen
    return f"CASE WHEN random() < {common:.6f} THEN {chosen} ELSE {value} END"


def _all_distinct(known: ColumnStatistics) -> bool:
    """Whether no two rows have the same value, as far as the sample tells: a pending unique key has to find that here too."""
    return known.distinct < 0 and -known.distinct >= 0.99 * (1 - known.nulls) and not known.common


def _apart(kind: Kind, known: ColumnStatistics, index: str, *, rows: int, salt: str) -> str | None:
    if kind.base in _TEXTS and not kind.labels:
        # The number comes first, and is not cut off.
        return _text(kind, known, f"({index})", salt=salt, prefix=f"to_hex({index}) || '.' || ")
    if kind.base not in _INTEGERS:
        return None
    if len(known.bounds) < 2 or int(known.bounds[-1]) - int(known.bounds[0]) < rows:
        return f"({index})::{kind.cast}"
    low, high = int(known.bounds[0]), int(known.bounds[-1])
    return f"({low} + floor((({index}) % {rows}) * {(high - low) / rows:.6f}))::numeric::{kind.cast}"


def _array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(map(literal, values))}]"


def _cumulated(shares: Sequence[float]) -> str:
    total, bounds = 0.0, []
    for share in shares[:-1]:
        total += share
        bounds.append(f"{total:.6f}")
    return f"ARRAY[{', '.join(bounds)}]::float8[]" if bounds else "ARRAY[1e9]::float8[]"


def _from_known(kind: Kind, known: ColumnStatistics, index: str) -> str | None:
    """Return a value between two neighbouring bounds; each pair has as many rows as any other."""
    bounds = [each for each in known.bounds if "infinity" not in each.lower() and each != "NaN"]
    if len(bounds) < 2 or kind.base in _TEXTS:
        return f"({_array(bounds)}::{kind.cast}[])[1]" if bounds and kind.base not in _TEXTS else None
    array, place = f"({_array(bounds)}::{kind.cast}[])", f"1 + (({index}) % {len(bounds) - 1})::int"
    low, high = f"{array}[{place}]", f"{array}[1 + {place}]"
    if kind.base in _INTEGERS or kind.base in _FLOATS - {"money"}:
        between = f"{low} + random()::{'float8' if kind.base != 'numeric' else 'numeric'} * ({high} - {low})"
        return f"floor({between})::{kind.cast}" if kind.base in _INTEGERS else f"({between})::{kind.cast}"
    if kind.base == "date":
        return f"({low} + floor(random() * ({high} - {low}))::int)::{kind.cast}"
    if kind.base in ("timestamp", "timestamptz"):
        return f"({low} + random() * ({high} - {low}))::{kind.cast}"
    return low


def _by_type(kind: Kind, known: ColumnStatistics, *, rows: int, salt: str) -> str | None:
    some = _some(known, rows=rows)
    if kind.labels:
        return f"(({_array(kind.labels)})[1 + floor(random() * {len(kind.labels)})::int])::{kind.cast}"
    if kind.base == "bool":
        return "(random() < 0.5)"
    if kind.base in _INTEGERS or kind.base in _FLOATS:
        return f"(1 + floor(random() * {min(some, 1000, kind.limit or 1000)}))::numeric::{kind.cast}"
    if kind.base in _TEXTS:
        return _text(kind, known, f"floor(random() * {some})::bigint", salt=salt)
    if kind.base in _MOMENTS:
        return f"({_BEFORE} + floor(random() * {min(some, 9000)}) * interval '1 day')::{kind.cast}"
    return _other(kind, f"(1 + floor(random() * {some})::bigint)", salt=salt)


def _some(known: ColumnStatistics, *, rows: int) -> int:
    distinct = known.distinct if known.distinct > 0 else -known.distinct * rows
    return max(1, int(distinct)) if distinct else 1000


def _text(kind: Kind, known: ColumnStatistics, number: str, *, salt: str, prefix: str = "") -> str:
    width = _width(kind, known, least=_DISTINCT_WIDTH if prefix else 1)
    digest = f"md5({literal(salt)} || {number})"
    # Repeated text would be compressed away, and the table be smaller than the real one.
    digests = " || ".join([digest, *(f"md5({digest} || '{part}')" for part in range(1, min(64, -(-width // 32))))])
    text = f"{prefix}{digests}" if width <= 64 * 32 else f"{prefix}repeat({digests}, {-(-width // 2048)})"
    return kind.shaped(f"left({text}, {width})")


def _width(kind: Kind, known: ColumnStatistics, *, least: int) -> int:
    # The width of a short text counts one byte for its length, that of a longer one four.
    header = 1 if known.width < _SHORT else 4
    width = max(least, known.width - header) if known.width else _DEFAULT_WIDTH
    return min(width, kind.limit) if kind.limit else width


def _other(kind: Kind, i: str, *, salt: str) -> str | None:
    if kind.element is not None:
        element = distinct_value(kind.element, i, salt=salt)
        return f"ARRAY[{element[0]}]::{kind.cast}" if element else None
    template = _RANGES.get(kind.base) or _OTHERS.get(kind.base)
    if kind.base in ("bit", "varbit"):
        return f"({i}::int8::bit({kind.limit or 64}))::{kind.cast}"
    if template is None:
        return None
    return f"({template.format(i=i, salt=literal(salt))})::{kind.cast}"


def quoted(name: str) -> str:
    """Return a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def salt_of(name: str) -> str:
    """Return a short text that stands for a name."""
    return re.sub(r"\W", "", f"{zlib.crc32(name.encode()):08x}")
