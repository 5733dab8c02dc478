"""Columns of tables and views as properties of drizzle-orm."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.postgres.catalog import qualified
from seachange.sync._typescript import jsdoc, key, line_comment, literal
from seachange.sync.model import Column, Sequence, Table, View
from seachange.sync.targets.drizzle._defaults import default
from seachange.sync.targets.drizzle._sql import plain, sql
from seachange.sync.targets.drizzle._types import Builder, Types

__all__ = ["Columns", "is_serial", "not_in_drizzle", "sequence_options"]

_SERIALS = {"int2": "smallserial", "int4": "serial", "int8": "bigserial"}
_MAXIMA = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns:
    """Writes columns.

    :param types: of the file.
    :param sequences: by the column that they go with.
    """

    types: Types
    sequences: Mapping[str, Sequence]

    def lines(self, table: Table, properties: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of a table's columns.

        :param table: the table.
        :param properties: what they are called, by column.
        """
        alone = table.primary_key.columns[0] if table.primary_key and len(table.primary_key.columns) == 1 else ""
        for column in table.columns:
            shown, builder = properties[column.name], self.types.builder(column.type)
            sequence = self._sequence(table, column) if column.identity or column.serial else None
            if column.comment:
                yield from jsdoc(column.comment, indent="  ")
            yield from not_in_drizzle(*_losses(column, sequence, table=table), indent="  ")
            call = self._call(column, builder, "" if shown == column.name else column.name)
            primary = ".primaryKey()" if column.name == alone else ""
            rest = _identity(column, table, sequence) if column.identity else _rest(column, builder, required=not primary)
            yield f"  {key(shown)}: {call}{primary}{rest},"

    def view_lines(self, view: View, properties: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines of a view's columns.

        :param view: the view.
        :param properties: what they are called, by column.
        """
        for column in view.columns:
            builder = self.types.builder(column.type)
            named = "" if properties[column.name] == column.name else column.name
            yield from jsdoc(column.comment, indent="  ")
            yield f"  {key(properties[column.name])}: {builder.call(named)}{_array(column)},"

    def _sequence(self, table: Table, column: Column) -> Sequence | None:
        return self.sequences.get(f"{table.qualified}.{qualified(column.name)}")

    def _call(self, column: Column, builder: Builder, named: str) -> str:
        if not is_serial(column):
            return f"{builder.call(named)}{_array(column)}"
        function = _SERIALS[column.type.name]
        self.types.imports.add(function)
        return Builder(function=function, config=self.types.bigint if function == "bigserial" else "").call(named)


def _rest(column: Column, builder: Builder, *, required: bool) -> str:
    if is_serial(column):
        return ""
    given = f".generatedAlwaysAs({sql(column.expression)})" if column.generated else default(column, builder)
    return f"{given}{'.notNull()' if column.not_null and required else ''}"


def is_serial(column: Column) -> bool:
    """Whether drizzle's serial says all about a column: its values come from its own sequence and are never NULL.

    :param column: of a table.
    """
    return column.serial and column.not_null and column.type.system and column.type.name in _SERIALS


def not_in_drizzle(*texts: str, indent: str = "") -> list[str]:
    """Return comments about what the next line does not say.

    :param texts: one each.
    :param indent: what each line begins with.
    """
    return [line for text in texts for line in line_comment(f"Not in drizzle: {' '.join(text.split())}", indent=indent)]


def _array(column: Column) -> str:
    return ".array()" * max(column.dimensions, int(column.type.array))


def _losses(column: Column, sequence: Sequence | None, *, table: Table) -> Iterator[str]:
    if column.collation:
        yield f"COLLATE {column.collation}"
    if column.generated == "virtual":
        yield "that the column is VIRTUAL, computed when it is read"
    options = sequence_options(sequence, table=table, column=column) if is_serial(column) and sequence else {}
    if sequence and options:
        rest = ", ".join(f"{name}: {value}" for name, value in options.items() if name != "name")
        yield f"that its sequence is {plain(sequence.qualified)}{f' {{ {rest} }}' if rest else ''}"


def _identity(column: Column, table: Table, sequence: Sequence | None) -> str:
    function = "generatedAlwaysAsIdentity" if column.identity == "always" else "generatedByDefaultAsIdentity"
    options = sequence_options(sequence, table=table, column=column) if sequence else {}
    shown = ", ".join(f"{name}: {value}" for name, value in options.items())
    return f".{function}({f'{{ {shown} }}' if shown else ''})"


def sequence_options(sequence: Sequence, *, table: Table | None = None, column: Column | None = None) -> dict[str, str]:
    """Return the options of a sequence that are not those that drizzle-kit would take.

    :param sequence: any.
    :param table: of the column.
    :param column: that it goes with.
    """
    largest = _MAXIMA[sequence.type] if column else _MAXIMA["bigint"]
    rising = sequence.increment > 0
    minimum, maximum = (1, largest) if rising else (-largest - 1, -1)
    found: dict[str, tuple[int | str | bool, object]] = {
        "startWith": (sequence.start, sequence.minimum if rising else sequence.maximum),
        "increment": (sequence.increment, 1),
        "minValue": (sequence.minimum, minimum),
        "maxValue": (sequence.maximum, maximum),
        "cache": (sequence.cache, 1),
        "cycle": (sequence.cycle, False),
    }
    if table and column:
        found = {"name": (sequence.name, f"{table.name}_{column.name}_seq"), **found}
    return {name: _value(value) for name, (value, usual) in found.items() if value != usual}


def _value(value: int | str | bool) -> str:  # noqa: FBT001 - CYCLE is either
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 2**53 else literal(str(value))
    return literal(value)
