"""Indexes as TypeORM's decorator can say them, and the others by name."""

from __future__ import annotations

from collections.abc import Mapping

from seachange.sync._typescript import line_comment, literal, template
from seachange.sync.model import Index
from seachange.sync.targets.typeorm._text import call, listed

__all__ = ["index_lines"]

_METHODS = ("brin", "btree", "gin", "gist", "hash", "spgist")


def index_lines(index: Index, properties: Mapping[str, str]) -> list[str]:
    """Return the lines of an index before a class.

    :param index: the index.
    :param properties: the names of the columns in the class.
    """
    if not _expressible(index):
        # Known by its name, it is left as it is; unknown, it would be dropped.
        return [*line_comment(index.definition), *call("Index", [literal(index.name), {"synchronize": "false"}])]
    given = {"unique": "true"} if index.unique else {}
    given |= {"type": literal(index.method)} if index.method != "btree" else {}
    given |= {"where": template(index.predicate)} if index.predicate else {}
    return call("Index", [literal(index.name), listed([properties[name] for name in index.columns]), given])


def _expressible(index: Index) -> bool:
    plain = not any(
        part.expression or part.descending or part.nulls_first or part.operator_class or part.collation for part in index.parts
    )
    return plain and not index.include and not index.nulls_not_distinct and index.valid and index.method in _METHODS
