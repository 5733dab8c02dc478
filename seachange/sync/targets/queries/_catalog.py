"""What the server's catalogue says of the types, tables and functions that queries use."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

__all__ = ["Attribute", "Catalogue", "Relation", "ServerType"]

_TYPES = """
with recursive wanted as (
    select unnest(%(oids)s::oid[]) as oid
    union
    select unnest(array[t.typbasetype, t.typelem, coalesce(r.rngsubtype, 0), coalesce(m.rngsubtype, 0)]::oid[])
    from wanted w join pg_type t on t.oid = w.oid
    left join pg_range r on r.rngtypid = t.oid
    left join pg_range m on m.rngmultitypid = t.oid
)
select t.oid::bigint as oid, n.nspname as schema, t.typname as name, t.typtype::text as kind, t.typcategory::text as category,
    coalesce((select e.oid::bigint from pg_type e where e.typarray = t.oid), 0) as element,
    t.typbasetype::bigint as base, coalesce(r.rngsubtype, m.rngsubtype, 0)::bigint as subtype, t.typarray::bigint as array_oid,
    t.typnotnull as not_null, format_type(t.oid, null) as text,
    array(select e.enumlabel::text from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder) as labels
from pg_type t join pg_namespace n on n.oid = t.typnamespace
left join pg_range r on r.rngtypid = t.oid
left join pg_range m on m.rngmultitypid = t.oid
where t.oid in (select oid from wanted)
"""

# A constraint that is not validated, or one that a child table does without, lets rows with NULL be read.
_RELATIONS = """
select c.oid::bigint as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
    case when c.relkind = 'v' then pg_get_viewdef(c.oid) else '' end as definition,
    exists (
        select from pg_trigger g
        where (g.tgrelid = c.oid or g.tgrelid in (select relid from pg_partition_tree(c.oid)))
            and not g.tgisinternal and (g.tgtype & 66) <> 0 and (g.tgtype & 4) <> 0)
        or exists (select from pg_rewrite w where w.ev_class = c.oid and w.ev_type <> '1') as diverts
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = any(%(oids)s::oid[])
"""
_ATTRIBUTES = """
with recursive family as (
    select oid as root, oid from unnest(%(oids)s::oid[]) as oid
    union
    select f.root, i.inhrelid from family f join pg_inherits i on i.inhparent = f.oid
)
select a.attrelid::bigint as relation, a.attnum as number, a.attname as name, a.atttypid::bigint as type,
    a.attnotnull and not exists (
        select from family f join pg_attribute o on o.attrelid = f.oid and o.attname = a.attname
        where f.root = a.attrelid and (not o.attnotnull or exists (
            select from pg_constraint k
            where k.conrelid = o.attrelid and k.contype = 'n' and k.conkey = array[o.attnum] and not k.convalidated))
    ) as not_null
