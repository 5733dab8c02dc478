"""The rows of one read of the catalogue, with what is needed to understand each other's numbers."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from seachange.postgres._catalog_parts import TypeKind, TypeRef

__all__ = ["Row", "Rows"]

# A named tuple with the columns of its query.
Row = Any

_TYPE_KINDS: Mapping[str, TypeKind] = {
    "b": "base",
    "e": "enum",
    "d": "domain",
    "c": "composite",
    "r": "range",
    "m": "multirange",
    "p": "pseudo",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What the queries returned, by the query's name; ``excluded`` says of (schema, table) that it is not looked at."""

    found: Mapping[str, Sequence[Row]]
    schemas: Mapping[int, str]
    excluded: Callable[[str, str], bool]

    @functools.cached_property
    def _members(self) -> frozenset[tuple[str, int]]:
        return frozenset((row.catalog, row.oid) for row in self.found["members"])

    @functools.cached_property
    def column_names(self) -> Mapping[int, Mapping[int, str]]:
        """The names of columns by relation and number."""
        names: dict[int, dict[int, str]] = defaultdict(dict)
        for row in (*self.found["columns"], *self.found["referenced"]):
            names[row.relation][row.number] = row.name
        return names

    @functools.cached_property
    def types(self) -> Mapping[tuple[int, int], tuple[str, TypeRef]]:
        """The types of columns and domains, as text and as reference, by oid and modifier."""
        return {
            (row.oid, row.modifier): (
                row.text,
                TypeRef(schema=row.schema, name=row.name, kind=_TYPE_KINDS[row.kind], array=row.array),
            )
            for row in self.found["type names"]
        }

    def owned_by_extension(self, catalog: str, oid: int) -> bool:
        """Whether an extension made the object, so that it is none of the schema's."""
        return (catalog, oid) in self._members

    def grouped(self, query: str) -> Mapping[int, Sequence[Row]]:
        """The rows of a query by the relation that they are about."""
        groups: dict[int, list[Row]] = defaultdict(list)
        for row in self.found[query]:
            groups[row.relation].append(row)
        return groups
