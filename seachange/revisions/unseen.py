"""What a schema has that no comparison with the models sees, so that nobody waits for a revision of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seachange.postgres.catalog import Catalog, read_catalog

if TYPE_CHECKING:
    from seachange.config import Settings
    from seachange.postgres.connection import Session
    from seachange.postgres.shadow import Shadow

__all__ = ["find_unseen"]

_MOST_NAMES = 3

_GRANTED = """
select quote_ident(c.relname) from pg_catalog.pg_class c
where c.relacl is not null and c.relkind in ('r', 'p', 'v', 'm', 'S') and c.relnamespace = any (
    select oid from pg_catalog.pg_namespace where nspname = any (%s))
  and exists (select from pg_catalog.aclexplode(c.relacl) a where a.grantee <> c.relowner)
order by 1
"""

# alembic-utils' classes by what they stand for here.
_COVERED = {
    "PGFunction": ("function",),
    "PGView": ("view",),
    "PGMaterializedView": ("materialized view",),
    "PGTrigger": ("trigger",),
    "PGPolicy": ("policy",),
    "PGExtension": ("extension",),
    "PGGrantTable": ("grant on",),
}
_PLURALS = {
    "policy": "policies",
    "table under row security": "tables under row security",
    "extended statistics": "extended statistics",
    "comment on index": "comments on indexes",
    "grant on": "grants on",
}


def find_unseen(shadow: Shadow, settings: Settings) -> tuple[str, ...]:
    """Return what the history makes that the models cannot say, a kind in each text: ``2 functions (a(), b())``.

    What the team declares through alembic-utils is not among it.

    :param shadow: a server with a database at the head of the history, which nobody clones at that moment.
    :param settings: the project's settings.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(shadow.template)) as session:
        catalog = read_catalog(session, schemas=settings.schemas)
        granted = _granted(session, catalog)
    covered = set(_registered())
    return tuple(
        _shown(kind, names) for kind, names in (*_kinds(catalog), ("grant on", granted)) if names and kind not in covered
    )


def _registered() -> Iterator[str]:
    library = sys.modules.get("alembic_utils.replaceable_entity")
    # With anything registered, alembic-utils compares all its kinds, and drops what is not.
    if library and library.registry.entities():
        for kind in library.registry.allowed_entity_types:
            yield from _COVERED.get(kind.__name__, ())


def _granted(session: Session, catalog: Catalog) -> list[str]:
    rows = session.execute(_GRANTED, [[schema.name for schema in catalog.schemas]]).fetchall()
    session.rollback()
    return [str(name) for (name,) in rows]


def _kinds(catalog: Catalog) -> Iterator[tuple[str, list[str]]]:
    tables, views = catalog.tables, catalog.views
    yield "function", [f"{each.name}()" for each in catalog.functions]
    yield "view", [each.name for each in views if each.kind == "view"]
    yield "materialized view", [each.name for each in views if each.kind == "materialized view"]
    yield "trigger", [part.name for table in (*tables, *views) for part in table.triggers]
    yield "policy", [part.name for table in tables for part in table.policies]
    yield "table under row security", [table.name for table in tables if table.row_security]
    yield "rule", [part.name for table in (*tables, *views) for part in table.rules]
    yield "extended statistics", [part.name for table in tables for part in table.statistics]
    yield "partition", [table.name for table in tables if table.partition_bound]
    yield "domain", [each.name for each in catalog.domains]
    yield "composite type", [each.name for each in catalog.composites]
    yield "range type", [each.name for each in catalog.ranges]
    yield "extension", [each.name for each in catalog.extensions if not each.operational]
    yield "comment on index", [part.name for table in tables for part in table.indexes if part.comment]


def _shown(kind: str, names: Iterable[str]) -> str:
    found = sorted(set(names))
    word = kind if len(found) == 1 else _PLURALS.get(kind, f"{kind}s")
    listed = ", ".join(found[:_MOST_NAMES]) + (", ..." if len(found) > _MOST_NAMES else "")
    return f"{len(found)} {word} ({listed})"
