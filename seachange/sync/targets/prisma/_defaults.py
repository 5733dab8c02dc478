"""Defaults of columns -> @default, read the way Prisma's engine reads them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from seachange.sync.model import Column
from seachange.sync.targets.prisma._names import quoted
from seachange.sync.targets.prisma._types import Family, FieldType

__all__ = ["default_value", "without_public"]

_STRING = r"[Ee]'(?:\\.|''|[^'\\])*'|'(?:[^']|'')*'"
_QUALIFIED = re.compile(rf"'public\.([^'.]+)'(?=::reg)|({_STRING}|\"(?:[^\"]|\"\")*\")|(?<![\w.])public\.", re.DOTALL)
_CAST = r"(?:::(?:[\w .]|\"(?:[^\"]|\"\")*\")+(?:\([\d, ]*\))?(?:[\w ]+)?(?:\[\])?)?"
_TEXT = re.compile(rf"({_STRING}){_CAST}", re.DOTALL)
_INT = re.compile(r"-?\d+")
_FLOAT = re.compile(r"\(?(-?\d+(?:\.\d+)?)\)?" + _CAST)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NOW = re.compile(rf"(?:now\(\)|CURRENT_TIMESTAMP){_CAST}", re.IGNORECASE)
# The engine does not know sequences whose names begin with anything else.
_NEXT = re.compile(r"""nextval\(\(?'(?:(?:"[^"]*"|[A-Za-z][\w-]*)\.)?["A-Za-z]""")
_ARRAY = re.compile(rf"\(?ARRAY\[(.*?)\]{_CAST}\)?{_CAST}", re.DOTALL)
_CONSTRUCTED = re.compile(rf"\s*(?:({_STRING}){_CAST}|\(-?[\d.]+\){_CAST}|([^,'\"()]+))\s*(?:,|$)", re.DOTALL)
_ELEMENT = re.compile(r'(?:"((?:\\.|[^"\\])*)"|([A-Za-z][A-Za-z0-9_-]*)|(-?\d+(?:\.\d+)?))(?:,|$)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)|''", re.DOTALL)
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_TRUTH = {"true": "true", "t": "true", "false": "false", "f": "false"}

# Values of an enum by their labels; none for a label that Prisma cannot name.
_Labels = Mapping[str, str]


def without_public(expression: str) -> str:
    """Return an expression as a session with ``public`` in its search_path, such as Prisma's, is told it."""
    return _QUALIFIED.sub(lambda found: f"'{found[1]}'" if found[1] else found[2] or "", expression)


def default_value(column: Column, kind: FieldType, labels: _Labels) -> str:
    """Return the argument of @default, nothing without a default.

    :param column: the column.
    :param kind: its type.
    :param labels: of its enum.
    """
    if column.identity and kind.family in ("Int", "BigInt"):
        return "autoincrement()"
    expression = without_public(column.default or column.expression)
    if not expression or expression.startswith("NULL"):
        return ""
    found = _list(expression, kind, labels) if kind.array else _single(expression, kind.family, labels)
    return found or f"dbgenerated({quoted(expression)})"


def _single(expression: str, family: Family, labels: _Labels) -> str:
    if family in ("Int", "BigInt"):
        return "autoincrement()" if _NEXT.match(expression) else _integer(expression)
    if family == "DateTime":
        return "now()" if _NOW.fullmatch(expression) else ""
    if family == "Boolean":
        return _TRUTH.get(expression.lower(), "")
    if family == "Enum":
        text = _text(expression)
        return labels.get(text, "") if text is not None else ""
    reader = _READERS.get(family)
    return reader(expression) if reader else ""


def _text(expression: str) -> str | None:
    found = _TEXT.fullmatch(expression)
    return _content(found[1]) if found else None


def _content(literal: str) -> str:
    if literal[0] == "'":
        return literal[1:-1].replace("''", "'")
    return _ESCAPE.sub(lambda found: _CONTROLS.get(found[1], found[1]) if found[1] else "'", literal[2:-1])


def _integer(expression: str) -> str:
    text = _text(expression)
    found = _INT.fullmatch(expression if text is None else text)
    return str(int(found[0])) if found else ""


def _float(expression: str) -> str:
    text = _text(expression)
    if text is not None:
        return text if _NUMBER.fullmatch(text) else ""
    found = _FLOAT.fullmatch(expression)
    return found[1] if found else ""


def _quoted(expression: str) -> str:
    text = _text(expression)
    return "" if text is None else quoted(text)


def _bytes(expression: str) -> str:
    text = _text(expression) or ""
    if not re.fullmatch(r"\\x(?:[0-9a-fA-F]{2})*", text):
        return ""
    return f'"{base64.b64encode(bytes.fromhex(text[2:])).decode()}"'


_READERS: Mapping[Family, Callable[[str], str]] = {
    "String": _quoted,
    "Json": _quoted,
    "Float": _float,
    "Decimal": _float,
    "Bytes": _bytes,
}


def _list(expression: str, kind: FieldType, labels: _Labels) -> str:
    text = _text(expression)
    if text is not None:
        values = _literal(text, kind, labels)
    else:
        found = _ARRAY.fullmatch(expression)
        values = _constructed(found[1], kind, labels) if found else None
    return "" if values is None else f"[{', '.join(values)}]"


def _constructed(text: str, kind: FieldType, labels: _Labels) -> list[str] | None:
    values, place = [], 0
    while place < len(text):
        found = _CONSTRUCTED.match(text, place)
        value = _single(found[0].strip().rstrip(",").strip(), kind.family, labels) if found else ""
        if not found or not value or value.endswith(")"):
            return None
        values.append(value)
        place = found.end()
    return values


def _literal(text: str, kind: FieldType, labels: _Labels) -> list[str] | None:
    # The text of an array between its braces, of one dimension.
    inner, values, place = text[1:-1], [], 0
    if text[:1] != "{" or text[-1:] != "}":
        return None
    while place < len(inner):
        found = _ELEMENT.match(inner, place)
        value = _element(found, kind, labels) if found else ""
        if not found or not value:
            return None
        values.append(value)
        place = found.end()
    return values


def _element(found: re.Match[str], kind: FieldType, labels: _Labels) -> str:
    written, word, number = found[1], found[2], found[3]
    if number is not None:
        exact = kind.family in ("Int", "BigInt") and "." not in number
        return number if exact or kind.family in ("Float", "Decimal") else ""
    if word is not None and word.upper() == "NULL":
        return ""
    value = word if word is not None else _BACKSLASH.sub(r"\1", written)
    if kind.family in ("String", "Json"):
        return quoted(value)
    if kind.family == "Boolean":
        return _TRUTH.get(value.lower(), "")
    return labels.get(value, "") if kind.family == "Enum" else ""