from pg_attribute a
where a.attrelid = any(%(oids)s::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""
_NAMES = "select name, to_regclass(name)::oid::bigint as oid from unnest(%(names)s::text[]) as name"
# A function of a schema in the search path may be a better match for its arguments than the one of PostgreSQL; what an extension
# brings for its own types, as citext does, means the same for these.
_SHADOWED = """
select distinct p.proname as name from pg_proc p
where p.pronamespace <> 'pg_catalog'::regnamespace and p.pronamespace = any(current_schemas(false)::regnamespace[])
    and p.proname = any(%(names)s::name[])
    and not (
        exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
        and exists (
            select from unnest(p.proargtypes::oid[]) a join pg_type t on t.oid = a
            where t.typnamespace <> 'pg_catalog'::regnamespace)
    )
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerType:
    """A type by its OID; ``element`` is that of an array, ``base`` that of a domain, ``subtype`` that of a (multi)range."""

    oid: int
    schema: str
    name: str
    kind: str
    category: str
    element: int
    base: int
    subtype: int
    array_oid: int
    not_null: bool
    text: str
    labels: tuple[str, ...] = ()

    @property
    def system(self) -> bool:
        """Whether PostgreSQL itself brings it."""
        return self.schema == "pg_catalog"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attribute:
    """A column of a table or view; ``not_null`` says that no row can have NULL there."""

    number: int
    name: str
    type: int
    not_null: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relation:
    """A table or view; ``diverts`` says that a trigger or rule may keep an INSERT from making a row."""

    oid: int
    schema: str
    name: str
    kind: str
    definition: str
    diverts: bool
    columns: tuple[Attribute, ...]

    @functools.cached_property
    def by_number(self) -> Mapping[int, Attribute]:
        """The columns by their numbers."""
        return {column.number: column for column in self.columns}


class Catalogue:
    """Answers of the server, each asked for once."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self.session = session
        self._types: dict[int, ServerType] = {}
        self._relations: dict[int, Relation] = {}
        self._names: dict[str, int] = {}
        self._shadowed: dict[str, bool] = {}

    def type(self, oid: int) -> ServerType:
        """Return the type of an OID."""
        self.learn_types([oid])
        return self._types[oid]

    def base(self, oid: int) -> ServerType:
        """Return the type below all domains."""
        found = self.type(oid)
        return self.base(found.base) if found.base else found

    def is_plain(self, oid: int) -> bool:
        """Return whether casts, comparisons and arithmetic of a type give NULL for NULL only.

        The closed path that no path can be added to, the range without an end and the null of JSON are what others stumble over.
        """
        found = self.base(oid)
        if found.element:
            return self.is_plain(found.element)
        return found.kind == "e" or (
            found.kind == "b" and found.system and found.category in "BDINSTUV" and found.name not in ("json", "jsonb")
        )

    def refuses_null(self, oid: int) -> bool:
        """Return whether a type is a domain that says NOT NULL, or over such a one."""
        found = self.type(oid)
        return found.not_null or bool(found.base and self.refuses_null(found.base))

    def learn_types(self, oids: Iterable[int]) -> None:
        """Ask for types, and those that they are made of, all at once."""
        if unknown := sorted({oid for oid in oids if oid} - set(self._types)):
            for row in self._ask(_TYPES, oids=unknown):
                self._types[row["oid"]] = ServerType(**{**row, "labels": tuple(row["labels"])})

    def relation(self, oid: int) -> Relation:
        """Return the table or view of an OID."""
        self.learn_relations([oid])
        return self._relations[oid]

    def learn_relations(self, oids: Iterable[int]) -> None:
        """Ask for tables and views all at once."""
        unknown = sorted({oid for oid in oids if oid} - set(self._relations))
        if not unknown:
            return
        columns: dict[int, list[Attribute]] = {}
        for row in self._ask(_ATTRIBUTES, oids=unknown):
            columns.setdefault(row.pop("relation"), []).append(Attribute(**row))
        for row in self._ask(_RELATIONS, oids=unknown):
            self._relations[row["oid"]] = Relation(**row, columns=tuple(columns.get(row["oid"], ())))
        self.learn_types(column.type for found in columns.values() for column in found)

    def named(self, name: str) -> Relation | None:
        """Return the table or view that a name means in a query.

        :param name: quoted where it has to be, with or without schema.
        """
        self.learn_names([name])
        oid = self._names[name]
        return self.relation(oid) if oid else None

    def learn_names(self, names: Iterable[str]) -> None:
        """Look up names of tables and views all at once."""
        if unknown := sorted(set(names) - set(self._names)):
            self._names |= {row["name"]: row["oid"] or 0 for row in self._ask(_NAMES, names=unknown)}
            self.learn_relations(self._names[name] for name in unknown)

    def is_shadowed(self, function: str) -> bool:
        """Return whether a schema in the search path has a function of this name, too."""
        self.learn_functions([function])
        return self._shadowed[function]

    def learn_functions(self, names: Iterable[str]) -> None:
        """Look for functions that shadow PostgreSQL's own all at once."""
        if unknown := sorted(set(names) - set(self._shadowed)):
            self._shadowed |= dict.fromkeys(unknown, False)
            self._shadowed |= {row["name"]: True for row in self._ask(_SHADOWED, names=unknown)}

    def _ask(self, text: str, **values: object) -> list[dict[str, Any]]:
        from psycopg.rows import dict_row

        with self.session.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(text.encode(), values).fetchall()
