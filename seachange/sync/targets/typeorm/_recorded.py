"""What TypeORM itself has written down of views and generated columns, and compares its entities with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from seachange.sync.target import Request

__all__ = ["METADATA", "Recorded", "recorded"]

#: TypeORM's own table, which it makes for the first view or generated column of an entity.
METADATA = ("public", "typeorm_metadata")

_QUERY = """
SELECT "type", "schema", "table", "name", "value" FROM public.typeorm_metadata
WHERE "database" IS NULL OR "database" = current_database() ORDER BY 1, 2, 3, 4
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recorded:
    """The queries of views and the expressions of columns; ``present`` says whether there is such a table."""

    present: bool = False
    views: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    columns: Mapping[tuple[str, str, str], str] = dataclasses.field(default_factory=dict)


def recorded(request: Request) -> Recorded:
    """Read the table, if it is there.

    :param request: what the target was asked.
    """
    if not any((table.schema, table.name) == METADATA for table in request.catalog.tables):
        return Recorded()
    rows = request.session.execute(_QUERY).fetchall()
    return Recorded(
        present=True,
        views={(schema, name): value for kind, schema, _, name, value in rows if kind in ("VIEW", "MATERIALIZED_VIEW")},
        columns={(schema, table, name): value for kind, schema, table, name, value in rows if kind == "GENERATED_COLUMN"},
    )
