"""The class of one table."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping

from seachange.sync._typescript import identifier, jsdoc, line_comment, literal, template
from seachange.sync.model import Column, ForeignKey, Table
from seachange.sync.targets.typeorm._defaults import compared_default, generation
from seachange.sync.targets.typeorm._index import index_lines
from seachange.sync.targets.typeorm._plan import Plan
from seachange.sync.targets.typeorm._relations import JoinTable, Relation
from seachange.sync.targets.typeorm._text import Source, call, listed, options

__all__ = ["entity"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Entity:
    plan: Plan
    table: Table

    @functools.cached_property
    def properties(self) -> Mapping[str, str]:
        return self.plan.names.properties[self.table.key]

    @functools.cached_property
    def identifying(self) -> tuple[str, ...]:
        return self.plan.keys[self.table.key]

    def lines(self) -> Iterator[str]:
        yield from jsdoc(self.table.comment)
        limits = self.plan.limits[self.table.key]
        if limits:
            yield from line_comment(
                "TypeORM cannot compare this table with the database, so it leaves it alone:\n" + "\n".join(limits)
            )
        yield from self._constraints()
        given = {"schema": literal(self.table.schema), "name": literal(self.table.name)}
        given |= {"comment": literal(self.table.comment)} if self.table.comment else {}
        yield from call("Entity", [given | ({"synchronize": "false"} if limits else {})])
        yield f"export class {self.plan.names.classes[self.table.key]} {{"
        members = [[*self._column(column)] for column in self.table.columns]
        members += [[*self._relation(one)] for one in self.plan.relations.get(self.table.key, ())]
        yield "\n\n".join("\n".join(member) for member in members)
        yield "}"

    def _constraints(self) -> Iterator[str]:
        own = [one for one in self.plan.relations.get(self.table.key, ()) if one.foreign_key]
        one_to_one = [one.foreign_key.columns for one in own if one.foreign_key and one.kind == "OneToOne"]
        for one in self.table.unique_keys:
            if one.name.startswith("REL_") and one.columns in one_to_one:
                # TypeORM makes this one for the relation by itself.
                continue
            deferrable = {"deferrable": _deferrable(initially=one.initially_deferred)} if one.deferrable else {}
            yield from call("Unique", [literal(one.name), self._listed(one.columns), deferrable])
        for index in self.table.indexes:
            yield from index_lines(index, self.properties)
        for check in self.table.checks:
            yield from call("Check", [literal(check.name), template(check.expression)])
        for exclusion in self.table.exclusions:
            yield from call("Exclusion", [literal(exclusion.name), template(exclusion.definition.removeprefix("EXCLUDE "))])
        for apart in self.plan.apart[self.table.key]:
            yield from self._foreign_key(apart)
        for relation in self.plan.relations.get(self.table.key, ()):
            if relation.foreign_key and self._needs_own_key(relation):
                yield from self._foreign_key(relation.foreign_key)

    def _foreign_key(self, one: ForeignKey) -> list[str]:
        names = [f"() => {self.plan.names.classes[one.references]}", self._listed(one.columns)]
        referenced = [self.plan.names.properties[one.references][name] for name in one.references_columns]
        return call("ForeignKey", [*names, listed(referenced), {"name": literal(one.name), **_actions(one)}])

    def _column(self, column: Column) -> Iterator[str]:
        type_ = self.plan.type_of(self.table, column)
        primary = column.name in self.identifying
        generated = generation(self.table, column, kind=type_.name)
        given = {"name": literal(column.name), "type": literal(type_.name), **type_.options}
        given |= {"array": "true"} if type_.array else {}
        given |= {"collation": literal(collation)} if (collation := self._collation(column)) else {}
        yield from jsdoc(column.comment, indent="  ")
        if column.generated:
            yield from line_comment(f"GENERATED ALWAYS AS ({column.expression}) {column.generated.upper()}", indent="  ")
            given |= {"generatedType": '"STORED"', "asExpression": self._expression(column), "insert": "false", "update": "false"}
        default = None if generated else compared_default(column, kind=type_.name)
        given |= {"default": default.text} if default else {}
        given |= {"comment": literal(column.comment)} if column.comment else {}
        yield from self._decorated(column, given, primary=primary, generated=generated)
        null = " | null" if column.nullable and not primary and type_.value != "unknown" else ""
        yield f"  {self.properties[column.name]}!: {type_.value}{null};"

    def _decorated(self, column: Column, given: dict[str, str], *, primary: bool, generated: str) -> list[str]:
        identity = {"generatedIdentity": literal(column.identity.upper())} if generated == "identity" else {}
        if not primary:
            more = ({"generated": literal(generated)} if generated else {}) | identity
            more |= {"nullable": "true"} if column.nullable else {}
            return call("Column", [given | more], indent="  ")
        if self.table.primary_key:
            given["primaryKeyConstraintName"] = literal(self.table.primary_key.name)
        if not generated:
            return call("PrimaryColumn", [given], indent="  ")
        if generated == "uuid":
            given.pop("type")
        return call("PrimaryGeneratedColumn", [literal(generated), given | identity], indent="  ")

    def _expression(self, column: Column) -> str:
        known = self.plan.recorded
        if not known.present:
            return template(column.expression)
        # TypeORM compares with its own record, and finds nothing there of a column that it has not made.
        return template(known.columns.get((*self.table.key, column.name), " "))

    def _collation(self, column: Column) -> str:
        text = column.collation or next((one.collation for one in self.plan.schema.domains_of(column.type) if one.collation), "")
        return _last_name(text)

    def _relation(self, one: Relation) -> Iterator[str]:
        target = self.plan.names.classes[one.target]
        many = one.kind in ("OneToMany", "ManyToMany")
        variable = identifier(target[0].lower() + target[1:])
        given: dict[str, str] = {}
        if one.foreign_key:
            given |= {"nullable": "false"} if one.required else {}
            given |= {"createForeignKeyConstraints": "false"} if self._needs_own_key(one) else _actions(one.foreign_key)
        yield from call(one.kind, [f"() => {target}", f"({variable}) => {variable}.{one.inverse}", given], indent="  ")
        if one.foreign_key:
            yield from self._join_columns(one.foreign_key)
        if one.join_table:
            yield from self._join_table(one.join_table)
        alone = f"Relation<{target}>" if one.foreign_key and not one.nullable else f"Relation<{target}> | null"
        yield f"  {one.name}!: {f'Relation<{target}[]>' if many else alone};"

    def _needs_own_key(self, one: Relation) -> bool:
        # A one-to-one relation makes a unique constraint of its own name, which is not there.
        if one.kind != "OneToOne" or one.foreign_key is None or one.join_table:
            return False
        columns = set(one.foreign_key.columns)
        primary = self.table.primary_key
        if primary and columns <= set(primary.columns):
            return False
        return not (len(columns) == 1 and any(set(key.columns) == columns for key in self.table.unique_keys))

    def _join_columns(self, one: ForeignKey) -> list[str]:
        joined = self._joined(one)
        if len(joined) == 1:
            return call("JoinColumn", joined, indent="  ")
        return ["  @JoinColumn([", *(f"    {options(column)}," for column in joined), "  ])"]

    def _joined(self, one: ForeignKey) -> list[dict[str, str]]:
        properties = self.plan.names.properties[one.references]
        name = literal(one.name)
        return [
            {"name": literal(near), "referencedColumnName": literal(properties[far]), "foreignKeyConstraintName": name}
            for near, far in zip(one.columns, one.references_columns, strict=True)
        ]

    def _join_table(self, one: JoinTable) -> Iterator[str]:
        table, near, far = one.table, one.near, one.far
        given = {"schema": literal(table.schema), "name": literal(table.name), "synchronize": "false"}
        sides = {"joinColumn": self._joined(near), "inverseJoinColumn": self._joined(far)}
        # Its types take one column on each side, or lists on both.
        single = all(len(joined) == 1 for joined in sides.values())
        for side, joined in sides.items():
            columns = ", ".join(map(options, joined))
            given[side if single else f"{side}s"] = columns if single else f"[{columns}]"
        yield from jsdoc(table.comment, indent="  ")
        # TypeORM would want an index of its own name on each side.
        yield from call("JoinTable", [given], indent="  ")

    def _listed(self, columns: tuple[str, ...]) -> str:
        return listed([self.properties[name] for name in columns])


def entity(plan: Plan, table: Table) -> Source:
    """Return the class of a table that has a key.

    :param plan: what was decided.
    :param table: the table.
    """
    types = [plan.type_of(table, column) for column in table.columns]
    targets = [one.target for one in plan.relations.get(table.key, ())] + [one.references for one in plan.apart[table.key]]
    return Source(
        text="\n".join(_Entity(plan=plan, table=table).lines()) + "\n",
        classes=frozenset(plan.names.classes[key] for key in targets if key != table.key),
        types=frozenset(name for one in types for name in one.types),
        constants=frozenset(name for one in types for name in one.constants),
    )


def _actions(one: ForeignKey) -> dict[str, str]:
    given = {}
    for name, action in (("onDelete", one.on_delete), ("onUpdate", one.on_update)):
        if action != "no action":
            # TypeORM's types call it DEFAULT, what it reads and writes is SET DEFAULT.
            given[name] = literal(action.upper()) + (" as never" if action == "set default" else "")
    if one.deferrable:
        given["deferrable"] = _deferrable(initially=one.initially_deferred)
    return given


def _deferrable(*, initially: bool) -> str:
    return '"INITIALLY DEFERRED"' if initially else '"INITIALLY IMMEDIATE"'


def _last_name(text: str) -> str:
    if not text.endswith('"'):
        return text.rpartition(".")[2]
    start = len(text) - 1
    while start and (text[start - 1] != '"' or text[: start - 1].endswith('"')):
        start -= 1
    return text[start:-1].replace('""', '"')
