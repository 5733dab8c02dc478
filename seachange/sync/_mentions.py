"""The tables and views that a text of SQL names, as far as words tell."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seachange.postgres.catalog import qualified

__all__ = ["Mentions"]

_Key = tuple[str, str]
_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_\u0080-\uffff][\w$]*)'
_WORDS = re.compile(rf"({_NAME})(?:\s*\.\s*({_NAME}))?")


class Mentions:
    """Finds names of tables and views: with their schema, or without where it can only be this one.

    A name that needs quotes is found between quotes only, so that ORDER BY mentions no table ``order``.
    """

    def __init__(self, keys: Iterable[_Key]) -> None:
        self._keys = frozenset(keys)
        self._by_name: dict[str, list[_Key]] = {}
        for key in sorted(self._keys):
            self._by_name.setdefault(key[1], []).append(key)

    def of(self, sql: str, *, home: str = "public") -> set[_Key]:
        """Return what a text names.

        :param sql: the text.
        :param home: the schema in which names without one are looked for first, ``public`` next.
        """
        found: set[_Key] = set()
        for match in _WORDS.finditer(sql):
            first, second = _spelled(match[1]), _spelled(match[2] or "")
            if second and (first, second) in self._keys:
                found.add((first, second))
            elif first and (key := self._unqualified(first, home)):
                found.add(key)
        return found

    def _unqualified(self, name: str, home: str) -> _Key | None:
        keys = self._by_name.get(name, ())
        for schema in (home, "public"):
            if (schema, name) in keys:
                return schema, name
        return keys[0] if len(keys) == 1 else None


def _spelled(word: str) -> str:
    if word.startswith('"'):
        return word[1:-1].replace('""', '"')
    name = word.lower()
    return name if qualified(name) == name else ""
