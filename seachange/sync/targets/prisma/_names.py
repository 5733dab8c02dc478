"""Names as Prisma's introspection makes them: identifiers of names that are none, and default names of constraints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["RESERVED", "SCALARS", "constraint_name", "identifier", "is_identifier", "quoted", "unique"]

#: Types of Prisma's own, which no model may be named like.
SCALARS = frozenset(["String", "Boolean", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes"])
#: Words that the generated client could not use for a model.
RESERVED = frozenset(
    (
        "PrismaClient",
        "async",
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "debugger",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "function",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "let",
        "new",
        "null",
        "package",
        "private",
        "protected",
        "public",
        "return",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "using",
        "var",
        "void",
        "while",
        "with",
        "yield",
    )
)
_START = re.compile(r"^[^a-zA-Z]+")
_CHARACTER = re.compile(r"[^_a-zA-Z0-9]")
_PLAIN = re.compile(r"[a-zA-Z][_a-zA-Z0-9]*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_LONGEST = 63


def is_identifier(name: str) -> bool:
    """Return whether Prisma takes the name as it is."""
    return _PLAIN.fullmatch(name) is not None


def identifier(name: str) -> str:
    """Return what is left of a name in Prisma's language; nothing of one without a letter from A to Z."""
    return _CHARACTER.sub("_", _START.sub("", name))


def unique(name: str, taken: Iterable[str]) -> str:
    """Return the name, with a number when it is taken.

    :param taken: a set, or anything that tells what it contains.
    """
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def constraint_name(table: str, columns: Sequence[str], suffix: str) -> str:
    """Return the name that a constraint or index has for Prisma when nothing else is said.

    :param suffix: ``pkey``, ``key``, ``idx`` or ``fkey``.
    """
    name = "_".join([table, *columns]).encode()
    most = _LONGEST - len(suffix) - 1
    return f"{name[:most].decode(errors='ignore')}_{suffix}"


def quoted(text: str) -> str:
    """Return a string literal."""
    return '"' + _ESCAPED.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + '"'
