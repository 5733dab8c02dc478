"""Foreign keys as references."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import ForeignKey, Schema, Table
from seachange.sync.targets.dbml._words import comment, named, settings

__all__ = ["references"]

_End = tuple[tuple[str, str], tuple[str, ...]]


def references(schema: Schema) -> Iterator[str]:
    """Yield a reference for each foreign key; what DBML does not take is a comment.

    That are foreign keys to tables that are not there, a second one over the same columns, and one of columns to themselves.

    :param schema: the schema.
    """
    drawn: set[frozenset[_End]] = set()
    for table in schema.tables:
        for key in table.foreign_keys if not table.is_partition else ():
            ends = frozenset({(table.key, key.columns), (key.references, key.references_columns)})
            target = schema.relations.get(key.references)
            if not isinstance(target, Table) or target.is_partition:
                yield _instead(table, key, "its table is not described here")
            elif len(ends) == 1 or ends in drawn:
                yield _instead(table, key, "the same columns are connected already")
            else:
                drawn.add(ends)
                yield _reference(table, key)


def _instead(table: Table, key: ForeignKey, reason: str) -> str:
    return comment(f"{key.name} of {table.qualified}: {key.definition} ({reason})")


def _reference(table: Table, key: ForeignKey) -> str:
    line = "-" if table.is_unique(key.columns) else ">"
    actions = settings(
        f"delete: {key.on_delete}" if key.on_delete != "no action" else "",
        f"update: {key.on_update}" if key.on_update != "no action" else "",
    )
    child, parent = _end(table.key, key.columns), _end(key.references, key.references_columns)
    return f"Ref {named(key.name)}: {child} {line} {parent}{actions}"


def _end(table: tuple[str, str], columns: tuple[str, ...]) -> str:
    listed = ", ".join(map(named, columns))
    return f"{named(*table)}.{listed if len(columns) == 1 else f'({listed})'}"
