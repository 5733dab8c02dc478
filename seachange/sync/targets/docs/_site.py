"""What every page of the site needs to know: where the others are."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from seachange.sync._page_names import page_name
from seachange.sync._uses import Use
from seachange.sync.model import Schema, Table, View
from seachange.sync.target import header

__all__ = ["Site"]

_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Site:
    """A schema as pages: one for each schema, table and view; partitions are on the page of their table."""

    schema: Schema
    uses: Mapping[_Key, tuple[Use, ...]]
    sizes: bool = True

    @functools.cached_property
    def head(self) -> tuple[str, ...]:
        """The lines that the first page begins with."""
        return header(self.schema, target="docs")

    @property
    def mark(self) -> str:
        """What every file begins with. Only the first page tells more, lest all of them change with every revision."""
        return self.head[0]

    @functools.cached_property
    def relations(self) -> tuple[Table | View, ...]:
        """The tables and views that have a page."""
        tables = [table for table in self.schema.tables if not table.is_partition]
        return (*tables, *self.schema.views)

    @functools.cached_property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that have something in them, and those that were asked for."""
        schema = self.schema
        found = {one.schema for many in (self.relations, schema.enums, schema.domains, schema.composites) for one in many}
        found |= {one.schema for many in (schema.ranges, schema.functions) for one in many}
        return tuple(sorted(found | set(schema.schemas)))

    @functools.cached_property
    def _paths(self) -> Mapping[_Key, str]:
        return {one.key: f"{page_name(one.schema)}/{page_name(one.name)}.html" for one in self.relations}

    def path(self, key: _Key) -> str:
        """Return the page of a table or view; that of its table for a partition, nothing for what is not described."""
        one = self.schema.relations.get(key)
        while isinstance(one, Table) and one.partition_of:
            one = self.schema.relations.get(one.partition_of)
        return self._paths.get(one.key, "") if one else ""

    def schema_path(self, name: str) -> str:
        """Return the page of a schema."""
        return f"{page_name(name)}/index.html"
