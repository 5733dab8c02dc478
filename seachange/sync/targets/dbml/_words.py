"""Names, texts and values in DBML."""

from __future__ import annotations

import functools
import re

from seachange.sync.model import Type

__all__ = ["comment", "expression", "named", "settings", "text", "type_name", "value"]

# Carriage returns do not survive in the reader.
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\n", "\t": "\\t"}
_PLAIN_TYPE = re.compile(r"[A-Za-z_]\w*(\(\d+(,\d+)?\))?", re.ASCII)
# Longer ones lose digits in the readers, whose numbers are JavaScript's.
_NUMBER = re.compile(r"'?(-?\d{1,15}|-?\d{1,10}\.\d{1,5})'?(::[a-z ]+)?")
_CONSTANT = re.compile(r"(true|false)(::boolean)?|(NULL)(::.*)?")
_STRING = re.compile(r"'((?:[^'\\]|'')*)'::(?!.*::)[^()']+(\([\d,]+\))?", re.DOTALL)


def comment(line: str) -> str:
    """Return a line as a comment."""
    return f"// {' '.join(line.splitlines())}"


@functools.lru_cache(maxsize=8192)
def named(*names: str) -> str:
    """Return a name with its schema, which is left out where it is ``public``: DBML's schema by default has that name."""
    kept = names[1:] if len(names) > 1 and names[0] == "public" else names
    return ".".join(_between(name, '"') for name in kept)


def text(value: str) -> str:
    """Return a text between single quotes."""
    return _between(value, "'")


def _between(value: str, quote: str) -> str:
    if not value.isidentifier():
        value = re.sub(r"\r?[\\\n\t]|\r", lambda found: _ESCAPES[found[0][-1]], value).replace(quote, f"\\{quote}")
    return f"{quote}{value}{quote}"


def expression(sql: str) -> str:
    """Return SQL as an expression; as a text where it has a backquote, which nothing escapes there.

    :param sql: the expression.
    """
    return text(sql) if "`" in sql else f"`{sql}`"


def settings(*words: str, note: str = "", name: str = "") -> str:
    """Return settings in brackets, with a space before; nothing when there are none.

    :param words: settings that are written already; empty ones are none.
    :param note: the note.
    :param name: the name.
    """
    kept = [word for word in words if word]
    kept += [f"name: {text(name)}"] if name else []
    kept += [f"note: {text(note)}"] if note.strip() else []
    return f" [{', '.join(kept)}]" if kept else ""


@functools.lru_cache(maxsize=1024)
def type_name(type_: Type) -> str:
    """Return the type of a column.

    :param type_: the type.
    """
    if type_.kind == "enum" and not type_.array:
        return named(type_.schema, type_.name)
    spelled = type_.text.removeprefix("public.").replace(", ", ",")
    return spelled if _PLAIN_TYPE.fullmatch(spelled) else named(spelled.replace('"', ""))


@functools.lru_cache(maxsize=1024)
def value(sql: str) -> str:
    """Return a default: a number, a constant or a text where it is one, else the expression.

    :param sql: the expression of SQL.
    """
    if found := _NUMBER.fullmatch(sql):
        return found[1] if _is_number(sql, found[2]) else text(found[1])
    if found := _CONSTANT.fullmatch(sql):
        return (found[1] or found[3]).lower()
    if found := _STRING.fullmatch(sql):
        return text(found[1].replace("''", "'"))
    return expression(sql)


def _is_number(sql: str, cast: str | None) -> bool:
    return not sql.startswith("'") or (cast or "")[2:] in ("integer", "bigint", "smallint", "numeric", "double precision", "real")
