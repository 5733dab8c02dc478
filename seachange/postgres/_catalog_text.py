"""Definitions as PostgreSQL prints them, brought to one spelling for all versions."""

from __future__ import annotations

import re

__all__ = ["normalise_expression", "normalise_view", "short_type"]

_STRING = r"'(?:[^']|'')*'"
_NAME = r"(?:[\w$]+|\"(?:[^\"]|\"\")*\")"
_TEXT_ELEMENT = rf"{_STRING}::character varying"
_TEXT_ARRAY = re.compile(rf"\(ARRAY\[({_TEXT_ELEMENT}(?:, {_TEXT_ELEMENT})*)\]\)::text\[\]")
_ONLY_RELATION = re.compile(rf"\n   FROM (?:ONLY )?{_NAME}\.(?P<name>{_NAME})(?: (?P<alias>{_NAME}))?(?=\n|;|$)")
_ZONED = re.compile(r"\b(time(?:stamp)?)(\(\d\))? (with|without) time zone")


def normalise_expression(text: str) -> str:
    """Return an expression as PostgreSQL prints it after a dump and restore.

    ``state IN ('a', 'b')`` on a varchar is printed with a cast around the array at first; read back, the cast moves to
    the elements. Both mean the same.

    :param text: what ``pg_get_expr`` or ``pg_get_constraintdef`` says.
    """
    if "])::text[]" not in text:
        return text
    return _TEXT_ARRAY.sub(lambda found: f"ARRAY[{_cast_each(found[1])}]", text)


def _cast_each(elements: str) -> str:
    return ", ".join(f"({element})::text" for element in re.findall(_TEXT_ELEMENT, elements))


def normalise_view(text: str) -> str:
    """Return a view's query without the name of its only relation before each column, as 16 and later print it.

    :param text: what ``pg_get_viewdef`` says, with an empty ``search_path``.
    """
    text = normalise_expression(text.strip())
    relation = _ONLY_RELATION.search(text)
    if text.count("SELECT") != 1 or not relation:
        return text
    prefix = re.escape(relation["alias"] or relation["name"])
    # Strings and quoted names are matched so that they are passed over.
    found = re.compile(rf"({_STRING})|(?<![\w$.\"]){prefix}\.|(\"(?:[^\"]|\"\")*\")")
    before, after = (found.sub(lambda part: part[1] or part[2] or "", side) for side in _around(text, relation))
    return before + relation[0] + after


def _around(text: str, found: re.Match[str]) -> tuple[str, str]:
    return text[: found.start()], text[found.end() :]


def short_type(text: str) -> str:
    """Return a type in PostgreSQL's short spelling: ``varchar(20)``, ``timestamptz``.

    :param text: what ``format_type`` says.
    """
    text = re.sub(r"^character varying\b", "varchar", text)
    text = re.sub(r"^character\(", "char(", text)
    return _ZONED.sub(lambda found: f"{found[1]}{'tz' if found[3] == 'with' else ''}{found[2] or ''}", text)
