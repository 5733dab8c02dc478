"""How the tables of the real database will look by the time a pending statement runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from seachange.postgres.catalog import Catalog, qualified
from seachange.safety._data.values import Layer, Probe, Source

__all__ = ["Doubt", "Known", "MadeType", "Picture", "Place"]

_EVERY = ""


class Doubt(NamedTuple):
    """Why nobody can say before what rows there will be: the revision that makes it so, and what it does."""

    revision: str
    reason: str


class Place(NamedTuple):
    """The statement that the picture is at."""

    revision: str
    where: str
    search_path: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MadeType:
    """A type that the run itself makes: an enum with its labels, or a domain with its base and the checks over VALUE."""

    labels: tuple[str, ...] | None = None
    base: str = ""
    checks: tuple[str, ...] = ()


@dataclasses.dataclass(kw_only=True)
class _Table:
    """One table; ``live`` is empty when the run makes it, ``filled`` tells whether the run may put rows into it."""

    live: str = ""
    made_by: str = ""
    filled: Doubt | None = None
    layers: tuple[Layer, ...] = ()
    doubts: dict[str, Doubt] = dataclasses.field(default_factory=dict)


class Known(NamedTuple):
    """A constraint that is NOT VALID yet: what is asked when it is validated."""

    code: str
    probe: Probe
    columns: Sequence[str] | None


class Picture:
    """What the statements of pending revisions do to the tables, one after the other."""

    def __init__(self) -> None:
        self.place = Place("", "")
        self.types: dict[str, MadeType] = {}
        self.added_labels: dict[str, tuple[str, ...]] = {}
        self.renamed_types: dict[str, str] = {}
        self.indexes: dict[str, tuple[str, ...]] = {}
        self.partition_keys: dict[str, tuple[str, ...]] = {}
        self.constraints: dict[tuple[str, str], Known] = {}
        self._tables: dict[str, _Table] = {}
        self._everything: Doubt | None = None
        self._catalog: Catalog | None = None
        self._names: frozenset[str] = frozenset()

    def begin(self, place: Place, *, catalog: Catalog | None) -> None:
        """Go on to the next statement.

        :param place: which one.
        :param catalog: the schema before its revision, if somebody has asked for it.
        """
        self.place = place
        if catalog is not self._catalog:
            self._catalog = catalog
            self._names = frozenset(table.qualified for table in catalog.tables) if catalog is not None else frozenset()

    def name(self, schema: str, relation: str) -> str:
        """Return the full name of a relation that a statement names."""
        if schema:
            return qualified(schema, relation)
        path = self.place.search_path or ("public",)
        candidates = [qualified(each, relation) for each in path]
        found = (each for each in candidates if each in self._names or each in self._tables)
        return next(found, candidates[0])

    def schema_of(self, table: str) -> str:
        """Return the schema of a table that :meth:`name` has named."""
        known = (each.schema for each in self._catalog.tables if each.qualified == table) if self._catalog is not None else ()
        return next(iter(known), "")

    def type_key(self, text: str) -> str:
        """Return the full name of a type as a statement spells it; that of an array is the name of its elements."""
        name = text.removesuffix("[]")
        return name if "." in name else self.name("", name) if qualified(name) == name else f"public.{name}"

    def rename_type(self, old: str, new: str) -> None:
        """Note that a type has a new name."""
        if old in self.types:
            self.types[new] = self.types.pop(old)
        else:
            self.renamed_types[new] = self.renamed_types.pop(old, old)

    def is_known(self, table: str) -> bool:
        """Whether there is such a table by then, as far as anybody knows."""
        return table in self._names or table in self._tables or self._catalog is None

    def is_made(self, table: str) -> bool:
        """Whether the run itself makes the table."""
        return table in self._tables and not self._tables[table].live

    def is_changed(self, table: str) -> bool:
        """Whether the run does anything to the table before this statement."""
        return self._everything is not None or table in self._tables

    def is_new(self, table: str) -> bool:
        """Whether the run makes the table and gives it no rows but those that it would have anywhere."""
        return self.is_made(table) and self._tables[table].filled is None and self._everything is None

    def source(self, table: str, *, alias: str, only: bool = False) -> Source:
        """Return the rows of a table as the statement meets them."""
        known = self._tables.get(table)
        if known is None:
            return Source(table=table, alias=alias, only=only)
        return Source(table=known.live, alias=alias, only=only, layers=known.layers)

    def doubt(self, table: str, columns: Iterable[str] | None = None) -> Doubt | None:
        """Return why the rows of a table cannot be foreseen.

        :param table: its full name.
        :param columns: those that matter; all by default.
        """
        known = self._tables.get(table)
        if known is None:
            return self._everything
        if not known.live:
            return Doubt(known.made_by, f"{table} is made by revision {known.made_by} in the same run")
        wanted = set(known.doubts) if columns is None else {*columns, _EVERY}
        found = (doubt for column, doubt in known.doubts.items() if column in wanted)
        return next(found, self._everything)

    def doubt_rows(self, reason: str, *, table: str = "", columns: Iterable[str] = (_EVERY,)) -> None:
        """Note that this statement changes rows in a way that cannot be foreseen: of one table, or of any."""
        doubt = Doubt(self.place.revision, reason)
        if not table:
            self._everything = self._everything or doubt
            return
        known = self._known(table)
        known.filled = known.filled or doubt
        for column in columns:
            known.doubts.setdefault(column, doubt)

    def fill(self, table: str, reason: str) -> None:
        """Note that this statement may put rows into a table; what is there stays."""
        known = self._known(table)
        known.filled = known.filled or Doubt(self.place.revision, reason)

    def filled(self, table: str) -> Doubt | None:
        """Return which statement may put rows into a table."""
        known = self._tables.get(table)
        return (known.filled if known else None) or self._everything

    def make(self, table: str) -> None:
        """Note that this statement makes a table."""
        self._tables[table] = _Table(made_by=self.place.revision)

    def drop(self, table: str) -> None:
        """Note that this statement drops a table."""
        self._tables[table] = _Table(made_by=self.place.revision)

    def rename(self, table: str, new: str) -> None:
        """Note that a table has a new name or schema."""
        known = self._known(table)
        self._tables[new] = known
        self._tables[table] = _Table(made_by=self.place.revision)
        for owner, name in [key for key in self.constraints if key[0] == table]:
            self.constraints[new, name] = self.constraints.pop((owner, name))

    def change(
        self,
        table: str,
        *,
        alias: str,
        values: Mapping[str, str] | None = None,
        gone: Iterable[str] = (),
        where: str = "",
        written: bool = False,
    ) -> None:
        """Note that this statement gives columns other values, takes columns away, or rows."""
        known = self._known(table)
        layer = Layer(alias=alias, values=values or {}, gone=frozenset(gone), where=where, written=written)
        known.layers += (layer,)

    def rename_column(self, table: str, old: str, new: str, *, alias: str) -> None:
        """Note that a column has a new name."""
        known = self._known(table)
        if old in known.doubts:
            known.doubts[new] = known.doubts.pop(old)
        self.change(table, alias=alias, values={new: qualified(old)}, gone=[old])

    def _known(self, table: str) -> _Table:
        return self._tables.setdefault(table, _Table(live=table))
