"""The part of a schema that the targets describe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from seachange.config import Settings
from seachange.sync.model import Composite, Domain, Enum, Range, Schema, Table, View

__all__ = ["selected"]


def selected(schema: Schema, *, settings: Settings) -> Schema:
    """Return the schema with the schemas, tables and views that the settings choose; all other fields are the same.

    Foreign keys to tables that are left out stay, and so do the types that columns have, with their schemas.

    :param schema: what was read.
    :param settings: ``sync_schemas``, ``sync_tables`` and ``sync_exclude``.
    """
    schemas = frozenset(settings.sync_schemas)
    matches = _chooser(settings)
    if not schemas and not settings.sync_tables and not settings.sync_exclude:
        return schema

    def shown(name: str) -> bool:
        return not schemas or name in schemas

    tables = tuple(one for one in schema.tables if shown(one.schema) and matches(one))
    views = tuple(one for one in schema.views if shown(one.schema) and matches(one))
    used = _used_types(schema, (*tables, *views))

    def kept(one: Enum | Domain | Composite | Range) -> bool:
        return shown(one.schema) or one.key in used

    named = {schema for schema, _ in used}
    return dataclasses.replace(
        schema,
        schemas=tuple(name for name in schema.schemas if shown(name) or name in named),
        comments={name: comment for name, comment in schema.comments.items() if shown(name) or name in named},
        tables=tables,
        views=views,
        enums=tuple(filter(kept, schema.enums)),
        domains=tuple(filter(kept, schema.domains)),
        composites=tuple(filter(kept, schema.composites)),
        ranges=tuple(filter(kept, schema.ranges)),
        sequences=tuple(one for one in schema.sequences if shown(one.schema)),
        functions=tuple(one for one in schema.functions if shown(one.schema)),
    )


def _used_types(schema: Schema, relations: Iterable[Table | View]) -> frozenset[tuple[str, str]]:
    composites = {one.key: one for one in schema.composites}
    used: set[tuple[str, str]] = set()
    waiting = [column.type for relation in relations for column in relation.columns]
    while waiting:
        found = waiting.pop()
        if found.system or found.key in used:
            continue
        used.add(found.key)
        if found.key in schema.domains_by_key:
            waiting.append(schema.domains_by_key[found.key].type)
        if found.key in composites:
            waiting += [column.type for column in composites[found.key].columns]
    own = (*schema.enums, *schema.domains, *schema.composites, *schema.ranges)
    return frozenset(one.key for one in own if one.key in used)


def _chooser(settings: Settings) -> Callable[[Table | View], bool]:
    def listed(one: Table | View, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns for name in (one.name, f"{one.schema}.{one.name}"))

    def matches(one: Table | View) -> bool:
        wanted = not settings.sync_tables or listed(one, settings.sync_tables)
        return wanted and not listed(one, settings.sync_exclude)

    return matches
