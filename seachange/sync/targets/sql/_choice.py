"""What of a database goes into structure.sql when the settings choose a part: what is left out, and what goes with it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterator

from seachange.postgres.catalog import Catalog, qualified
from seachange.sync.model import ForeignKey, Schema, Table, View

__all__ = ["Choice"]

_Key = tuple[str, str]
_SYSTEM = re.compile("pg_|information_schema$")
# What is inherited from and not chosen.
_NOWHERE = ("", "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What is left out.

    ``left_out`` are the tables and views that the settings do not choose, and those of the chosen that cannot be made without
    them, whose names are ``needing``; ``sequences`` are those of their serial columns. ``dangling`` names the foreign keys of
    chosen tables to others, and ``dangling_statements`` are those that would make them.
    """

    left_out: tuple[_Key, ...] = ()
    needing: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    dangling: tuple[str, ...] = ()
    dangling_statements: tuple[str, ...] = ()

    @classmethod
    def of(cls, schema: Schema, catalog: Catalog, *, schemas: Collection[str] = ()) -> Choice:
        """Return what the schema lacks of the catalogue.

        :param schema: the chosen part.
        :param catalog: everything that was read.
        :param schemas: the only schemas that are dumped; none for all.
        """
        everything = [(one.schema, one.name) for one in (*catalog.tables, *catalog.views)]
        gone = {key for key in everything if key not in schema.relations}
        if not gone and not schemas:
            return cls()

        def missing(key: _Key) -> bool:
            return key in gone or key == _NOWHERE or bool(schemas and key[0] not in schemas and not _SYSTEM.match(key[0]))

        needing = _needing(schema, missing, gone)
        outside = [
            (table, key)
            for table in schema.tables
            for key in table.foreign_keys
            if table.key not in gone and missing(key.references)
        ]
        return cls(
            left_out=tuple(sorted(gone)),
            needing=tuple(needing),
            sequences=_sequences(catalog, gone),
            dangling=tuple(f"{qualified(key.name)} of {table.qualified}" for table, key in outside),
            dangling_statements=tuple(_statement(table, key) for table, key in outside),
        )


def _needing(schema: Schema, missing: Callable[[_Key], bool], gone: set[_Key]) -> list[str]:
    # Views of views and partitions of partitions: until nothing more goes.
    found: list[str] = []
    grown = True
    while grown:
        grown = False
        for key, relation in schema.relations.items():
            if key not in gone and any(map(missing, _needs(relation, schema))):
                gone.add(key)
                found.append(relation.qualified)
                grown = True
    return sorted(found)


def _needs(relation: Table | View, schema: Schema) -> Iterator[_Key]:
    if isinstance(relation, View):
        yield from relation.uses
        return
    if relation.partition_of:
        yield relation.partition_of
    if relation.inherits:
        parents = {one.qualified: one.key for one in schema.tables}
        yield from (parents.get(name, _NOWHERE) for name in relation.inherits)


def _sequences(catalog: Catalog, gone: set[_Key]) -> tuple[str, ...]:
    owners = tuple(f"{qualified(*key)}." for key in sorted(gone))
    return tuple(one.qualified for one in catalog.sequences if one.owned_by.startswith(owners) and not one.identity)


def _statement(table: Table, key: ForeignKey) -> str:
    only = "" if table.kind == "partitioned table" else "ONLY "
    return f"ALTER TABLE {only}{table.qualified}\n    ADD CONSTRAINT {qualified(key.name)} {key.definition};"
