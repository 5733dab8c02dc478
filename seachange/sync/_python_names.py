"""Names of a database as names of Python: every one an identifier, and no two the same."""

from __future__ import annotations

import itertools
import json
import keyword
import re
import unicodedata
from collections.abc import Container, Iterable

__all__ = ["Names", "constant", "docstring", "is_plain", "literal"]


class Names:
    """Names given away so far.

    :param taken: names that nothing may have any more.
    :param known: the same, for many that many objects share.
    """

    def __init__(self, taken: Iterable[str] = (), *, known: Container[str] = frozenset()) -> None:
        self._taken = set(taken)
        self._known = known

    def __contains__(self, name: object) -> bool:
        return name in self._taken or name in self._known

    def of_class(self, *words: str) -> str:
        """Return the words in CamelCase, as a name that is not taken yet."""
        return self._unused(_camel_case(*words))

    def of_alias(self, wanted: str) -> str:
        """Return a name that is an identifier already, or what comes close to it when it is taken."""
        return self._unused(wanted)

    def of_relation(self, *words: str) -> str:
        """Return the words in CamelCase; the name with Row, Insert and so on were not taken yet."""
        base = _camel_case(*words).rstrip("_")
        for number in itertools.count(1):
            name = base if number == 1 else f"{base}{number}"
            names = {*(f"{name}{suffix}" for suffix in ("Row", "Insert", "Update")), constant(f"{name}Select")}
            if names.isdisjoint(self._taken):
                self._taken |= names
                break
        return name

    def of_field(self, name: str) -> str:
        """Return a column's name, changed as little as Python needs, as a name that is not taken yet."""
        # Two leading underscores would be mangled with the name of the class.
        text = _clean(name)
        return self._unused(_identifier(text.lstrip("_") if text.startswith("__") else text, empty="column"))

    def of_public(self, name: str, *, empty: str = "column") -> str:
        """Return a column's name, changed as little as Python needs, without an underscore in front, as one not taken yet.

        :param name: the column.
        :param empty: what is put in front of a name that cannot begin like this, and instead of an empty one.
        """
        return self._unused(_public(_clean(name).lstrip("_"), empty=empty))

    def of_label(self, label: str) -> str:
        """Return a label of an enum in UPPER_CASE, as a name that is not taken yet."""
        text = re.sub("__+", "_", _clean(label.upper())).strip("_")
        return self._unused(_public(text, empty="LABEL") if label else "EMPTY")

    def _unused(self, wanted: str) -> str:
        name, number = wanted, 2
        if name in self:
            name = f"{wanted}_"
        while name in self:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name


def constant(name: str) -> str:
    """Return a CamelCase name in UPPER_CASE."""
    return re.sub(r"(?<=[^\W_])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def _camel_case(*words: str) -> str:
    parts = [part for word in words for part in _clean(word).split("_") if part]
    return _identifier("".join(part[0].upper() + part[1:] for part in parts), empty="Unnamed")


def _clean(text: str) -> str:
    if text.isascii() and text.isidentifier():
        return text
    # Python reads identifiers in this normal form.
    text = unicodedata.normalize("NFKC", text)
    return "".join(character if f"a{character}".isidentifier() else "_" for character in text)


def _identifier(text: str, *, empty: str) -> str:
    text = text if text.strip("_") else empty
    text = f"_{text}" if not text[0].isidentifier() else text
    return f"{text}_" if keyword.iskeyword(text) else text


def _public(text: str, *, empty: str) -> str:
    if not text[:1].isidentifier():
        text = f"{empty}_{text}" if text else empty
    return f"{text}_" if keyword.iskeyword(text) else text


def is_plain(name: str) -> bool:
    """Whether a column's name can stand as it is in the body of a class."""
    return name.isidentifier() and Names().of_field(name) == name


def literal(text: str) -> str:
    """Return ``text`` as a string of Python, in single quotes where that saves escapes."""
    double = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")
    if '"' in text and "'" not in text:
        return "'" + double[1:-1].replace('\\"', '"') + "'"
    return double


def docstring(text: str, *, indent: str = "") -> list[str]:
    """Return the lines of a docstring; none for an empty text.

    :param text: any text.
    :param indent: what each line begins with.
    """
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", "\n".join(text.strip().splitlines())).replace("\\", "\\\\")
    if not text:
        return []
    text = re.sub(r'"(?="")|"$', '\\\\"', text)
    end = [f'{indent}"""'] if "\n" in text else []
    lines = [f'{indent}"""{text}"""'] if not end else [f'{indent}"""{text}', *end]
    return [line.rstrip() for one in lines for line in one.replace("\n", f"\n{indent}").split("\n")]
