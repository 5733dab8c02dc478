"""client.py: rows, values to insert and enums of the schema as typed Python, for programs that use the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from seachange.postgres.catalog import Catalog, Column, Table, View, qualified
from seachange.sync._client_names import Names, constant, docstring, is_plain, literal
from seachange.sync._client_types import ALIASES, Types

__all__ = ["describe_client"]

_MODULES = {
    "_abc": "collections.abc",
    "_dataclasses": "dataclasses",
    "_datetime": "datetime",
    "_decimal": "decimal",
    "_ipaddress": "ipaddress",
    "_uuid": "uuid",
}
_TYPING = ("Final", "Generic", "Literal", "NotRequired", "Protocol", "TypeAlias", "TypedDict", "TypeVar")
_WIDEST = 120
_SELECT = "SELECT {} FROM {}"


def describe_client(catalog: Catalog) -> str:
    """Return a module that imports nothing but the standard library.

    Partitions have the rows of their table and get no class.

    :param catalog: the schema.
    """
    names = Names((*ALIASES, *_TYPING))
    enums = {(enum.schema, enum.name): names.of_class(*_prefix(enum.schema), enum.name) for enum in catalog.enums}
    domains = {(domain.schema, domain.name): domain for domain in catalog.domains}
    writer = _Writer(names=names, types=Types(enums=enums, domains=domains), catalog=catalog)
    body = "\n".join(writer.body())
    return "\n".join([*_head(catalog, body, registered=writer.registered()), body]).rstrip("\n") + "\n"


def _prefix(schema: str) -> tuple[str, ...]:
    return () if schema == "public" else (schema,)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Writer:
    names: Names
    types: Types
    catalog: Catalog

    def body(self) -> Iterator[str]:
        """Yield the lines below the imports."""
        for enum in self.catalog.enums:
            name = self.types.enums[enum.schema, enum.name]
            yield from ("", *_alias(name, [literal(label) for label in enum.labels]), *docstring(enum.comment))
        for relation in self._relations():
            yield from self._relation(relation)

    def registered(self) -> list[str]:
        """Return the types whose arrays the driver does not load as lists of its own accord."""
        references = {
            qualified(column.type_ref.schema, column.type_ref.name)
            for relation in self._relations()
            for column in relation.columns
            if self.types.needs_registration(column)
        }
        return sorted(references)

    def _relations(self) -> list[Table | View]:
        tables = [table for table in self.catalog.tables if not table.partition_bound]
        return sorted([*tables, *self.catalog.views], key=lambda relation: (relation.schema, relation.name))

    def _relation(self, relation: Table | View) -> Iterator[str]:
        name = self.names.of_relation(*_prefix(relation.schema), relation.name)
        yield from self._row(relation, name)
        if isinstance(relation, Table):
            yield from self._insert(relation, f"{name}Insert")

    def _row(self, relation: Table | View, name: str) -> Iterator[str]:
        taken = Names((*ALIASES, *self.types.enums.values(), *_MODULES))
        fields = [(column, taken.of_field(column.name)) for column in relation.columns]
        yield from ("", "", "@_dataclasses.dataclass(frozen=True, kw_only=True, slots=True)", f"class {name}Row:")
        yield from docstring(f"A row of {relation.qualified}.\n\n{relation.comment}", indent="    ")
        if fields:
            yield ""
        for column, field in fields:
            nullable = isinstance(relation, View) or not self._is_filled(column)
            yield f"    {field}: {self.types.of_row(column, nullable=nullable)}"
            yield from docstring(column.comment, indent="    ")
        if fields:
            yield from ("", "", *_select(constant(f"{name}Select"), relation, fields))

    def _insert(self, table: Table, name: str) -> Iterator[str]:
        columns = [column for column in table.columns if column.identity != "always" and not column.generated]
        values = [(column.name, self._value(column)) for column in columns]
        known = {*ALIASES, *self.types.enums.values(), *_MODULES}
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
        domain = self.types.domain(column.type_ref)
        filled = self._is_filled(column)
        text = self.types.of_insert(column, nullable=not filled)
        given = bool(column.default or column.identity or (domain and domain.default))
        return f"NotRequired[{text}]" if given or not filled else text

    def _is_filled(self, column: Column) -> bool:
        domain = self.types.domain(column.type_ref)
        return column.not_null or bool(domain and domain.not_null)


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


def _head(catalog: Catalog, body: str, *, registered: Sequence[str]) -> Iterator[str]:
    yield '"""Rows of the database as typed Python; written by Seachange, `invoke db.generate` writes it anew.'
    yield ""
    yield "For psycopg: connection.cursor(row_factory=class_row(XRow)).execute(X_SELECT). Columns whose names are no names in"
    yield "Python have another one in the row; the query renames them."
    if registered:
        yield ""
        yield "Arrays of the types in TYPES_TO_REGISTER load as lists once the driver knows them:"
        yield "TypeInfo.fetch(connection, name).register(connection)."
    yield from ("", f"Catalogue: {catalog.fingerprint}", '"""', "", "# ruff: noqa", "# fmt: off", "")
    yield from ("from __future__ import annotations", "")
    yield from (f"import {module} as {name}" for name, module in _MODULES.items() if f"{name}." in body)
    extra = list(_extra(body, registered))
    text = "\n".join([*extra, body])
    typing = [
        name for name in _TYPING if f"{name}[" in text or f"({name})" in text or f": {name} =" in text or f"{name}(" in text
    ]
    yield from ([f"from typing import {', '.join(typing)}"] if typing else [])
    yield from extra


def _extra(body: str, registered: Sequence[str]) -> Iterator[str]:
    if "Json" in body:
        yield from ("", 'Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"')
    if "RangeValue[" in body:
        yield from _RANGE_VALUE.splitlines()
    if registered:
        yield from ("", f"TYPES_TO_REGISTER: Final = ({''.join(f'{literal(name)}, ' for name in registered).rstrip()})")


_RANGE_VALUE = '''\

_Bound = TypeVar("_Bound", covariant=True)


class RangeValue(Protocol[_Bound]):
    """A range as drivers load it."""

    @property
    def lower(self) -> _Bound | None: ...
    @property
    def upper(self) -> _Bound | None: ...
    @property
    def lower_inc(self) -> bool: ...
    @property
    def upper_inc(self) -> bool: ...
    @property
    def isempty(self) -> bool: ...

'''
