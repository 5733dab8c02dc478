"""Bounded questions to the rows of one database: how many fulfil a condition, and the keys of some."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seachange.safety._data.shape import Item, Shape, item_of, read_shape
from seachange.safety._data.values import Source
from seachange.safety._look import NotCheckedError, Row, look

if TYPE_CHECKING:
    import psycopg

__all__ = ["MOST", "Matched", "Reader", "key_text"]

#: Rows are counted up to here; what is said beyond is "at least".
MOST = 1000

_LONGEST = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Matched:
    """The rows that a question was about: ``more`` than counted or not, keys of some as text, the query that lists all."""

    count: int
    more: bool = False
    samples: str = ""
    query: str = ""

    def number(self, noun: str) -> str:
        """Return the number with its noun: ``at least 1000 rows``.

        :param noun: in the singular.
        """
        return f"{'at least ' if self.more else ''}{self.count} {noun}{'' if self.count == 1 else 's'}"


class Reader:
    """Asks questions of one database, each in a transaction of its own that can write nothing.

    :param connection: a session.
    :param timeout_ms: how long each may take.
    :param sample: how many keys to show at most.
    """

    def __init__(self, connection: psycopg.Connection, *, timeout_ms: int, sample: int) -> None:
        self.connection = connection
        self.timeout_ms = timeout_ms
        self.sample = sample
        self._shapes: dict[str, Shape | None] = {}

    @property
    def major(self) -> int:
        """The major version of the server."""
        return self.connection.info.server_version // 10_000

    def rows(self, query: str, *parameters: object, before: str = "") -> Sequence[Row]:
        """Return the rows of a query.

        :param query: the query.
        :param parameters: values for its placeholders.
        :param before: as for :func:`look`.
        :raises NotCheckedError: it could not be answered.
        """
        return look(self.connection, query, timeout_ms=self.timeout_ms, parameters=parameters, before=before)

    def shape(self, table: str) -> Shape:
        """Return what a table looks like now.

        :raises NotCheckedError: there is none of that name.
        """
        if table not in self._shapes:
            self._shapes[table] = read_shape(self.connection, table, timeout_ms=self.timeout_ms)
        found = self._shapes[table]
        if found is None:
            raise NotCheckedError(f"not checked: there is no table {table}")
        return found

    def item(self, source: Source, *, alias: str = "", only: bool = False) -> Item:
        """Return the rows of a source as an item of FROM.

        :raises NotCheckedError: there is no such table.
        """
        return item_of(source, self.shape(source.table), alias=alias, only=only)

    def matching(self, source: Source, condition: str, *, alias: str = "", only: bool = False) -> Matched:
        """Return the rows for which a condition is true.

        :param source: whose rows.
        :param condition: in the words of the source's columns.
        :param alias: what the condition calls the rows; the source's alias by default.
        :param only: leave out the tables that inherit from it.
        :raises NotCheckedError: they could not be looked at.
        """
        shape, item = self.shape(source.table), self.item(source, alias=alias, only=only)
        names = [f"k{number}" for number in range(len(item.keys))]
        listed = ", ".join(f"{key} AS {name}" for key, name in zip(item.keys, names, strict=True))
        found = f"SELECT {listed} FROM {item.sql} WHERE {condition} LIMIT {MOST + 1}"
        shown, order = ", ".join(f"{name}::text" for name in names), ", ".join(f"found.{name}" for name in names)
        rows = self.rows(f"SELECT {shown} FROM ({found}) AS found ORDER BY {order}")
        return Matched(
            count=min(len(rows), MOST),
            more=len(rows) > MOST,
            samples=self.samples(shape, [key_text(row) for row in rows], more=len(rows) > MOST),
            query=f"SELECT * FROM {item.sql} WHERE {condition}",
        )

    def samples(self, shape: Shape, keys: Sequence[str], *, more: bool = False) -> str:
        """Return the first keys as messages show them: ``id = 4, 9, 17 and 5 more``.

        :param shape: the table that they are of.
        :param keys: all that are known.
        :param more: whether there are others besides.
        """
        shown = keys[: self.sample]
        if not shown:
            return ""
        names = ", ".join(shape.key_names)
        rest = "" if len(keys) == len(shown) else " and more" if more else f" and {len(keys) - len(shown)} more"
        return f"{f'({names})' if len(shape.keys) > 1 else names} = {', '.join(shown)}{rest}"


def key_text(values: Sequence[str | None]) -> str:
    """Return the values of one key as a message shows them."""
    texts = ["NULL" if value is None else value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…" for value in values]
    return f"({', '.join(texts)})" if len(texts) > 1 else texts[0]
