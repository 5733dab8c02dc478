"""Expressions of SQL as template strings of drizzle-orm."""

from __future__ import annotations

import re

from seachange.sync._typescript import template

__all__ = ["one_line", "plain", "sql", "without_parentheses"]

_STRING = r"'(?:[^']|'')*'"
_QUOTED = r'"(?:[^"]|"")*"'
_PUBLIC = re.compile(rf"'public\.([^']+)'(?=::regclass)|({_STRING})|(?<![\w$.\"])public\.(?=[^\W\d]|\")|({_QUOTED})")
_OPERATOR = re.compile(r"OPERATOR\(public\.([^()\s]+)\)")
_SPACE = re.compile(rf"({_STRING}|{_QUOTED})|\s+")
# An own type of such a name can only be told from PostgreSQL's by its schema.
_SYSTEM = re.compile(
    r"(pg_\w*|bit|bool|box|bytea|char|cidr|circle|date|float[48]|inet|int[248]|interval|jsonb?|line|lseg|macaddr8?|money|name"
    r"|numeric|oid|path|point|polygon|record|text|time(?:stamp)?(?:tz)?|ts(?:query|vector)|uuid|varbit|varchar|xid8?|xml)\b"
)


def sql(text: str) -> str:
    """Return an expression as ``sql`` with a template string.

    :param text: SQL.
    """
    return f"sql{template(plain(text))}"


def plain(text: str) -> str:
    """Return an expression without ``public.`` before names, as PostgreSQL prints it where ``public`` is searched.

    drizzle-orm itself names tables of that schema without it, and drizzle-kit compares such texts letter by letter.

    :param text: SQL as printed with an empty ``search_path``.
    """
    if "public." not in text:
        return text

    def shortened(found: re.Match[str]) -> str:
        if found[1]:
            return f"'{found[1]}'"
        kept = found[2] or found[3]
        return kept or (found[0] if _SYSTEM.match(text, found.end()) else "")

    return _PUBLIC.sub(shortened, _OPERATOR.sub(r"\1", text))


def one_line(text: str) -> str:
    """Return a query in one line, as drizzle-kit pull writes it, with the spaces in strings and names as they are.

    :param text: SQL without comments.
    """
    return _SPACE.sub(lambda found: found[1] or " ", text).strip().removesuffix(";").rstrip()


def without_parentheses(text: str) -> str:
    """Return an expression without the parentheses around all of it.

    :param text: SQL.
    """
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for token in re.finditer(rf"{_STRING}|{_QUOTED}|[()]", text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth == 0:
            return text[1:-1] if token.end() == len(text) else text
    return text
