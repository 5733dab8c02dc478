"""Foreign keys -> relation fields, named as Prisma's introspection names them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from seachange.sync.model import ForeignKey, Table
from seachange.sync.targets.prisma._indexes import indexes
from seachange.sync.targets.prisma._naming import Names
from seachange.sync.targets.prisma._present import Key

__all__ = ["Inline", "Joined", "inline_relations", "is_join_table", "joined_relations"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inline:
    """A foreign key between two shown tables, with the names of the relation and of its fields on both sides."""

    table: Table
    target: Table
    foreign_key: ForeignKey
    name: str
    forward: str
    back: str

    @property
    def pair(self) -> frozenset[Key]:
        """The tables that it connects."""
        return frozenset((self.table.key, self.target.key))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Joined:
    """A table of Prisma's own for a relation of many to many; ``first`` is what column A refers to."""

    table: Table
    first: Key
    second: Key
    name: str
    first_field: str
    second_field: str


def is_join_table(table: Table) -> bool:
    """Return whether Prisma hides the table behind a relation of many to many.

    :param table: any table.
    """
    if not table.name.startswith("_") or len(table.foreign_keys) != 2:
        return False
    found = [([part.column.lower() for part in one.parts], one) for one in indexes(table) if not one.expression]
    if not any(columns == ["a", "b"] and one.unique for columns, one in found):
        return False
    if not any(columns == ["b"] and not one.unique for columns, one in found):
        return False
    sides = {one.columns[0].lower(): one.references_table for one in table.foreign_keys}
    return set(sides) == {"a", "b"} and sides["a"] <= sides["b"]


def inline_relations(tables: Sequence[Table], names: Names) -> list[Inline]:
    """Return the relations of all foreign keys, sorted by table and constraint.

    :param tables: the tables that become models.
    :param names: of models and fields.
    """
    by_key = {table.key: table for table in tables}
    found = [(table, by_key[one.references], one) for table in tables for one in _distinct(table, by_key)]
    pairs = Counter(frozenset((table.key, target.key)) for table, target, _ in found)
    ambiguous = {pair for pair, count in pairs.items() if count > 1}
    for table, target, one in found:
        if names.relations[target.key] in (names.fields[table.key][column] for column in one.columns):
            ambiguous.add(frozenset((table.key, target.key)))
    return [_inline((table, target, one), names=names, ambiguous=ambiguous) for table, target, one in found]


def joined_relations(tables: Sequence[Table], inline: Sequence[Inline], names: Names) -> list[Joined]:
    """Return the relations that hide a table.

    :param tables: the tables that are hidden so.
    :param inline: the other relations.
    :param names: of models and fields.
    """
    ends = [(table, *_ends(table)) for table in tables]
    ends = [(table, first, second) for table, first, second in ends if first in names.models and second in names.models]
    counts = Counter([frozenset((first, second)) for _, first, second in ends] + [one.pair for one in inline])
    return [_joined((table, first, second), names=names, counts=counts) for table, first, second in ends]


def _distinct(table: Table, tables: Collection[Key]) -> Iterator[ForeignKey]:
    seen = set()
    for one in sorted(table.foreign_keys, key=lambda one: one.name):
        same = (one.columns, one.references, one.references_columns)
        if one.references in tables and same not in seen:
            seen.add(same)
            yield one


def _inline(ends: tuple[Table, Table, ForeignKey], *, names: Names, ambiguous: Collection[frozenset[Key]]) -> Inline:
    table, target, one = ends
    model, referenced = names.relations[table.key], names.relations[target.key]
    other = "other_" if table.key == target.key else ""
    name = f"{model}To{referenced}" if other else ""
    forward, back = referenced, f"{other}{model}"
    if frozenset((table.key, target.key)) in ambiguous:
        columns = "_".join(names.fields[table.key][column] or column for column in one.columns)
        name = f"{model}_{columns}To{referenced}"
        forward, back = f"{referenced}_{name}", f"{other}{model}_{name}"
    return Inline(table=table, target=target, foreign_key=one, name=name, forward=forward, back=back)


def _ends(table: Table) -> tuple[Key, Key]:
    first, second = sorted(table.foreign_keys, key=lambda one: one.columns[0].lower())
    return first.references, second.references


def _joined(ends: tuple[Table, Key, Key], *, names: Names, counts: Mapping[frozenset[Key], int]) -> Joined:
    table, first, second = ends
    low, high = sorted((first, second))
    itself = first == second
    name, suffix = table.name[1:], ""
    if counts[frozenset((first, second))] > 1:
        suffix = table.name
    elif name == f"{names.relations[low]}To{names.relations[high]}" and not itself:
        name = ""
    return Joined(
        table=table,
        first=first,
        second=second,
        name=name,
        first_field=f"{names.relations[high]}{suffix}{'_A' if itself else ''}",
        second_field=f"{names.relations[low]}{suffix}{'_B' if itself else ''}",
    )
