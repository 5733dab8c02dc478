"""The part of a schema that the targets describe."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fnmatch import fnmatchcase

from seachange.config import Settings
from seachange.sync.model import Schema, Table, View

__all__ = ["selected"]


def selected(schema: Schema, *, settings: Settings) -> Schema:
    """Return the schema with the schemas, tables and views that the settings choose; all other fields are the same.

    Foreign keys to tables that are left out stay.

    :param schema: what was read.
    :param settings: ``sync_schemas``, ``sync_tables`` and ``sync_exclude``.
    """
    schemas = frozenset(settings.sync_schemas)
    matches = _chooser(settings)
    if not schemas and not settings.sync_tables and not settings.sync_exclude:
        return schema

    def shown(name: str) -> bool:
        return not schemas or name in schemas

    return dataclasses.replace(
        schema,
        schemas=tuple(filter(shown, schema.schemas)),
        comments={name: comment for name, comment in schema.comments.items() if shown(name)},
        tables=tuple(one for one in schema.tables if shown(one.schema) and matches(one)),
        views=tuple(one for one in schema.views if shown(one.schema) and matches(one)),
        enums=tuple(one for one in schema.enums if shown(one.schema)),
        domains=tuple(one for one in schema.domains if shown(one.schema)),
        composites=tuple(one for one in schema.composites if shown(one.schema)),
        ranges=tuple(one for one in schema.ranges if shown(one.schema)),
        sequences=tuple(one for one in schema.sequences if shown(one.schema)),
        functions=tuple(one for one in schema.functions if shown(one.schema)),
    )


def _chooser(settings: Settings) -> Callable[[Table | View], bool]:
    def listed(one: Table | View, patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns for name in (one.name, f"{one.schema}.{one.name}"))

    def matches(one: Table | View) -> bool:
        wanted = not settings.sync_tables or listed(one, settings.sync_tables)
        return wanted and not listed(one, settings.sync_exclude)

    return matches
