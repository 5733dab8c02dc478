"""database.ts: rows, inserts and updates as plain TypeScript, for node-postgres, Kysely and the like."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import cast

from seachange.sync._options import chosen
from seachange.sync._typescript import Casing, Names, default_schema, jsdoc, key, line_comment, literal
from seachange.sync._typescript_types import INTERVAL, Dates, Int8, Types, union
from seachange.sync.model import Column, Enum, Schema, Table, View
from seachange.sync.target import Artefact, Request, Target, header

__all__ = ["TARGET", "describe"]

_SUFFIXES = ("Row", "Insert", "Update")
_COLUMN = """\
/** A column: what it is in a row, in an insert and in an update; Kysely reads it as its own ColumnType. */
export interface Column<Row, Insert, Update> {
  readonly __select__: Row;
  readonly __insert__: Insert;
  readonly __update__: Update;
}

/** A table by its columns, for Database. */
export type Table<Row, Insert, Update> = {
  [Name in keyof Row]: Column<
    Row[Name],
    Name extends keyof Insert ? Insert[Name] : never,
    Name extends keyof Update ? Update[Name] : never
  >;
};
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Writer:
    schema: Schema
    types: Types
    names: Mapping[tuple[str, str], str]
    camel: bool

    def table(self, table: Table) -> str:
        name = self.names[table.key]
        row = _interface(f"{name}Row", self._members(table), comment=_about(table))
        insert = _interface(f"{name}Insert", self._inserted(table), comment=f"What to insert into {table.qualified}.")
        return f"{row}\n{insert}\nexport type {name}Update = Partial<{name}Insert>;\n"

    def view(self, view: View) -> str:
        return _interface(f"{self.names[view.key]}Row", self._members(view), comment=_about(view))

    def database(self) -> str:
        lines = ["/** Every table and view by its name: `new Kysely<Database>(...)`. */", "export interface Database {"]
        for one in _relations(self.schema):
            name = self.names[one.key]
            rest = "never, never" if isinstance(one, View) else f"{name}Insert, {name}Update"
            lines.append(f"  {key(self._database_name(one))}: Table<{name}Row, {rest}>;")
        return "\n".join([*lines, "}", ""])

    def _database_name(self, one: Table | View) -> str:
        if "." in one.name + one.schema:
            return one.qualified
        named = [self._cased(part) for part in ((one.name,) if one.schema == default_schema(self.schema) else one.key)]
        return ".".join(named)

    def _members(self, one: Table | View) -> Iterator[str]:
        for column, name in self._properties(one):
            yield from jsdoc(column.comment, indent="  ")
            yield f"  {key(name)}: {_or_null(self.types.of_row(column.type), column)};"

    def _inserted(self, table: Table) -> Iterator[str]:
        for column, name in self._properties(table):
            if column.insertable:
                optional = "?" if column.nullable or column.filled or self._domain_fills(column) else ""
                yield from jsdoc(column.comment, indent="  ")
                yield f"  {key(name)}{optional}: {_or_null(self.types.of_insert(column.type), column)};"

    def _domain_fills(self, column: Column) -> bool:
        return any(domain.default for domain in self.schema.domains_of(column.type))

    def _properties(self, one: Table | View) -> Iterator[tuple[Column, str]]:
        taken: set[str] = set()
        for column in one.columns:
            name = self._cased(column.name)
            # Of two that a converter makes the same, one keeps its name.
            name = column.name if name in taken else name
            taken.add(name)
            yield column, name

    def _cased(self, name: str) -> str:
        return _camel(name) if self.camel else name


def describe(schema: Schema, *, int8: Int8 = "string", dates: Dates = "Date", casing: Casing = "preserve") -> str:
    """Return the file.

    :param schema: the schema.
    :param int8: what 64-bit integers arrive as.
    :param dates: what dates and timestamps arrive as.
    :param casing: how columns are named.
    """
    names = Names(["Column", "Table"])
    usual = default_schema(schema)

    def words(one: Enum | Table | View) -> tuple[str, ...]:
        return (one.name,) if one.schema == usual else one.key

    enums = {enum.key: names.of_type(*words(enum)) for enum in schema.enums}
    labels = {enum.key: names.of_constant(*words(enum), suffixes=("Labels",)) for enum in schema.enums}
    relations = {one.key: names.of_type(*words(one), suffixes=_SUFFIXES) for one in _relations(schema)}
    types = Types(schema=schema, enums=enums, int8=int8, dates=dates)
    writer = _Writer(schema=schema, types=types, names=relations, camel=casing == "camel")
    blocks = ["\n".join(line_comment("\n".join(header(schema, target="typescript")))) + "\n"]
    blocks += [_enum(enum, enums[enum.key], labels[enum.key]) for enum in schema.enums]
    blocks += [writer.table(one) if isinstance(one, Table) else writer.view(one) for one in _relations(schema)]
    blocks += [_COLUMN, writer.database()]
    if any("Interval" in block for block in blocks):
        blocks.insert(1, f"/** An interval as node-postgres delivers it. */\n{INTERVAL}")
    return "\n".join(blocks)


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    yield Artefact(
        text=describe(
            schema,
            int8=cast("Int8", chosen(request, "int8", ("string", "number", "bigint"))),
            dates=cast("Dates", chosen(request, "dates", ("Date", "string"))),
            casing=cast("Casing", chosen(request, "casing", ("preserve", "camel"))),
        )
    )


def _relations(schema: Schema) -> list[Table | View]:
    tables = [table for table in schema.tables if not table.is_partition]
    return sorted([*tables, *schema.views], key=lambda one: one.key)


def _enum(enum: Enum, name: str, constant: str) -> str:
    labels = ", ".join(map(literal, enum.labels))
    lines = [*jsdoc(enum.comment), f"export type {name} = {union(enum)};"]
    return "\n".join([*lines, f"export const {constant}Labels = [{labels}] as const satisfies readonly {name}[];", ""])


def _interface(name: str, members: Iterator[str], *, comment: str) -> str:
    return "\n".join([*jsdoc(comment), f"export interface {name} {{", *members, "}", ""])


def _about(one: Table | View) -> str:
    kind = f"{one.kind} " if isinstance(one, View) else ""
    return f"A row of {kind}{one.qualified}.\n\n{one.comment}".strip()


def _or_null(text: str, column: Column) -> str:
    return f"{text} | null" if column.nullable and text != "unknown" else text


def _camel(name: str) -> str:
    # As Kysely's CamelCasePlugin does it, whose rows these may be.
    made = (one.upper() if before == "_" else one for before, one in itertools.pairwise(name) if one != "_")
    return name[0] + "".join(made)


TARGET = Target(
    name="typescript",
    summary="rows, inserts and updates as plain TypeScript types",
    path="database.ts",
    emit=_emit,
    options={
        "int8": 'what 64-bit integers arrive as: "string" (as node-postgres does), "number" or "bigint"',
        "dates": 'what dates and timestamps arrive as: "Date" (as node-postgres does) or "string"',
        "casing": 'names of columns: "preserve" or "camel" (as Kysely\'s CamelCasePlugin)',
    },
    client=True,
)
