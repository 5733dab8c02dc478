"""Decorators and their options as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from seachange.sync._typescript import literal

__all__ = ["Source", "call", "listed", "options"]

_WIDEST = 120


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A class without its imports, and what it mentions: other classes, and types and constants of types.ts."""

    text: str
    classes: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    constants: frozenset[str] = frozenset()


def options(pairs: Mapping[str, str]) -> str:
    """Return an object with these members, whose values are TypeScript.

    :param pairs: the members by their names.
    """
    return f"{{ {', '.join(f'{name}: {value}' for name, value in pairs.items())} }}"


def listed(names: Sequence[str]) -> str:
    """Return a list of strings."""
    return f"[{', '.join(map(literal, names))}]"


def call(decorator: str, arguments: Sequence[str | Mapping[str, str]], *, indent: str = "") -> list[str]:
    """Return the lines of a decorator; the members of an object at its end get a line each where all do not fit on one.

    :param decorator: its name.
    :param arguments: as TypeScript, or the members of an object; empty ones are left out.
    :param indent: what each line begins with.
    """
    given = [one for one in arguments if one]
    text = f"{indent}@{decorator}({', '.join(one if isinstance(one, str) else options(one) for one in given)})"
    last = given[-1] if given else ""
    if len(text) <= _WIDEST or isinstance(last, str):
        return [text]
    head = "".join(f"{one if isinstance(one, str) else options(one)}, " for one in given[:-1])
    return [f"{indent}@{decorator}({head}{{", *(f"{indent}  {name}: {value}," for name, value in last.items()), f"{indent}}})"]
