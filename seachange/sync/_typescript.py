"""Names, strings and comments of a database as TypeScript: every name an identifier, and no two the same."""

from __future__ import annotations

import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from seachange.sync.model import Schema

__all__ = [
    "Casing",
    "Names",
    "access",
    "camel_case",
    "default_schema",
    "identifier",
    "is_identifier",
    "jsdoc",
    "key",
    "line_comment",
    "literal",
    "pascal_case",
    "template",
]

Casing = Literal["camel", "preserve"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What no class, type or constant of a module may be called.
_RESERVED = _words(
    """
    abstract any arguments as asserts async await bigint boolean break case catch class const constructor continue
    debugger declare default delete do else enum eval export extends false finally for from function get if implements
    import in infer instanceof interface is keyof let module namespace never new null number object of package private
    protected public readonly require return satisfies set static string super switch symbol this throw true try type
    typeof undefined unique unknown var void while with yield
    """
)
# What the language and Node bring, and a type of the same name would hide.
_GLOBAL = _words(
    """
    Array ArrayBuffer Awaited BigInt Boolean Buffer Database Date Error Exclude Extract Function Infinity Interval JSON Map Math
    NaN NonNullable Number Object Omit Parameters Partial Pick Promise Proxy Readonly ReadonlyArray Record Reflect RegExp Required
    ReturnType Set String Symbol Uint8Array WeakMap WeakSet global globalThis process exports
    """
)
_NO_CONTROLS = {number: f"\\x{number:02x}" for number in (0x7F, *range(0x80, 0xA0))} | {0x2028: "\\u2028", 0x2029: "\\u2029"}


class Names:
    """Names given away so far; those that differ only in capitals are the same, as they may become names of files.

    :param taken: names that are taken from the beginning, beside the words and globals of the language.
    :param exact: whether capitals tell names apart, as those of properties.
    """

    def __init__(self, taken: Iterable[str] = (), *, exact: bool = False) -> None:
        self._exact = exact
        self._taken = {self._folded(name) for name in taken}

    def of_type(self, *words: str, suffixes: Iterable[str] = ("",)) -> str:
        """Return the words in PascalCase; that name with each of the suffixes was not taken yet.

        :param words: such as the names of a schema and a table.
        :param suffixes: ends of the names that will be made of it.
        """
        return self._unused(pascal_case(*words), tuple(suffixes), hidden=_GLOBAL)

    def of_constant(self, *words: str, suffixes: Iterable[str] = ("",)) -> str:
        """Return the words in camelCase, as a name that is not taken yet.

        :param words: such as the names of a schema and a table.
        :param suffixes: ends of the names that will be made of it.
        """
        return self._unused(identifier(camel_case(*words)), tuple(suffixes), hidden=_GLOBAL)

    def of_property(self, name: str, *, casing: Casing) -> str:
        """Return a column's name as the name of a property that is an identifier and not taken yet.

        :param name: in the database.
        :param casing: ``preserve`` changes only what cannot be in an identifier.
        """
        wanted = camel_case(name) if casing == "camel" else _clean(name)
        # A class may have no field of these names.
        return self._unused(f"{wanted}_" if wanted in ("constructor", "prototype", "__proto__") else wanted, ("",))

    def _unused(self, wanted: str, suffixes: tuple[str, ...], *, hidden: frozenset[str] = frozenset()) -> str:
        joint = "_" if wanted[-1].isdigit() else ""
        for number in itertools.count(1):
            name = wanted if number == 1 else f"{wanted}{joint}{number}"
            made = {self._folded(f"{name}{suffix}") for suffix in suffixes}
            if made.isdisjoint(self._taken) and hidden.isdisjoint(f"{name}{suffix}" for suffix in suffixes):
                self._taken |= made
                break
        return name

    def _folded(self, name: str) -> str:
        if self._exact or name.isascii():
            return name if self._exact else name.lower()
        # File systems take the two ways to write é for one name.
        return unicodedata.normalize("NFKC", name).casefold()


def default_schema(schema: Schema) -> str:
    """Return the schema whose tables are named without it: ``public``, or the only one.

    :param schema: what is described.
    """
    return schema.schemas[0] if len(schema.schemas) == 1 else "public"


@functools.lru_cache(maxsize=1 << 16)
def camel_case(*words: str) -> str:
    """Return the words in camelCase, with nothing that an identifier cannot have; it may be a reserved word.

    :param words: any texts.
    """
    first, *rest = _parts(words) or ["unnamed"]
    return _startable("".join([first[0].lower() + first[1:], *(part[0].upper() + part[1:] for part in rest)]))


@functools.lru_cache(maxsize=1 << 16)
def pascal_case(*words: str) -> str:
    """Return the words in PascalCase, an identifier.

    :param words: any texts.
    """
    return _startable("".join(part[0].upper() + part[1:] for part in _parts(words) or ["Unnamed"]))


def identifier(name: str) -> str:
    """Return a name as the name of a constant, type or class, changed as little as the language needs.

    :param name: any text.
    """
    cleaned = _clean(name)
    return f"{cleaned}_" if cleaned in _RESERVED else cleaned


def is_identifier(name: str) -> bool:
    """Whether a name can stand without quotes as that of a property."""
    return name.isidentifier() or name.replace("$", "_").isidentifier()


def key(name: str) -> str:
    """Return the key of a property in an object or interface, quoted where it must be.

    :param name: any text.
    """
    # Written plainly, this one sets the prototype of an object.
    return '["__proto__"]' if name == "__proto__" else name if is_identifier(name) else literal(name)


def access(what: str, name: str) -> str:
    """Return the expression for a property of an object.

    :param what: the expression for the object.
    :param name: of the property, any text.
    """
    return f"{what}.{name}" if is_identifier(name) else f"{what}[{literal(name)}]"


@functools.lru_cache(maxsize=1 << 16)
def literal(text: str) -> str:
    """Return ``text`` as a string in double quotes."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return json.dumps(text, ensure_ascii=False).translate(_NO_CONTROLS)


def template(text: str) -> str:
    """Return ``text`` as a template string without any expression, for SQL."""
    text = re.sub(r"[`\\]|\$(?=\{)", r"\\\g<0>", text)
    return f"`{text}`".replace("\r", "\\r").translate(_NO_CONTROLS)


def jsdoc(text: str, *, indent: str = "") -> list[str]:
    """Return the lines of a comment for people and editors; none for an empty text.

    :param text: any text.
    :param indent: what each line begins with.
    """
    lines = [_printable(line).rstrip() for line in text.strip().splitlines()]
    if not lines:
        return []
    lines = [line.replace("*/", "*\\/") for line in lines]
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def line_comment(text: str, *, indent: str = "") -> list[str]:
    """Return the lines of a text as comments that begin with two slashes.

    :param text: any text.
    :param indent: what each line begins with.
    """
    return [f"{indent}// {_printable(line)}".rstrip() for line in text.splitlines()]


def _printable(line: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", line)


def _parts(words: tuple[str, ...]) -> list[str]:
    parts = [part for word in words for part in re.split(r"[_$]+", _allowed(word)) if part]
    return [part.lower() if len(part) > 1 and part.isupper() else part for part in parts]


def _clean(name: str) -> str:
    cleaned = _allowed(name)
    return _startable(cleaned if cleaned.strip("_") else "unnamed")


def _allowed(text: str) -> str:
    if text.isascii():
        return re.sub(r"[^\w$]", "_", text)
    return "".join(one if one == "$" or f"a{one}".isidentifier() else "_" for one in text)


def _startable(name: str) -> str:
    return name if is_identifier(name[0]) else f"_{name}"
