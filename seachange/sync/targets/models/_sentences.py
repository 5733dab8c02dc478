"""Alembic's differences in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["sentences"]

_COMMENTS = ("modify_comment", "add_table_comment", "remove_table_comment")
_SIDES = {"add": "the database lacks {} of the models", "remove": "the models lack {} of the database"}


def sentences(differences: Iterable[Any], *, comments: bool = True) -> Iterator[str]:
    """Yield one sentence for each difference.

    :param differences: as ``compare_metadata`` returns them.
    :param comments: whether those of comments count.
    """
    for difference in differences:
        # What concerns one column stands in a list of its own.
        for one in difference if isinstance(difference, list) else [difference]:
            if comments or one[0] not in _COMMENTS:
                yield _sentence(one)


def _sentence(one: Any) -> str:
    kind: str = one[0]
    if kind.startswith("modify_"):
        _, schema, table, column, _, before, after = one
        what = kind.removeprefix("modify_").replace("_", " ")
        return f"{what} of column {_qualified(schema, table)}.{column} is {_text(before)}, of the models {_text(after)}"
    side, _, thing = kind.partition("_")
    return _SIDES[side].format(_thing(thing.replace("_", " "), one[1:]))


def _thing(what: str, rest: Any) -> str:
    if what == "column":
        schema, table, column = rest[:3]
        return f"column {_qualified(schema, table)}.{column.name}"
    found = rest[0]
    table = getattr(found, "table", None)
    place = f" of table {_qualified(table.schema, table.name)}" if table is not None and what != "table" else ""
    return f"{what} {_qualified(getattr(found, 'schema', None), found.name)}{place}"


def _qualified(schema: str | None, name: object) -> str:
    return f"{schema}.{name}" if schema else str(name)


def _text(value: object) -> str:
    return str(getattr(value, "arg", value)) if value is not None else "none"
