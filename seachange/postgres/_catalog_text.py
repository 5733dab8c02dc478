"""Definitions as PostgreSQL prints them, brought to one spelling for all versions."""

from __future__ import annotations

import re

from seachange.postgres._catalog_boolean import flatten_chains

__all__ = ["normalise_expression", "short_type"]

_STRING = r"'(?:[^']|'')*'"
_TEXT_ELEMENT = rf"{_STRING}::character varying"
_TEXT_ARRAY = re.compile(rf"\(ARRAY\[({_TEXT_ELEMENT}(?:, {_TEXT_ELEMENT})*)\]\)::text\[\]")
_ZONED = re.compile(r"\b(time(?:stamp)?)(\(\d\))? (with|without) time zone")


def normalise_expression(text: str) -> str:
    """Return an expression as PostgreSQL prints it after a dump and restore.

    ``state IN ('a', 'b')`` on a varchar is printed with a cast around the array at first; read back, the cast moves to
    the elements. Chains of AND and OR lose their inner parentheses. Either means the same.

    :param text: what ``pg_get_expr`` or ``pg_get_constraintdef`` says.
    """
    if "])::text[]" in text:
        text = _TEXT_ARRAY.sub(lambda found: f"ARRAY[{_cast_each(found[1])}]", text)
    return flatten_chains(text)


def _cast_each(elements: str) -> str:
    return ", ".join(f"({element})::text" for element in re.findall(_TEXT_ELEMENT, elements))


def short_type(text: str) -> str:
    """Return a type in PostgreSQL's short spelling: ``varchar(20)``, ``timestamptz``.

    :param text: what ``format_type`` says.
    """
    text = re.sub(r"^character varying\b", "varchar", text)
    text = re.sub(r"^character\(", "char(", text)
    return _ZONED.sub(lambda found: f"{found[1]}{'tz' if found[3] == 'with' else ''}{found[2] or ''}", text)
