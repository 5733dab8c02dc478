"""What stands in each column of a made-up row, as an expression of SQL over the number of the row."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from seachange.safety.column_statistics import ColumnStatistics
from seachange.workflow._rehearsal.fillable import FillColumn, FillTable, Reference
from seachange.workflow._rehearsal.made_up import distinct_value, likely_value, literal, quoted, salt_of

__all__ = ["BEHIND", "RowValues"]

# Rows that the history itself has entered have low numbers.
BEHIND = 1_000_000
_FREE = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Place:
    """Which of its values a column has, counted from 0: ``most`` rows can be ``distinct``; ``narrow`` where it has few values."""

    index: str
    most: int
    distinct: bool = False
    narrow: bool = False


class RowValues:
    """Values by the number of the row: others can refer to a row without a look at it.

    :param tables: all of them, by name.
    :param wanted: how many rows each is to have.
    :param there: how many it has from the history.
    :param known: what is known of the columns.
    """

    def __init__(
        self,
        tables: Mapping[str, FillTable],
        *,
        wanted: Mapping[str, int],
        there: Mapping[str, int],
        known: Mapping[str, Mapping[str, ColumnStatistics]],
    ) -> None:
        self._tables = tables
        self._wanted = wanted
        self._known = known
        self._referenced: dict[str, set[str]] = {}
        for each in (reference for table in tables.values() for reference in table.references):
            self._referenced.setdefault(each.table, set()).update(each.referenced)
        self.there = there
        self.first: dict[str, int] = {name: BEHIND if rows else 0 for name, rows in there.items()}
        self.made: dict[str, int] = {}

    def value(self, table: FillTable, column: FillColumn, index: str, *, rows: int) -> tuple[str | None, int]:
        """Return the value of a column in a row, and how many rows there can be because of it; None where there is none.

        :param table: the table.
        :param column: the column.
        :param index: the number of the row, as an expression of bigint.
        :param rows: how many rows there are to be.
        """
        known = self._known.get(table.name, {}).get(column.name)
        salt = salt_of(f"{table.name}.{column.name}")
        reference = self._reference(table, column)
        if reference is not None and reference.table != table.name and not self._available(reference.table):
            return None, 0 if column.required else rows
        place = self._place(table, column, index, rows=rows)
        if reference is not None:
            value = self._referring(table, column, reference, place=place.index, rows=rows)
        elif place.distinct and column.spans:
            lows = " ".join(
                f"WHEN {number} THEN {literal(low)}::{column.kind.cast}" for number, (low, _) in enumerate(column.spans)
            )
            value = f"CASE ({place.index}) % {len(column.spans)} {lows} END"
        elif place.distinct:
            made = distinct_value(column.kind, f"1 + ({place.index})", salt=salt, choices=column.choices)
            value = made[0] if made else None
            place = place if place.narrow or not made else dataclasses.replace(place, most=min(place.most, made[1]))
        else:
            value = self._ordinary(column, index, rows=rows, known=known, salt=salt)
        if value is not None and not column.required and not place.distinct and known is not None and known.nulls > 0:
            value = f"CASE WHEN random() >= {known.nulls:.6f} THEN {value} END"
        return value, place.most

    def _ordinary(self, column: FillColumn, index: str, *, rows: int, known: ColumnStatistics | None, salt: str) -> str | None:
        if column.choices:
            choices = ", ".join(map(literal, column.choices))
            return f"((ARRAY[{choices}])[1 + floor(random() * {len(column.choices)})::int])::{column.kind.cast}"
        if column.spans:
            values = [
                likely_value(column.kind, ColumnStatistics(bounds=span), index, rows=rows, salt=salt) for span in column.spans
            ]
            cases = " ".join(f"WHEN {number} THEN {value}" for number, value in enumerate(values))
            return f"CASE ({index}) % {len(values)} {cases} END"
        return likely_value(column.kind, known, index, rows=rows, salt=salt)

    def _place(self, table: FillTable, column: FillColumn, index: str, *, rows: int) -> _Place:
        """Return which of its values a column has in a row.

        Of each key the last column that can have any number of values is different in each row. Where there is none, the values
        are gone through like the digits of a number.
        """
        from_zero = f"({index}) - {self.first.get(table.name, 0) + 1}"
        for key in table.keys:
            parts = self._parts(table, key)
            wide = [part for part, size in parts if not size]
            if wide and column.name in wide[-1]:
                return _Place(index=f"({index}) - 1", most=rows, distinct=True)
            mine = next((number for number, (part, _) in enumerate(parts) if column.name in part), None)
            if not wide and mine is not None:
                before = math.prod(size for _, size in parts[:mine])
                most = before * math.prod(size for _, size in parts[mine:])
                return _Place(index=f"(({from_zero}) / {before}) % {parts[mine][1]}", most=most, distinct=True, narrow=True)
        if column.name in self._referenced.get(table.name, ()):
            return _Place(index=f"({index}) - 1", most=rows, distinct=True, narrow=True)
        columns = reference.columns if (reference := self._reference(table, column)) else (column.name,)
        # By the number of the row and not by chance, so that all columns of a reference mean the same row.
        chance = f"(hashint8extended({index}, {int(salt_of(f'{table.name} {columns}'), 16)}) & 9223372036854775807)"
        return _Place(index=chance, most=rows)

    def _parts(self, table: FillTable, key: Sequence[str]) -> list[tuple[tuple[str, ...], int]]:
        """Return the parts that a key consists of, each with the number of its values; 0 for any number."""
        parts: dict[tuple[str, ...], int] = {}
        for name in key:
            column = next(each for each in table.columns if each.name == name)
            if (reference := self._reference(table, column)) is not None:
                parts[reference.columns] = max(1, self._available(reference.table))
            else:
                parts[(name,)] = len(column.choices or column.spans or column.kind.labels) or (
                    2 if column.kind.base == "bool" else 0
                )
        return list(parts.items())

    def _reference(self, table: FillTable, column: FillColumn) -> Reference | None:
        return next((each for each in table.references if column.name in each.columns and each.table in self._tables), None)

    def _available(self, name: str) -> int:
        """Return how many rows of a table others can refer to: those that are made up, or else some that were there."""
        made = self.made.get(name, max(0, self._wanted.get(name, 0) - self.there[name]))
        return made or min(self.there[name], _FREE)

    def _referring(self, table: FillTable, column: FillColumn, reference: Reference, *, place: str, rows: int) -> str | None:
        """Return the value that a column has in the row that a row refers to."""
        parent, name = self._tables[reference.table], reference.referenced[reference.columns.index(column.name)]
        count = max(1, rows) if parent.name == table.name else self._available(parent.name)
        if not self.made.get(parent.name, 1) and self.there[parent.name]:
            order = ", ".join(map(quoted, reference.referenced))
            rows_of = f"SELECT {quoted(name)} FROM {parent.name} ORDER BY {order} LIMIT {count}"  # noqa: S608 - quoted
            return f"(ARRAY({rows_of}))[1 + ({place}) % {count}]"
        target = next(each for each in parent.columns if each.name == name)
        if parent.name == table.name and name == column.name:
            return None
        first = self.first[parent.name]
        return self.value(parent, target, f"({first} + 1 + ({place}) % {count})", rows=count)[0]
