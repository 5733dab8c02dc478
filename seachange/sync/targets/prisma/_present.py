"""What the present file says of the tables, views and enums of the database."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable, Mapping

from seachange.sync.targets.prisma._language import Block, Field, Item, Kind

__all__ = ["Key", "Present"]

Key = tuple[str, str]
_VIEWS = re.compile(r'^\s*previewFeatures\s*=\s*\[[^\]]*"views"', re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Present:
    """The blocks of a file by what they are in the database; all is empty when there is no file."""

    items: tuple[Item, ...] = ()

    @functools.cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in their order."""
        return tuple(item for item in self.items if isinstance(item, Block))

    @functools.cached_property
    def by_name(self) -> Mapping[str, Block]:
        """Models and views by their names in the file."""
        return {block.name: block for block in self.blocks if block.kind in ("model", "view")}

    @functools.cached_property
    def _mapped(self) -> Mapping[tuple[Kind, str | None, str], Block]:
        return {(block.kind, block.schema, block.mapped): block for block in self.blocks if not block.hidden}

    def find(self, kind: Kind, key: Key) -> Block | None:
        """Return the block of a table, view or enum.

        :param kind: of the block.
        :param key: schema and name in the database.
        """
        schema, name = key
        found = self._mapped.get((kind, schema, name))
        return found or self._mapped.get((kind, None, name))

    def matched(self, kind: Kind, keys: Iterable[Key]) -> Mapping[Key, Block]:
        """Return the block of each table, view or enum that has one; no block is of two."""
        found: dict[Key, Block] = {}
        used: set[int] = set()
        for key in keys:
            block = self.find(kind, key)
            if block is not None and block.line not in used:
                found[key] = block
                used.add(block.line)
        return found

    def columns(self, block: Block) -> Mapping[str, Field]:
        """Return the fields of a model that are columns, by the names of the columns.

        :param block: the model or view.
        """
        return {field.mapped: field for field in block.fields if field.type not in self.by_name}

    def relations(self, block: Block) -> tuple[Field, ...]:
        """Return the fields of a model that refer to models.

        :param block: the model or view.
        """
        return tuple(field for field in block.fields if field.type in self.by_name)

    def database_names(self, block: Block, fields: Iterable[str]) -> tuple[str, ...]:
        """Return the columns of fields.

        :param block: the model or view.
        :param fields: names in the file.
        """
        names = {field.name: field.mapped for field in block.fields}
        return tuple(names.get(field, field) for field in fields)

    @functools.cached_property
    def has_views(self) -> bool:
        """Whether a generator has the preview feature of views."""
        return any(_VIEWS.search(block.source) for block in self.blocks if block.kind == "generator")
