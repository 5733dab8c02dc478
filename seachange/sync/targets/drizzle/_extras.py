"""Keys, constraints, indexes and policies of a table as drizzle-orm has them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

from seachange.postgres.catalog import Policy, qualified
from seachange.sync._typescript import access, jsdoc, literal
from seachange.sync.model import ForeignKey, Index, IndexPart, Key, Schema, Table
from seachange.sync.targets.drizzle._columns import not_in_drizzle
from seachange.sync.targets.drizzle._names import Naming
from seachange.sync.targets.drizzle._sql import plain, sql, without_parentheses

__all__ = ["Extras"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extras:
    """Writes what stands in the third argument of a table.

    :param schema: of all tables.
    :param naming: what they and their columns are called.
    :param imports: gets the names of the functions that are used.
    """

    schema: Schema
    naming: Naming
    imports: set[str]

    def lines(self, table: Table) -> list[str]:
        """Return the lines, empty when there is nothing to say.

        :param table: the table.
        """
        properties = self.naming.properties[table.key]
        lines = [
            *self._primary_key(table, properties),
            *(line for key in table.unique_keys for line in self._unique(key, properties)),
            *(line for one in self._references(table) for line in self._foreign_key(one, table, properties)),
            *self._checks(table),
            *(line for one in table.exclusions for line in not_in_drizzle(f"{one.name} {plain(one.definition)}")),
            *(line for one in table.indexes for line in self._index(one, properties)),
            *(line for one in table.policies for line in self._policy(one)),
        ]
        return [f"  {line}" for line in lines]

    def _primary_key(self, table: Table, properties: Mapping[str, str]) -> Iterator[str]:
        key = table.primary_key
        if key is None:
            return
        if len(key.columns) == 1:
            # The column says it; drizzle-kit takes the name that PostgreSQL would give.
            name = [f"the name of the primary key, {key.name}"] if key.name != f"{table.name}_pkey" else []
            yield from not_in_drizzle(*name, *_losses(key))
            return
        yield from jsdoc(key.comment)
        yield from not_in_drizzle(*_losses(key))
        self.imports.add("primaryKey")
        yield f"primaryKey({{ columns: [{_columns('table', key.columns, properties)}], name: {literal(key.name)} }}),"

    def _unique(self, key: Key, properties: Mapping[str, str]) -> Iterator[str]:
        self.imports.add("unique")
        nulls = ".nullsNotDistinct()" if key.nulls_not_distinct else ""
        yield from jsdoc(key.comment)
        yield from not_in_drizzle(*_losses(key))
        yield f"unique({literal(key.name)}).on({_columns('table', key.columns, properties)}){nulls},"

    def _references(self, table: Table) -> Sequence[ForeignKey]:
        """Return the foreign keys of a table, of a partition also those that it has of the partitioned table."""
        parent = self.schema.relations.get(table.partition_of) if table.partition_of else None
        theirs = self._references(parent) if isinstance(parent, Table) else ()
        own = {one.name for one in table.foreign_keys}
        return sorted((*table.foreign_keys, *(one for one in theirs if one.name not in own)), key=lambda one: one.name)

    def _foreign_key(self, key: ForeignKey, table: Table, properties: Mapping[str, str]) -> Iterator[str]:
        target = "table" if key.references == table.key else self.naming.relations.get(key.references)
        if target is None:
            yield from not_in_drizzle(f"{key.name} {plain(key.definition)}: that table is not described")
            return
        self.imports.add("foreignKey")
        yield from jsdoc(key.comment)
        yield from not_in_drizzle(*_reference_losses(key))
        theirs = self.naming.properties[key.references]
        yield f"foreignKey({{ name: {literal(key.name)}, columns: [{_columns('table', key.columns, properties)}],"
        actions = [("onUpdate", key.on_update), ("onDelete", key.on_delete)]
        called = "".join(f".{name}({literal(action)})" for name, action in actions if action != "no action")
        yield f"  foreignColumns: [{_columns(target, key.references_columns, theirs)}] }}){called},"

    def _checks(self, table: Table) -> Iterator[str]:
        for check in table.checks:
            self.imports.add("check")
            yield from jsdoc(check.comment)
            lost = ["NOT VALID"] if not check.validated else []
            yield from not_in_drizzle(*lost, *(["NOT ENFORCED"] if not check.enforced else []))
            yield f"check({literal(check.name)}, {sql(without_parentheses(check.expression))}),"

    def _index(self, index: Index, properties: Mapping[str, str]) -> Iterator[str]:
        function = "uniqueIndex" if index.unique else "index"
        self.imports.add(function)
        yield from jsdoc(index.comment)
        lost = [f"INCLUDE ({', '.join(map(qualified, index.include))})"] if index.include else []
        lost += ["NULLS NOT DISTINCT"] if index.nulls_not_distinct else []
        yield from not_in_drizzle(*lost, *([] if index.valid else ["that the index is invalid: it was never finished"]))
        parts = ", ".join(_part(part, properties) for part in index.parts)
        where = f".where({sql(index.predicate)})" if index.predicate else ""
        yield f"{function}({literal(index.name)}).using({literal(index.method)}, {parts}){where},"

    def _policy(self, policy: Policy) -> Iterator[str]:
        self.imports.add("pgPolicy")
        parts = [
            f'as: "{"permissive" if policy.permissive else "restrictive"}"',
            f'for: "{policy.command}"',
            f"to: [{', '.join(map(literal, sorted(policy.roles or ('public',))))}]",
        ]
        parts += [f"using: {sql(policy.using)}"] if policy.using else []
        parts += [f"withCheck: {sql(policy.check)}"] if policy.check else []
        yield from jsdoc(policy.comment)
        yield f"pgPolicy({literal(policy.name)}, {{ {', '.join(parts)} }}),"


def _columns(what: str, columns: Sequence[str], properties: Mapping[str, str]) -> str:
    return ", ".join(access(what, properties[column]) for column in columns)


def _losses(key: Key) -> Iterator[str]:
    if key.include:
        yield f"INCLUDE ({', '.join(map(qualified, key.include))}) of {key.name}"
    if key.deferrable:
        yield f"{key.name} is DEFERRABLE{' INITIALLY DEFERRED' if key.initially_deferred else ''}"


def _reference_losses(key: ForeignKey) -> Iterator[str]:
    if key.match != "simple":
        yield f"MATCH {key.match.upper()}"
    if key.deferrable:
        yield f"DEFERRABLE{' INITIALLY DEFERRED' if key.initially_deferred else ''}"
    if not key.validated:
        yield "NOT VALID"
    if not key.enforced:
        yield "NOT ENFORCED"
    columns = re.search(r"ON DELETE SET (?:NULL|DEFAULT) \(.*?\)", key.definition)
    if columns:
        yield f"{columns[0]}, these columns only"


def _part(part: IndexPart, properties: Mapping[str, str]) -> str:
    operators = part.operator_class or part.default_operator_class
    if part.column and not part.collation:
        nulls = ".nullsFirst()" if part.nulls_first else ".nullsLast()"
        order = f"{'.desc()' if part.descending else '.asc()'}{nulls}" if part.descending or part.nulls_first else ""
        # drizzle-kit compares its name, also where it is the default.
        return f"{access('table', properties[part.column])}{order}{f'.op({literal(operators)})' if operators else ''}"
    order = " DESC" if part.descending else ""
    if part.nulls_first != part.descending:
        order += f" NULLS {'FIRST' if part.nulls_first else 'LAST'}"
    text = qualified(part.column) if part.column else part.expression
    text += f" COLLATE {part.collation}" if part.collation else ""
    return sql(f"{text}{f' {part.operator_class}' if part.operator_class else ''}{order}")
