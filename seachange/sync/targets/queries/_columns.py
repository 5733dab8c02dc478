"""What is known of the values in a query: which cannot be NULL, and by which names they are called."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping

__all__ = ["NOTHING", "Column", "From", "Result", "Scope", "Source", "source"]

_number = itertools.count(1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A value; ``not_null`` is certain.

    ``plain`` says that its type is one whose casts and comparisons give NULL for NULL only. ``origin`` is the column of a
    table or view that it is unchanged, ``key`` tells the same column of the same FROM item.
    """

    name: str = ""
    not_null: bool = False
    plain: bool = False
    origin: tuple[int, int] | None = None
    key: tuple[int, int] | None = None


#: A value that nothing is known of.
NOTHING = Column()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What a statement returns; ``columns`` is None when not even their number is known."""

    columns: tuple[Column, ...] | None
    one_row: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """An item of FROM by its name; of an opaque one the columns are not known."""

    alias: str
    columns: tuple[Column, ...] = ()
    opaque: bool = False

    def extended(self) -> Source:
        """Return it on the side of an outer join that may have no row."""
        return dataclasses.replace(self, columns=nullable(self.columns))


def nullable(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Return columns that may be NULL."""
    return tuple(dataclasses.replace(column, not_null=False) for column in columns)


def source(alias: str, columns: Iterable[Column], *, names: tuple[str, ...] = ()) -> Source:
    """Return an item of FROM.

    :param alias: its name.
    :param columns: its columns.
    :param names: other names of the first ones.
    """
    number = next(_number)
    renamed = (
        dataclasses.replace(column, key=(number, place), name=names[place] if place < len(names) else column.name)
        for place, column in enumerate(columns)
    )
    return Source(alias=alias, columns=tuple(renamed))


@dataclasses.dataclass(frozen=True, kw_only=True)
class From:
    """A FROM clause or a part of it: its items by name, and the columns that need no name of an item, in their order."""

    sources: tuple[Source, ...] = ()
    visible: tuple[Column, ...] = ()
    opaque: bool = False

    def beside(self, other: From) -> From:
        """Return both next to each other."""
        return From(
            sources=self.sources + other.sources, visible=self.visible + other.visible, opaque=self.opaque or other.opaque
        )

    def extended(self) -> From:
        """Return it on the side of an outer join that may have no row."""
        return From(sources=tuple(one.extended() for one in self.sources), visible=nullable(self.visible), opaque=self.opaque)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scope:
    """Where the names of an expression are looked up: its own FROM, then those around it.

    ``proven`` are columns that the WHERE clause keeps from being NULL, ``rolled`` that grouping sets make NULL of any.
    """

    items: From = From()
    outer: Scope | None = None
    tables: Mapping[str, tuple[Column, ...] | None] = dataclasses.field(default_factory=dict)
    proven: frozenset[tuple[int, int]] = frozenset()
    rolled: bool = False
    grouped: bool = False

    def column(self, name: str, *, of: str = "") -> Column:
        """Return the column of a name.

        :param name: its name.
        :param of: the name of its item.
        """
        sources = [one for one in self.items.sources if one.alias == of] if of else []
        among = sources[0].columns if sources else () if of else self.items.visible
        found = next((column for column in among if column.name == name), None)
        if found is not None:
            return self.judged(found)
        unknown = bool(sources) if of else self.items.opaque
        return NOTHING if unknown or self.outer is None else self.outer.column(name, of=of)

    def judged(self, column: Column) -> Column:
        """Return a column of its own FROM as it is after WHERE and GROUP BY."""
        not_null = (column.not_null or column.key in self.proven) and not self.rolled
        return dataclasses.replace(column, not_null=not_null)

    def star(self, of: str = "") -> tuple[Column, ...] | None:
        """Return what a star stands for, None when that is not known.

        :param of: the name before it.
        """
        if not of:
            return None if self.items.opaque else tuple(map(self.judged, self.items.visible))
        found = next((one for one in self.items.sources if one.alias == of), None)
        if found is None:
            return self.outer.star(of) if self.outer else None
        return None if found.opaque else tuple(map(self.judged, found.columns))

    def table(self, name: str) -> tuple[bool, tuple[Column, ...] | None]:
        """Return whether WITH has a table of this name, and its columns."""
        if name in self.tables:
            return True, self.tables[name]
        return self.outer.table(name) if self.outer else (False, None)
