"""Queries with what is known of them -> the modules of a package."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seachange.sync._python_names import Names, docstring
from seachange.sync._python_types import JSON, imports
from seachange.sync.model import Schema
from seachange.sync.target import header
from seachange.sync.targets.queries import _classes as classes
from seachange.sync.targets.queries._analysis import Known, Value
from seachange.sync.targets.queries._annotations import Annotations
from seachange.sync.targets.queries._catalog import Catalogue
from seachange.sync.targets.queries._functions import Argument, Function, Style
from seachange.sync.targets.queries._sql import to_driver

__all__ = ["SUPPORT", "Package"]

#: The module that the others share.
SUPPORT = "_types"

_LOCAL = frozenset({"connection", "cursor", "values", "one", "each", "_rows"})
_HEAD = ("", "# ruff: noqa", "# fmt: off", "", "from __future__ import annotations")
_STYLES = {"sync": "psycopg's connections", "async": "psycopg's asynchronous connections"}
_WITH_ROWS = ("many", "one", "returning")

_WITH_ARRAYS = '''

_Made = TypeVar("_Made")


def value_of(value: Any) -> Any:
    """Return a value as it is."""
    return value


def with_arrays(make: Callable[..., _Made], arrays: Mapping[int, int]) -> Callable[..., _Made]:
    """Return what makes rows and reads the arrays of types that psycopg was not told of: it leaves them as text."""
    readers = {place: Transformer().get_loader(oid, Format.TEXT).load for place, oid in arrays.items()}

    def made(*values: Any) -> _Made:
        return make(
            *(
                readers[place](value.encode()) if place in readers and isinstance(value, str) else value
                for place, value in enumerate(values)
            )
        )

    return made'''


class Package:
    """The texts of one package of queries.

    :param schema: for the headers.
    :param catalogue: of the server.
    :param known: the queries of each module by its name in the package, such as ``reports/daily``.
    """

    def __init__(self, schema: Schema, catalogue: Catalogue, known: Mapping[str, Sequence[Known]]) -> None:
        self._known = known
        self._catalogue = catalogue
        names = Names(classes.TAKEN)
        self._annotations = Annotations(catalogue, names)
        every = [one for queries in known.values() for one in queries]
        self._annotations.name_enums(value.type for one in every for value in (*one.parameters, *one.columns))
        tables = {table for one in every if (table := self._whole_table(one))}
        found = sorted((catalogue.relation(oid) for oid in tables), key=lambda one: (one.schema, one.name))
        self._tables = {one.oid: names.of_class(*_prefix(one.schema), one.name, "row") for one in found}
        self._header = header(schema, target="queries", command="db.generate")

    def title(self, text: str) -> list[str]:
        """Return the docstring of a module with the header of an artefact.

        :param text: what the module is.
        """
        return docstring("\n".join([text, "", *self._header]))

    def module(self, name: str, *, style: Style, first: str = "") -> str:
        """Return the text of a module.

        :param name: of the module.
        :param style: of its functions.
        :param first: the module that has its rows and the texts of its queries already.
        """
        queries = self._known[name]
        names = Names({*classes.TAKEN, *self._annotations.labels, *self._tables.values()})
        called = [names.of_field(one.query.name) for one in queries]
        functions = [self._function(one, function, names) for one, function in zip(queries, called, strict=True)]
        own = sorted({one.row for one in functions if one.row} - set(self._tables.values()))
        items = sorted(one.item for one in functions if one.item)
        imported: dict[str, list[str]] = defaultdict(list)
        annotations = [one.returns for one in functions] + [each.annotation.text for one in functions for each in one.arguments]
        defined: list[str] = []
        if first:
            imported[f".{first}"] += [*own, *items, *(one.constant for one in functions)]
        else:
            annotations += [column.text for one in functions if one.row in own for column in one.columns]
            imported["typing"] += ["Final", *(["TypedDict"] if items else [])]
            defined = [line for one in functions for line in self._defined(one, own=own)]
        body = [line for one in functions for line in one.lines(style)]
        imported["psycopg"].append("Connection" if style == "sync" else "AsyncConnection")
        imported["typing"].append("Any")
        imported["collections.abc"] += ["Iterable"] if items else []
        imported["psycopg.rows"] += [
            one for one in ("args_row", "scalar_row") if any(f"row_factory={one}" in line for line in body)
        ]
        support = {*self._annotations.labels, *self._tables.values(), "Json"} & _words(annotations)
        support |= {
            one for one in ("with_arrays", "value_of") if any(f"{one}(" in line or f"({one}, {{" in line for line in body)
        }
        imported["." * (name.count("/") + 1) + SUPPORT] += support
        title = self.title(f"Queries of {queries[0].query.file} for {_STYLES[style]}.")
        lines = [*title, *_HEAD, *classes.from_imports(imported, self._modules(annotations, [*body, *defined]))]
        offered = [*own, *items, *(support & set(self._tables.values())), *(one.name for one in functions)]
        return _tidied([*lines, *classes.listed(offered), *defined, *body])

    def support(self) -> str:
        """Return the text of the module that the others share: enums, rows of whole tables, what reads arrays."""
        body = [line for name, labels in self._annotations.labels.items() for line in ("", *classes.enum(name, labels))]
        annotations: list[str] = []
        for oid, name in self._tables.items():
            table = self._catalogue.relation(oid)
            values = [
                Value(name=one.name, type=one.type, nullable=self._is_nullable(one.not_null, one.type)) for one in table.columns
            ]
            fields = [(one.name, self._annotations.column(one.type, nullable=one.nullable).text) for one in values]
            annotations += [annotation for _, annotation in fields]
            doc = f"A row of {table.schema}.{table.name}."
            body += classes.row_class(name, fields, doc=doc, names=self._annotations.labels)
        values = [value for queries in self._known.values() for one in queries for value in one.columns]
        arrays = any(self._annotations.column(value.type, nullable=False).array for value in values)
        text = [self._annotations.column(value.type, nullable=False).text for value in values] + [
            self._annotations.parameter(value.type, nullable=False).text
            for queries in self._known.values()
            for one in queries
            for value in one.parameters
        ]
        body = ([JSON] if "Json" in _words([*annotations, *text]) else []) + body
        imported: dict[str, list[str]] = defaultdict(list)
        if arrays:
            imported |= {"collections.abc": ["Callable", "Mapping"], "psycopg.adapt": ["Transformer"], "psycopg.pq": ["Format"]}
            imported["typing"] += ["Any", "TypeVar"]
            body += _WITH_ARRAYS.split("\n")
        imported["typing"] += [
            word for word in ("Literal", "TypeAlias") if any(f"{word}[" in one or f": {word} " in one for one in body)
        ]
        title = self.title("What the modules of queries share.")
        lines = [*title, *_HEAD, *classes.from_imports(imported, self._modules(annotations, body)), "", *body]
        return _tidied(lines)

    def _function(self, known: Known, name: str, names: Names) -> Function:
        locals_ = Names(_LOCAL)
        arguments = [
            Argument(
                name=value.name,
                python=locals_.of_field(value.name),
                annotation=self._annotations.parameter(value.type, nullable=value.nullable),
            )
            for value in known.parameters
        ]
        query = known.query
        rows = query.operation in _WITH_ROWS and not (query.operation == "returning" and len(known.columns) == 1)
        row = (self._tables.get(self._whole_table(known)) or names.of_class(query.name, "row")) if rows else ""
        return Function(
            known=known,
            name=name,
            constant=names.of_field(f"{name.upper()}_SQL"),
            arguments=arguments,
            row=row,
            columns=[self._annotations.column(value.type, nullable=value.nullable) for value in known.columns]
            if query.operation not in ("affected", "each", "script")
            else [],
            item=names.of_class(query.name, "values") if query.operation == "each" else "",
        )

    def _defined(self, function: Function, *, own: Sequence[str]) -> Iterator[str]:
        query = function.known.query
        casts = {one.name: one.annotation.cast for one in function.arguments if one.annotation.cast}
        sql = query.sql if query.operation == "script" else to_driver(function.known.sql, casts=casts)
        yield from classes.sql_text(function.constant, sql)
        if function.row in own:
            fields = [(value.name, one.text) for value, one in zip(function.known.columns, function.columns, strict=True)]
            yield from classes.row_class(
                function.row, fields, doc=f"A row of {query.name}.", names={*self._annotations.labels, *self._tables.values()}
            )
        if function.item:
            items = [(one.name, one.annotation.text) for one in function.arguments]
            yield from classes.item_class(function.item, items, doc=f"The values of one execution of {query.name}.")

    def _modules(self, annotations: Iterable[str], body: Iterable[str]) -> list[str]:
        lines = list(body)
        code = [*annotations, *(line for line in lines if line.startswith("@_dataclasses."))]
        found = list(imports("\n".join(code)))
        if any("_json.Json" in line for line in lines):
            found.append("import psycopg.types.json as _json")
        return sorted(found)

    def _whole_table(self, known: Known) -> int:
        """Return the OID of the table whose rows a query returns as they are, 0 for another query."""
        first = known.columns[0].relation if known.columns else 0
        if not first or known.query.operation not in _WITH_ROWS or len(known.columns) == 1:
            return 0
        table = self._catalogue.relation(first)
        as_table = [(first, one.number, one.name, self._is_nullable(one.not_null, one.type)) for one in table.columns]
        as_query = [(one.relation, one.attribute, one.name, one.nullable) for one in known.columns]
        return first if table.kind in "rpf" and as_table == as_query else 0

    def _is_nullable(self, not_null: object, oid: int) -> bool:
        return not (not_null or self._catalogue.refuses_null(oid))


def _prefix(schema: str) -> tuple[str, ...]:
    return () if schema == "public" else (schema,)


def _tidied(lines: Iterable[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if line or kept[-2:] != ["", ""]:
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"


def _words(texts: Iterable[str]) -> set[str]:
    return set(re.findall(r"\w+", " ".join(texts)))
