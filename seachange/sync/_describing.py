"""What there is to say of tables, columns and types to people, whatever the markup."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from seachange.postgres.catalog import Policy, Trigger, qualified
from seachange.sync.model import Column, Domain, ForeignKey, Index, Schema, Table, View

__all__ = ["Fact", "NamedType", "amount", "facts", "filling", "marks", "relation_name", "types"]

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing about a table: ``sql`` is shown as code, ``state`` in words, ``comment`` is what its owner says of it."""

    title: str
    name: str = ""
    sql: str = ""
    state: str = ""
    comment: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedType:
    """An enum, domain, composite type or range; ``parts`` are shown as code, an empty one is an empty label."""

    schema: str
    name: str
    kind: str
    parts: tuple[str, ...]
    comment: str

    @property
    def qualified(self) -> str:
        """The name with its schema, quoted where PostgreSQL needs it."""
        return qualified(self.schema, self.name)


def relation_name(one: Table | View) -> str:
    """Return the name as people say it: without the schema, where that is ``public``.

    :param one: a table or view.
    """
    return qualified(one.name) if one.schema == "public" else one.qualified


def filling(column: Column) -> tuple[str, str]:
    """Return where the value of a column comes from when nobody gives one: in words, and as SQL.

    :param column: the column.
    """
    if column.identity:
        return f"identity, {column.identity}", ""
    if column.generated:
        return f"generated, {column.generated}", column.expression
    return "", column.default


def marks(column: str, table: Table) -> tuple[list[str], list[ForeignKey]]:
    """Return the keys that a column is part of: ``PK`` and ``UK``, and its foreign keys.

    :param column: its name.
    :param table: its table.
    """
    primary = table.primary_key.columns if table.primary_key else ()
    words = ["PK"] if column in primary else []
    if primary != (column,) and table.is_unique((column,)):
        words.append("UK")
    return words, [key for key in table.foreign_keys if column in key.columns]


def facts(one: Table | View, schema: Schema) -> Iterator[Fact]:
    """Yield what there is to say of a table or view besides its columns.

    :param one: the table or view.
    :param schema: where its partitions are found.
    """
    if isinstance(one, Table):
        yield from _kind(one)
        yield from _constraints(one)
    for index in one.indexes:
        yield _index(index, one)
    if isinstance(one, Table):
        for partition in schema.partitions.get(one.key, ()):
            yield Fact(title="Partition", name=partition.qualified, sql=partition.partition_bound)
        yield from _security(one)
    yield from map(_trigger, one.triggers)


def _kind(table: Table) -> Iterator[Fact]:
    if table.kind == "foreign table":
        yield Fact(title="Foreign table of server", sql=table.server)
    if table.unlogged:
        yield Fact(title="Unlogged", state="empty after a crash")
    if table.inherits:
        yield Fact(title="Inherits from", sql=", ".join(table.inherits))
    if table.partition_key:
        yield Fact(title="Partitioned by", sql=table.partition_key)


def _constraints(table: Table) -> Iterator[Fact]:
    if table.primary_key:
        key = table.primary_key
        yield Fact(title="Primary key", name=qualified(key.name), sql=key.definition, comment=key.comment)
    for key in table.unique_keys:
        yield Fact(title="Unique", name=qualified(key.name), sql=key.definition, comment=key.comment)
    for foreign in table.foreign_keys:
        yield Fact(
            title="Foreign key",
            name=qualified(foreign.name),
            sql=foreign.definition,
            state=_state(validated=foreign.validated, enforced=foreign.enforced),
            comment=foreign.comment,
        )
    for check in table.checks:
        state = _state(validated=check.validated, enforced=check.enforced)
        yield Fact(title="Check", name=qualified(check.name), sql=check.definition, state=state, comment=check.comment)
    for exclusion in table.exclusions:
        yield Fact(title="Exclusion", name=qualified(exclusion.name), sql=exclusion.definition, comment=exclusion.comment)


def _state(*, validated: bool, enforced: bool) -> str:
    if not enforced:
        return "not enforced"
    return "" if validated else "not validated"


def _index(index: Index, one: Table | View) -> Fact:
    # What stands before USING repeats the names.
    _, _, rest = index.definition.partition(f" {one.qualified} USING ")
    return Fact(
        title="Unique index" if index.unique else "Index",
        name=qualified(index.name),
        sql=f"USING {rest}" if rest else index.definition,
        state="" if index.valid else "INVALID",
        comment=index.comment,
    )


def _security(table: Table) -> Iterator[Fact]:
    if table.row_security:
        yield Fact(title="Row security", state="for its owner too" if table.force_row_security else "")
    yield from map(_policy, table.policies)


def _policy(policy: Policy) -> Fact:
    parts = [f"USING ({policy.using})" if policy.using else "", f"WITH CHECK ({policy.check})" if policy.check else ""]
    words = [f"for {policy.command}", f"to {', '.join(policy.roles)}" if policy.roles else ""]
    words.append("" if policy.permissive else "restrictive")
    return Fact(
        title="Policy",
        name=qualified(policy.name),
        sql=" ".join(filter(None, parts)),
        state=", ".join(filter(None, words)),
        comment=policy.comment,
    )


def _trigger(trigger: Trigger) -> Fact:
    name = qualified(trigger.name)
    _, _, rest = trigger.definition.partition(f"TRIGGER {name} ")
    state = "" if trigger.enabled == "origin" else trigger.enabled
    return Fact(title="Trigger", name=name, sql=rest or trigger.definition, state=state, comment=trigger.comment)


def types(schema: Schema) -> list[NamedType]:
    """Return the enums, domains, composite types and ranges, each kind sorted by its name.

    :param schema: the schema.
    """

    def named(kind: str, one: object, parts: Iterable[str]) -> NamedType:
        schema_name, name, comment = (str(getattr(one, field)) for field in ("schema", "name", "comment"))
        return NamedType(schema=schema_name, name=name, kind=kind, parts=tuple(parts), comment=comment)

    return [
        *(named("enum", one, one.labels) for one in schema.enums),
        *(named("domain", one, [_domain(one)]) for one in schema.domains),
        *(named("composite", one, map(_attribute, one.columns)) for one in schema.composites),
        *(named("range", one, [one.subtype]) for one in schema.ranges),
    ]


def _attribute(column: Column) -> str:
    return f"{qualified(column.name)} {column.type.text}"


def _domain(domain: Domain) -> str:
    words = [domain.type.text, *(["NOT NULL"] if domain.not_null else [])]
    words += [f"DEFAULT {domain.default}"] if domain.default else []
    return " ".join([*words, *(check.definition for check in domain.checks)])


def amount(one: Table | View, schema: Schema) -> str:
    """Return how much is in a table, as PostgreSQL estimates it; nothing when nobody has looked yet.

    :param one: a table or view; what is in the partitions of a table is in it.
    :param schema: where its partitions are found.
    """
    holding = tuple(_leaves(one, schema))
    known = [part.estimated_rows for part in holding if part.estimated_rows is not None]
    size = sum(part.estimated_bytes for part in holding)
    if not known and not size:
        return ""
    rows = f"about {sum(known):,} row{'' if sum(known) == 1 else 's'}" if known else "rows not counted yet"
    return f"{rows}, {_size(size)}"


def _leaves(one: Table | View, schema: Schema) -> Iterator[Table | View]:
    partitions = schema.partitions.get(one.key, ())
    if not partitions:
        yield one
    for partition in partitions:
        yield from _leaves(partition, schema)


def _size(size: float) -> str:
    unit = 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if size >= 10 or not unit else f"{size:.1f} {_UNITS[unit]}"
