"""Checks of domains -> limits that mean exactly the same outside of the database; none where that is not certain."""

from __future__ import annotations

import dataclasses
import re

from seachange.sync.model import Domain, Schema, Type

__all__ = ["Limits", "limits_of"]

_NUMBER = r"""\(?'?(?P<number>-?\d+(?:\.\d+)?)'?\)?(?:::(?:smallint|integer|bigint|numeric))?"""
_COMPARED = re.compile(rf"VALUE (?P<operator>>=|<=|>|<) {_NUMBER}")
_LENGTH = re.compile(
    r"(?:char_length|character_length|length)\((?:VALUE|\(VALUE\)::text)\) (?P<operator>>=|<=|>|<) (?P<number>\d+)"
)
_LABEL = r"'(?:[^'\\]|'')*'::(?:text|character varying)"
_LISTED = re.compile(rf"(?:VALUE|\(VALUE\)::text) = ANY \(+ARRAY\[({_LABEL}(?:, {_LABEL})*)\]\)?(?:::text\[\])?\)")
_MATCHED = re.compile(r"(?:VALUE|\(VALUE\)::text) ~ '((?:[^'\\]|''|\\[^\w\s])*)'::text")
# What PostgreSQL, ECMAScript, Python and Rust read in the same way: plain characters, escaped punctuation, brackets of plain
# ASCII, repetitions, groups.
_PLAIN = r"""(?:[A-Za-z0-9 _@%&#=!<>~"',;:/-]|\\[.+*?()\[\]{}|^$/])"""
_BRACKET = r"\[\^?(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9 _@%#=!<>\"',;:/.+*?(){}|$])+-?\]"
_PIECE = rf"(?:{_PLAIN}|{_BRACKET}|\((?!\?)|\))(?:[*+?]|\{{\d{{1,2}}(?:,\d{{0,2}})?\}})?"
_SAFE = re.compile(rf"\^?(?:{_PIECE}|\|)+\$?")
_WHOLE = ("int2", "int4", "int8")
_TEXTS = ("text", "varchar")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What values of a domain keep to: numbers by ``bounds`` (operator and number), texts by the rest."""

    bounds: tuple[tuple[str, str], ...] = ()
    lengths: tuple[tuple[str, int], ...] = ()
    labels: tuple[str, ...] = ()
    pattern: str = ""


def limits_of(schema: Schema, domain: Domain) -> Limits:
    """Return the limits that the checks of a domain itself set; those of a domain below it are that one's.

    :param schema: the schema of the domain.
    :param domain: the domain.
    """
    base = schema.base_type(domain.type)
    parts = [part for check in domain.checks for part in _conjuncts(check.expression)]
    if base.array or not base.system:
        return Limits()
    if base.name in _WHOLE or (base.name == "numeric" and base.modifiers):
        compared = [found for part in parts if (found := _COMPARED.fullmatch(part))]
        return Limits(bounds=tuple((found["operator"], found["number"]) for found in compared))
    return _limits_of_text(parts, base) if base.name in _TEXTS else Limits()


def _limits_of_text(parts: list[str], base: Type) -> Limits:
    del base
    lengths = [(found["operator"], int(found["number"])) for part in parts if (found := _LENGTH.fullmatch(part))]
    listed = [found[1] for part in parts if (found := _LISTED.fullmatch(part))]
    patterns = [found[1].replace("''", "'") for part in parts if (found := _MATCHED.fullmatch(part))]
    safe = [pattern for pattern in patterns if _SAFE.fullmatch(pattern) and _is_valid(pattern)]
    return Limits(
        lengths=tuple(lengths),
        labels=tuple(one[1 : one.rindex("'")].replace("''", "'") for one in re.findall(_LABEL, listed[0])) if listed else (),
        pattern=safe[0] if len(safe) == 1 else "",
    )


def _is_valid(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _conjuncts(expression: str) -> list[str]:
    """Return what an expression joins by AND, without the parentheses around each."""
    text = _bare(expression)
    parts, depth, start, quoted = [], 0, 0, False
    for place, character in enumerate(text):
        quoted ^= character == "'"
        if not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0 and text.startswith(" AND ", place):
                parts.append(text[start:place])
                start = place + len(" AND ")
    parts.append(text[start:])
    return [text] if len(parts) == 1 else [one for part in parts for one in _conjuncts(part)]


def _bare(text: str) -> str:
    while text.startswith("(") and text.endswith(")") and _closes_last(text):
        text = text[1:-1]
    return text


def _closes_last(text: str) -> bool:
    depth, quoted = 0, False
    for place, character in enumerate(text):
        quoted ^= character == "'"
        if not quoted:
            depth += (character == "(") - (character == ")")
            if depth == 0:
                return place == len(text) - 1
    return False
