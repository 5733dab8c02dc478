"""Defaults of columns as values of TypeScript where drizzle-kit writes the same SQL for them, else as SQL."""

from __future__ import annotations

import json
import re

from seachange.sync._typescript import literal
from seachange.sync.model import Column
from seachange.sync.targets.drizzle._sql import plain, sql
from seachange.sync.targets.drizzle._types import Builder

__all__ = ["default"]

_CAST = r"(?:::[\w. \"]+(?:\(\d+(?:,\d+)?\))?(?: with(?:out)? time zone)?(?:\[\])?)"
_STRING = re.compile(rf"'((?:[^']|'')*)'{_CAST}?")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_ELEMENT = re.compile(r'[^\s,{}"\\][^,{}"\\]*(?<!\s)')
_NUMBERS = frozenset(("smallint", "integer", "bigint", "real", "doublePrecision"))
_MOST = 2**53 - 1


def default(column: Column, builder: Builder) -> str:
    """Return the call that gives a column its default, or nothing.

    :param column: of a table.
    :param builder: what makes the column.
    """
    text = column.default
    if not text:
        return ""
    if text == "gen_random_uuid()" and builder.function == "uuid" and not column.type.array:
        return ".defaultRandom()"
    if text == "now()" and builder.function in ("timestamp", "date", "time") and not column.type.array:
        return ".defaultNow()"
    value = _array(text, builder) if column.type.array else _value(text, builder)
    return f".default({value or sql(text)})"


def _value(text: str, builder: Builder) -> str:
    if builder.data == "boolean" and text in ("true", "false"):
        return text
    if builder.function == "numeric" and _NUMBER.fullmatch(text):
        return literal(text)
    if builder.function in _NUMBERS and builder.data == "number" and _NUMBER.fullmatch(text) and abs(float(text)) <= _MOST:
        return text
    string = _STRING.fullmatch(text)
    return _string(string[1], builder) if string else ""


def _string(text: str, builder: Builder) -> str:
    if builder.function in ("json", "jsonb"):
        return _json(text.replace("''", "'"))
    if builder.data == "string":
        return literal(text.replace("''", "'"))
    # The column says what type it is.
    return sql(f"'{text}'")


def _json(text: str) -> str:
    """Return a document as drizzle-kit writes it back, which it does without regard to quotes and large numbers."""
    if "'" in text or "__proto__" in text or re.search(r"\d{16}|\d[.eE]", text):
        return ""
    return json.dumps(json.loads(text), ensure_ascii=False)


def _array(text: str, builder: Builder) -> str:
    string = _STRING.fullmatch(plain(text))
    if string is None or not re.fullmatch(r"\{[^{}']*\}", string[1]):
        return ""
    elements = string[1][1:-1].split(",") if string[1] != "{}" else []
    if any(not _ELEMENT.fullmatch(one) or one.upper() == "NULL" for one in elements):
        return ""
    if builder.data == "string":
        return f"[{', '.join(map(literal, elements))}]"
    if builder.data == "number" and all(_NUMBER.fullmatch(one) for one in elements):
        return f"[{', '.join(elements)}]"
    return "[]" if not elements else ""
