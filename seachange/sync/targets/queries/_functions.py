"""One query -> the lines of a typed function, for psycopg's connections of either style."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

from seachange.sync._python_names import docstring, literal
from seachange.sync.targets.queries._analysis import Known
from seachange.sync.targets.queries._annotations import Annotation

__all__ = ["Argument", "Function", "Style"]

Style = Literal["sync", "async"]

_WIDEST = 100
_SUMMARIES = {
    "many": "Return the rows.",
    "one": "Return the row, None when there is none.",
    "value": "Return the value, None when there is no row.",
    "affected": "Return how many rows it changed.",
    "returning": "Return what it wrote, None when that is nothing.",
    "each": "Run once for each of the values; return how many rows that changed.",
    "script": "Run the statements.",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Argument:
    """A parameter of the query, ``name``, under the name that it has in Python."""

    name: str
    python: str
    annotation: Annotation

    @property
    def value(self) -> str:
        """What is sent for it."""
        return wrapped(self.python, self.annotation)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function:
    """A function to be written.

    :param row: the class of its rows, empty when it returns none or bare values.
    :param columns: the annotations of the columns.
    :param item: the name of the class of one execution's values, for operator ``*!``.
    """

    known: Known
    name: str
    constant: str
    arguments: Sequence[Argument] = ()
    row: str = ""
    columns: Sequence[Annotation] = ()
    item: str = ""

    @property
    def returns(self) -> str:
        """The annotation of what it returns."""
        operation = self.known.query.operation
        if operation in ("affected", "each"):
            return "int"
        if operation == "script":
            return "None"
        one = self.row or self.columns[0].text
        if operation == "many":
            return f"list[{one}]"
        return one if self.known.one_row or one.endswith("| None") else f"{one} | None"

    def lines(self, style: Style) -> Iterator[str]:
        """Yield its lines.

        :param style: of the connections.
        """
        query = self.known.query
        yield from ("", "")
        yield from self._signature(style)
        summary = query.doc or _SUMMARIES[query.operation]
        if not query.doc and self.known.one_row:
            summary = summary.split(",")[0].rstrip(".") + "."
        yield from docstring(f"{summary}\n\n{query.file}:{query.line}", indent="    ")
        yield from (f"    {line}" for line in self._body(style))

    def _signature(self, style: Style) -> Iterator[str]:
        word, connection = ("def", "Connection") if style == "sync" else ("async def", "AsyncConnection")
        given = [f"{one.python}: {one.annotation.text}" for one in self.arguments]
        given = [f"values: Iterable[{self.item}]"] if self.item else ["*", *given] if given else []
        parts = [f"connection: {connection}[Any]", *given]
        line = f"{word} {self.name}({', '.join(parts)}) -> {self.returns}:"
        if len(line) <= _WIDEST:
            yield line
        else:
            yield from (f"{word} {self.name}(", *(f"    {part}," for part in parts), f") -> {self.returns}:")

    def _body(self, style: Style) -> Iterator[str]:
        operation = self.known.query.operation
        with_, wait = ("with", "") if style == "sync" else ("async with", "await ")
        call = f"execute({self.constant}{self._values()})"
        if operation == "script":
            yield f"{wait}connection.execute({self.constant})"
        elif operation == "affected":
            done = f"connection.{call}" if style == "sync" else f"(await connection.{call})"
            yield f"return {done}.rowcount"
        elif operation == "each":
            yield from (
                f"{with_} connection.cursor() as cursor:",
                f"    {wait}cursor.executemany({self.constant}, {self._items()})",
                "    return cursor.rowcount",
            )
        else:
            yield f"{with_} connection.cursor(row_factory={self._factory()}) as cursor:"
            yield f"    {wait}cursor.{call}"
            yield from (f"    {line}" for line in self._fetched(wait))

    def _fetched(self, wait: str) -> Iterator[str]:
        if self.known.query.operation == "many":
            yield f"return {wait}cursor.fetchall()"
        elif not self.known.one_row:
            yield f"return {wait}cursor.fetchone()"
        elif self.row or self.columns[0].array:
            yield f"return ({wait}cursor.fetchall())[0]" if wait else "return cursor.fetchall()[0]"
        else:
            # A bare value has no type of its own for a type checker.
            yield f"_rows: list[{self.columns[0].text}] = {wait}cursor.fetchall()"
            yield "return _rows[0]"

    def _factory(self) -> str:
        arrays = {place: column.array for place, column in enumerate(self.columns) if column.array}
        if not arrays:
            return f"args_row({self.row})" if self.row else "scalar_row"
        made = self.row or "value_of"
        given = ", ".join(f"{place}: {oid}" for place, oid in arrays.items())
        return f"args_row(with_arrays({made}, {{{given}}}))"

    def _values(self) -> str:
        if not self.arguments:
            return ""
        return ", {" + ", ".join(f"{literal(one.name)}: {one.value}" for one in self.arguments) + "}"

    def _items(self) -> str:
        wraps = [one for one in self.arguments if one.annotation.wrapper]
        if not wraps:
            return "values"
        changed = ", ".join(f"{literal(one.name)}: {wrapped(f'one[{literal(one.name)}]', one.annotation)}" for one in wraps)
        return f"({{**one, {changed}}} for one in values)"


def wrapped(value: str, annotation: Annotation) -> str:
    """Return the expression that is sent for a value.

    :param value: an expression.
    :param annotation: of the parameter.
    """
    if not annotation.wrapper:
        return value
    text = f"[{annotation.wrapper}(each) for each in {value}]" if annotation.each else f"{annotation.wrapper}({value})"
    return f"None if {value} is None else {text}" if annotation.text.endswith("| None") else text
