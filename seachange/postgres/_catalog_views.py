"""Queries of views as PostgreSQL prints them, brought to one spelling for all versions."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from seachange.postgres._catalog_text import normalise_expression

__all__ = ["normalise_view"]

_STRING = r"'(?:[^']|'')*'"
_QUOTED = r'"(?:[^"]|"")*"'
_TOKEN = re.compile(rf"{_STRING}|{_QUOTED}|[()]|[^'\"()]+")
_QUERY = re.compile(r"\s*(SELECT|WITH|VALUES)\b")
# A clause begins a line with one or two spaces; what continues FROM has more.
_FROM = re.compile(r"\n   FROM (.*?)(?=\n {1,2}[A-Z]|\nUNION|\nINTERSECT|\nEXCEPT|;|$)", re.DOTALL)
_SEVERAL = re.compile(r",|\b(JOIN|UNION|INTERSECT|EXCEPT)\b")
_LAST_NAME = re.compile(rf"([\w$]+|{_QUOTED})$")


def normalise_view(text: str) -> str:
    """Return a view's query without the name of its only relation before each column, as 16 and later print it.

    With several relations, and in the queries inside, every version prints the names.

    :param text: what ``pg_get_viewdef`` says, with an empty ``search_path``.
    """
    text = normalise_expression(text.strip())
    parts = list(_parts(text))
    relation = _only_relation("".join(part for part, inside in parts if not inside))
    if not relation:
        return text
    # Strings and quoted names are matched so that they are passed over; after FROM it may be the name of a schema.
    prefix = rf"(?<![\w$.\"])(?<!\n   FROM )(?<!\n   FROM ONLY ){re.escape(relation)}\."
    found = re.compile(rf"({_STRING})|{prefix}|({_QUOTED})")
    return "".join(part if inside else found.sub(lambda one: one[1] or one[2] or "", part) for part, inside in parts)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in parts, and of each whether it is in a query inside."""
    for inside, tokens in itertools.groupby(_tokens(text), key=lambda token: token[1]):
        yield "".join(token for token, _ in tokens), inside


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    queries: list[bool] = []
    for token in _TOKEN.finditer(text):
        if token[0] == ")" and queries:
            queries.pop()
        yield token[0], any(queries)
        if token[0] == "(":
            queries.append(_QUERY.match(text, token.end()) is not None)


def _only_relation(outside: str) -> str:
    found = _FROM.search(outside)
    if outside.count("SELECT") != 1 or not found:
        return ""
    clause, before = re.sub(_STRING, "", found[1]), ""
    while clause != before:
        clause, before = re.sub(r"\([^()]*\)", "", clause), clause
    name = _LAST_NAME.search(clause.rstrip())
    several = _SEVERAL.search(clause) or re.search(r"\n(UNION|INTERSECT|EXCEPT)\b", outside)
    return name[1] if name and not several else ""
