"""Foreign keys and join tables as relations of TypeORM, in both directions."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Literal

from seachange.sync._typescript import pascal_case
from seachange.sync.model import ForeignKey, Schema, Table
from seachange.sync.targets.typeorm._names import Naming

__all__ = ["JoinTable", "Relation", "join_tables", "relations"]

_Key = tuple[str, str]
_IDENTIFIES = re.compile(r"(?<=[^_\W])(_id|_ID|_uuid|_fk|_key|_no|(?<=[a-z0-9])Id|(?<=[a-z0-9])ID)$")


@dataclasses.dataclass(frozen=True, kw_only=True)
class JoinTable:
    """A table that only says which rows of two others belong together; ``near`` is the foreign key to the owning side."""

    table: Table
    near: ForeignKey
    far: ForeignKey


@dataclasses.dataclass(frozen=True, kw_only=True)
class Relation:
    """One direction of a relation.

    ``foreign_key`` is there on the side that has its columns, ``join_table`` on the owning side of a many-to-many relation.
    """

    kind: Literal["ManyToOne", "OneToOne", "OneToMany", "ManyToMany"]
    name: str
    target: _Key
    inverse: str
    nullable: bool = True
    required: bool = False
    foreign_key: ForeignKey | None = None
    join_table: JoinTable | None = None


def join_tables(schema: Schema, *, entities: Collection[_Key]) -> Mapping[_Key, JoinTable]:
    """Return the tables that TypeORM needs no entity for: two foreign keys to primary keys, which are the whole table.

    :param schema: the schema.
    :param entities: the tables that have an entity otherwise.
    """
    found = {}
    for table in schema.tables:
        if table.key in entities and len(table.foreign_keys) == 2 and not schema.referring.get(table.key):
            near, far = sorted(table.foreign_keys, key=lambda one: table.by_name[one.columns[0]].position)
            join = JoinTable(table=table, near=near, far=far)
            if _only_joins(schema, join, entities=entities):
                found[table.key] = join
    return found


def _only_joins(schema: Schema, join: JoinTable, *, entities: Collection[_Key]) -> bool:
    table, near, far = join.table, join.near, join.far
    columns = [*near.columns, *far.columns]
    if table.primary_key is None or not set(columns) == set(table.primary_key.columns) == set(table.by_name):
        return False
    for foreign_key in (near, far):
        parent = schema.relations.get(foreign_key.references)
        key = parent.primary_key if isinstance(parent, Table) else None
        if foreign_key.references not in entities or key is None or set(key.columns) != set(foreign_key.references_columns):
            return False
    return len(set(columns)) == len(columns) and near.references_table != table.name != far.references_table


def relations(
    schema: Schema,
    *,
    names: Naming,
    related: Mapping[_Key, tuple[ForeignKey, ...]],
    joins: Mapping[_Key, JoinTable],
) -> Mapping[_Key, tuple[Relation, ...]]:
    """Return the relations of each entity in the order of their foreign keys, those to it after its own.

    :param schema: the schema.
    :param names: the names given so far.
    :param related: the foreign keys of each entity that become relations.
    :param joins: the tables that join.
    """
    found: dict[_Key, list[Relation]] = defaultdict(list)
    required = _acyclic(schema, related)
    forward = [
        (table, one, names.relation(table.key, _wanted(one))) for table in schema.tables for one in related.get(table.key, ())
    ]
    pairs = Counter((table.key, one.references) for table, one, _ in forward)
    backward: dict[_Key, list[Relation]] = defaultdict(list)
    for table, foreign_key, name in forward:
        target = foreign_key.references
        plain = pairs[table.key, target] == 1 and table.key != target
        inverse = names.relation(target, table.name if plain else f"{table.name}_by_{name}")
        one = table.is_unique(foreign_key.columns)
        nullable = any(table.by_name[column].nullable for column in foreign_key.columns)
        found[table.key].append(
            Relation(
                kind="OneToOne" if one else "ManyToOne",
                name=name,
                target=target,
                inverse=inverse,
                nullable=nullable,
                required=not nullable and (table.key, target) in required,
                foreign_key=foreign_key,
            )
        )
        backward[target].append(Relation(kind="OneToOne" if one else "OneToMany", name=inverse, target=table.key, inverse=name))
    for key, more in backward.items():
        found[key] += more
    for join in joins.values():
        _join(found, join, names)
    return {key: tuple(more) for key, more in found.items()}


def _join(found: dict[_Key, list[Relation]], join: JoinTable, names: Naming) -> None:
    near, far = join.near.references, join.far.references
    suffix = f"_by_{pascal_case(join.table.name)}"
    wanted = [f"{far[1]}{suffix}", f"{near[1]}{suffix}_inverse"] if near == far else [far[1], near[1]]
    name, inverse = names.relation(near, wanted[0]), names.relation(far, wanted[1])
    found[near].append(Relation(kind="ManyToMany", name=name, target=far, inverse=inverse, join_table=join))
    found[far].append(Relation(kind="ManyToMany", name=inverse, target=near, inverse=name))


def _wanted(foreign_key: ForeignKey) -> str:
    shortened = _IDENTIFIES.sub("", foreign_key.columns[0]) if len(foreign_key.columns) == 1 else ""
    return foreign_key.references_table if shortened in ("", *foreign_key.columns) else shortened


def _acyclic(schema: Schema, related: Mapping[_Key, tuple[ForeignKey, ...]]) -> frozenset[tuple[_Key, _Key]]:
    # TypeORM refuses relations that are required all around a circle.
    needs: dict[_Key, set[_Key]] = {key: set() for key in related}
    for key, foreign_keys in related.items():
        columns = schema.relations[key].by_name
        needs[key] |= {one.references for one in foreign_keys if not any(columns[name].nullable for name in one.columns)}
    waiting = {key: len(parents) for key, parents in needs.items()}
    children: dict[_Key, list[_Key]] = defaultdict(list)
    for key, parents in needs.items():
        for parent in parents:
            children[parent].append(key)
    ready = [key for key, count in waiting.items() if not count] + [key for key in children if key not in needs]
    done: set[tuple[_Key, _Key]] = set()
    while ready:
        parent = ready.pop()
        for child in children[parent]:
            done.add((child, parent))
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return frozenset(done)
