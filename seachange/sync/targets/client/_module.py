"""client.py: rows, values to insert and enums of the schema as typed Python, for programs that use the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from seachange.postgres.catalog import qualified
from seachange.sync._python_names import Names, constant, docstring, is_plain, literal
from seachange.sync._python_types import ALIASES, JSON, MODULES, RANGE_VALUE, Types, imports
from seachange.sync.model import Column, Schema, Table, View
from seachange.sync.target import header

__all__ = ["describe_client"]

_TYPING = ("Final", "Generic", "Literal", "NotRequired", "Protocol", "TypeAlias", "TypedDict", "TypeVar")
_WIDEST = 120
_ABOUT = """\
For psycopg: connection.cursor(row_factory=class_row(XRow)).execute(X_SELECT). Columns whose names are no names in
Python have another one in the row; the query renames them."""
_REGISTER = """
Arrays of the types in TYPES_TO_REGISTER load as lists once the driver knows them:
TypeInfo.fetch(connection, name).register(connection)."""
_SELECT = "SELECT {} FROM {}"


def describe_client(schema: Schema) -> str:
    """Return a module that imports nothing but the standard library.

    Partitions have the rows of their table and get no class.

    :param schema: the schema.
    """
    names = Names((*ALIASES, *_TYPING))
    enums = {enum.key: names.of_class(*_prefix(enum.schema), enum.name) for enum in schema.enums}
    writer = _Writer(names=names, types=Types(schema=schema, enums=enums), schema=schema)
    body = "\n".join(writer.body())
    return "\n".join([*_head(schema, body, registered=writer.registered()), body]).rstrip("\n") + "\n"


def _prefix(schema: str) -> tuple[str, ...]:
    return () if schema == "public" else (schema,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Writer:
    names: Names
    types: Types
    schema: Schema

    def body(self) -> Iterator[str]:
        """Yield the lines below the imports."""
        for enum in self.schema.enums:
            name = self.types.enums[enum.key]
            yield from ("", *_alias(name, [literal(label) for label in enum.labels]), *docstring(enum.comment))
        for relation in self._relations():
            yield from self._relation(relation)

    def registered(self) -> list[str]:
        """Return the types whose arrays the driver does not load as lists of its own accord."""
        references = {
            qualified(*column.type.key)
            for relation in self._relations()
            for column in relation.columns
            if self.types.needs_registration(column.type)
        }
        return sorted(references)

    def _relations(self) -> list[Table | View]:
        tables = [table for table in self.schema.tables if not table.is_partition]
        return sorted([*tables, *self.schema.views], key=lambda relation: relation.key)

    def _relation(self, relation: Table | View) -> Iterator[str]:
        name = self.names.of_relation(*_prefix(relation.schema), relation.name)
        yield from self._row(relation, name)
        if isinstance(relation, Table):
            yield from self._insert(relation, f"{name}Insert")

    def _row(self, relation: Table | View, name: str) -> Iterator[str]:
        taken = Names((*ALIASES, *self.types.enums.values(), *MODULES))
        fields = [(column, taken.of_field(column.name)) for column in relation.columns]
        yield from ("", "", "@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)", f"class {name}Row:")
        yield from docstring(f"A row of {relation.qualified}.\n\n{relation.comment}", indent="    ")
        if fields:
            yield ""
        for column, field in fields:
            yield f"    {field}: {self.types.of_row(column.type, nullable=column.nullable)}"
            yield from docstring(column.comment, indent="    ")
        if fields:
            yield from ("", "", *_select(constant(f"{name}Select"), relation, fields))

    def _insert(self, table: Table, name: str) -> Iterator[str]:
        columns = [column for column in table.columns if column.insertable]
        values = [(column.name, self._value(column)) for column in columns]
        known = {*ALIASES, *self.types.enums.values(), *MODULES}
        yield from ("", "")
        if all(is_plain(key) and key not in known for key, _ in values):
            yield f"class {name}(TypedDict):"
            yield from docstring(f"Values to insert into {table.qualified}.", indent="    ")
            yield from ("", *(f"    {key}: {annotation}" for key, annotation in values)) if values else ()
            return
        yield f"{name} = TypedDict("
        yield f"    {literal(name)},"
        yield from ("    {", *(f"        {literal(key)}: {annotation}," for key, annotation in values), "    },", ")")
        yield from docstring(f"Values to insert into {table.qualified}.")

    def _value(self, column: Column) -> str:
        text = self.types.of_insert(column.type, nullable=column.nullable)
        given = column.filled or any(domain.default for domain in self.schema.domains_of(column.type))
        return f"NotRequired[{text}]" if given or column.nullable else text


def _alias(name: str, values: Sequence[str]) -> Iterator[str]:
    line = f"{name}: TypeAlias = Literal[{', '.join(values)}]"
    if len(line) <= _WIDEST and values:
        yield line
    elif values:
        yield from (f"{name}: TypeAlias = Literal[", *(f"    {value}," for value in values), "]")
    else:
        yield f"{name}: TypeAlias = str"


def _select(name: str, relation: Table | View, fields: Sequence[tuple[Column, str]]) -> Iterator[str]:
    columns = [qualified(column.name) + (f" AS {qualified(field)}" if field != column.name else "") for column, field in fields]
    yield f"{name}: Final = {literal(_SELECT.format(', '.join(columns), relation.qualified))}"


def _head(schema: Schema, body: str, *, registered: Sequence[str]) -> Iterator[str]:
    about = ["Rows of the database as typed Python.", "", *header(schema, target="client", command="db.generate"), "", _ABOUT]
    yield from docstring("\n".join([*about, *([_REGISTER] if registered else [])]))
    yield from ("", "# ruff: noqa", "# fmt: off", "")
    yield from ("from __future__ import annotations", "")
    yield from imports(body)
    extra = list(_extra(body, registered))
    text = "\n".join([*extra, body])
    typing = [
        name for name in _TYPING if f"{name}[" in text or f"({name})" in text or f": {name} =" in text or f"{name}(" in text
    ]
    yield from ([f"from typing import {', '.join(typing)}"] if typing else [])
    yield from extra


def _extra(body: str, registered: Sequence[str]) -> Iterator[str]:
    if "Json" in body:
        yield from ("", JSON)
    if "RangeValue[" in body:
        yield from RANGE_VALUE.splitlines()
    if registered:
        yield from ("", f"TYPES_TO_REGISTER: Final = ({''.join(f'{literal(name)}, ' for name in registered).rstrip()})")
