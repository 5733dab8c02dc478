"""Defaults of columns as TypeORM reads them from the catalogue and compares them."""

from __future__ import annotations

import dataclasses
import re

from seachange.sync._typescript import literal, template
from seachange.sync.model import Column, Table

__all__ = ["Default", "compared_default", "generation"]

_CAST = re.compile(r'::[A-Za-z0-9_\s.\[\]\-"]+')
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})")
_TEXT = re.compile(r"'([^'\\]*)'")
_NOW = re.compile(r"\s*(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)(\(\d+\))?\s*", re.IGNORECASE)
_UUID = re.compile(r"gen_random_uuid\(\)|uuid_generate_v\d\(\).*")
# The server writes such a value in the time zone of whoever asks.
_ZONED = re.compile(r"'::(timestamp(\(\d\))? with time zone|tstz(multi)?range)")
_LONGEST_NAME = 63


@dataclasses.dataclass(frozen=True, kw_only=True)
class Default:
    """The option ``default`` of a column; ``compares`` says whether TypeORM finds it equal to what it reads."""

    text: str
    compares: bool


def compared_default(column: Column, *, kind: str) -> Default | None:
    """Return the default of a column; none where there is none, or the value is generated.

    :param column: the column.
    :param kind: the name of its type to TypeORM.
    """
    if not column.default:
        return None
    shown = _as_seen(column.default)
    read = shown if shown == "now()" or "'now'::text" in shown else _CAST.sub("", shown)
    read = f"'{read}'" if re.fullmatch(r"-?\d+", read) else read
    compares = _lowered(read) == read and not _NOW.fullmatch(read) and not _ZONED.search(column.default)
    return Default(text=_spelled(read, kind=kind) if compares else _expression(shown), compares=compares)


def generation(table: Table, column: Column, *, kind: str) -> str:
    """Return how TypeORM takes the values of a column to be generated: ``identity``, ``increment``, ``uuid`` or nothing.

    :param table: its table.
    :param column: the column.
    :param kind: the name of its type to TypeORM.
    """
    if column.identity:
        return "identity"
    if not column.serial and kind != "uuid":
        return ""
    default = _as_seen(column.default)
    name = _sequence_name(table, column)
    if default.replace('"', "") in (f"nextval('{one}'::regclass)" for one in (name, f"{table.schema}.{name}")):
        return "increment"
    return "uuid" if kind == "uuid" and _UUID.fullmatch(default) else ""


def _as_seen(default: str) -> str:
    # The catalogue was read with an empty search_path; to TypeORM's session the objects of public have no schema.
    if "public." not in default:
        return default
    parts = re.split(r"('(?:[^']|'')*')", default)
    shown = [re.sub(r'(?<![\w".])public\.', "", part) if number % 2 == 0 else part for number, part in enumerate(parts)]
    return re.sub(r"nextval\('public\.", "nextval('", "".join(shown))


def _lowered(text: str) -> str:
    return "'".join(part if number % 2 else part.lower() for number, part in enumerate(text.split("'")))


def _spelled(read: str, *, kind: str) -> str:
    if read in ("true", "false"):
        return read
    text = _TEXT.fullmatch(read)
    if text and kind in ("smallint", "integer", "bigint") and _NUMBER.fullmatch(text[1]):
        return text[1]
    if text and kind not in ("json", "jsonb"):
        return literal(text[1])
    return _expression(read)


def _expression(text: str) -> str:
    return f"() => {template(text) if chr(34) in text else literal(text)}"


def _sequence_name(table: Table, column: Column) -> str:
    name = f"{table.name}_{column.name}_seq"
    if len(name) <= _LONGEST_NAME:
        return name
    path = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    return f"{table.name[:29]}_{column.name[: max(29, 63 - len(path) - 5)]}_seq"
