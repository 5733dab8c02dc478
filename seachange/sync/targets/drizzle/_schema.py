"""schema.ts: schemas, enums, sequences, custom types, tables and views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from seachange.sync._typescript import camel_case, jsdoc, line_comment, literal
from seachange.sync.model import Schema, Sequence, Table, View
from seachange.sync.target import header
from seachange.sync.targets.drizzle._columns import Columns, is_serial, not_in_drizzle, sequence_options
from seachange.sync.targets.drizzle._extras import Extras
from seachange.sync.targets.drizzle._names import Naming, is_described
from seachange.sync.targets.drizzle._options import Options
from seachange.sync.targets.drizzle._sql import one_line, plain, sql
from seachange.sync.targets.drizzle._types import Types

__all__ = ["schema_file"]


def schema_file(schema: Schema, naming: Naming, options: Options) -> str:
    """Return the text of schema.ts.

    :param schema: what it describes.
    :param naming: what everything is called.
    :param options: of the target.
    """
    return _File(schema, naming, options).text()


class _File:
    def __init__(self, schema: Schema, naming: Naming, options: Options) -> None:
        self._schema = schema
        self._naming = naming
        self._types = Types(schema, self._naming, options)
        self._imports = self._types.imports
        self._columns = Columns(types=self._types, sequences={one.owned_by: one for one in schema.sequences if one.owned_by})
        self._extras = Extras(schema=schema, naming=self._naming, imports=self._imports)
        self._tables = [one for one in schema.tables if is_described(one, options)]
        columns = [column for table in self._tables for column in table.columns]
        self._used = {column.sequence for column in columns if column.serial and not is_serial(column)}

    def text(self) -> str:
        """Return the whole file."""
        rest = [
            *self._schemas(),
            *self._enums(),
            *self._sequences(),
            *(block for table in self._tables for block in self._table(table)),
            *(block for view in _after_used(self._schema.views) for block in self._view(view)),
        ]
        # Without any export it would be no module.
        rest += [self._elsewhere()] if rest else ["export {};", self._elsewhere()]
        customs = self._types.declarations()
        head = "\n".join(line_comment("\n".join(header(self._schema, target="drizzle"))))
        body = "\n\n".join(block for block in ("\n".join(customs), *rest) if block)
        imports = []
        if "sql`" in body:
            imports.append('import { sql } from "drizzle-orm";')
        if self._imports:
            names = ", ".join(sorted(self._imports, key=lambda name: name.removeprefix("type ").casefold()))
            imports.append(f'import {{ {names} }} from "drizzle-orm/pg-core";')
        return "\n\n".join(part for part in (head, "\n".join(imports), body) if part) + "\n"

    def _schemas(self) -> Iterator[str]:
        for name, constant in self._naming.schemas.items():
            self._imports.add("pgSchema")
            lines = [*jsdoc(self._schema.comments.get(name, "")), f"export const {constant} = pgSchema({literal(name)});"]
            yield "\n".join(lines)

    def _function(self, schema: str, plain_name: str, method: str) -> str:
        if schema in self._naming.schemas:
            return f"{self._naming.schemas[schema]}.{method}"
        self._imports.add(plain_name)
        return plain_name

    def _enums(self) -> Iterator[str]:
        for enum in self._schema.enums:
            function = self._function(enum.schema, "pgEnum", "enum")
            labels = ", ".join(map(literal, enum.labels))
            call = f"{function}({literal(enum.name)}, [{labels}])"
            yield "\n".join([*jsdoc(enum.comment), f"export const {self._naming.enums[enum.key]} = {call};"])

    def _sequences(self) -> Iterator[str]:
        for sequence in self._schema.sequences:
            if not sequence.owned_by or sequence.qualified in self._used:
                yield "\n".join(self._sequence(sequence))

    def _sequence(self, sequence: Sequence) -> Iterator[str]:
        options = ", ".join(f"{name}: {value}" for name, value in sequence_options(sequence).items())
        call = self._function(sequence.schema, "pgSequence", "sequence")
        yield from jsdoc(sequence.comment)
        yield from not_in_drizzle(*([f"AS {sequence.type}"] if sequence.type != "bigint" else []))
        name = self._naming.sequences[sequence.key]
        yield f"export const {name} = {call}({literal(sequence.name)}{f', {{ {options} }}' if options else ''});"

    def _table(self, table: Table) -> Iterator[str]:
        constant = self._naming.relations[table.key]
        extras = self._extras.lines(table)
        function = self._function(table.schema, "pgTable", "table")
        lines = [*jsdoc(table.comment), *not_in_drizzle(*_table_losses(table))]
        lines.append(f"export const {constant} = {function}({literal(table.name)}, {{")
        lines += self._columns.lines(table, self._naming.properties[table.key])
        if any(not line.lstrip().startswith(("//", "/*", "*")) for line in extras):
            self._imports.add("type PgTableExtraConfigValue")
            lines += ["}, (table): PgTableExtraConfigValue[] => [", *extras]
            end = "])"
        else:
            lines += extras
            end = "})"
        yield "\n".join([*lines, f"{end}{'.enableRLS()' if table.row_security else ''};", *self._row_types(table)])

    def _row_types(self, one: Table | View) -> list[str]:
        constant, base = self._naming.relations[one.key], self._naming.types[one.key]
        lines = [f"export type {base}Select = typeof {constant}.$inferSelect;"]
        if isinstance(one, Table):
            lines.append(f"export type {base}Insert = typeof {constant}.$inferInsert;")
        return lines

    def _view(self, view: View) -> Iterator[str]:
        constant, materialized = self._naming.relations[view.key], view.kind == "materialized view"
        function = self._function(
            view.schema,
            "pgMaterializedView" if materialized else "pgView",
            "materializedView" if materialized else "view",
        )
        lines = [*jsdoc(view.comment), *not_in_drizzle(*(plain(index.definition) for index in view.indexes))]
        lines.append(f"export const {constant} = {function}({literal(view.name)}, {{")
        lines += self._columns.view_lines(view, self._naming.properties[view.key])
        options = f".with({_options(view)})" if view.options else ""
        yield "\n".join([*lines, f"}}){options}.as({sql(one_line(view.text or view.definition))});", *self._row_types(view)])

    def _elsewhere(self) -> str:
        """Return a comment about the objects that drizzle has no words for at all."""
        kinds: Mapping[str, Iterable[str]] = {
            "extensions": self._schema.extensions,
            "domains": [plain(one.qualified) for one in self._schema.domains],
            "composite types": [plain(one.qualified) for one in self._schema.composites],
            "range types": [plain(one.qualified) for one in self._schema.ranges],
            "functions": [f"{plain(one.qualified)}({plain(one.arguments)})" for one in self._schema.functions],
            "triggers": [f"{one.name} on {plain(table.qualified)}" for table in self._tables for one in table.triggers],
        }
        texts = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
        return "\n".join(not_in_drizzle(*texts))


def _table_losses(table: Table) -> Iterator[str]:
    if table.partition_key:
        yield f'PARTITION BY {plain(table.partition_key)}; drizzle-kit overlooks it, so have "!{table.name}" in its tablesFilter'
    if table.partition_of:
        yield f"a partition of {'.'.join(table.partition_of)} {table.partition_bound}"
    if table.inherits:
        yield f"INHERITS ({', '.join(map(plain, table.inherits))})"
    if table.kind == "foreign table":
        yield f"a foreign table of the server {table.server}"
    if table.unlogged:
        yield "UNLOGGED"
    if table.force_row_security:
        yield "FORCE ROW LEVEL SECURITY"
    if table.policies and not table.row_security:
        yield "that row level security is off: with policies, drizzle-kit turns it on"


def _options(view: View) -> str:
    pairs = [option.partition("=") for option in view.options]
    return f"{{ {', '.join(f'{camel_case(name)}: {_option(value)}' for name, _, value in pairs)} }}"


def _option(value: str) -> str:
    return value if value in ("true", "false") or value.isdecimal() else literal(value)


def _after_used(views: Iterable[View]) -> list[View]:
    """Return the views, each after those that it reads."""
    waiting = {view.key: view for view in views}
    ordered: dict[tuple[str, str], View] = {}

    def put(view: View) -> None:
        if waiting.pop(view.key, None) is not None:
            for used in view.uses:
                if used in waiting:
                    put(waiting[used])
            ordered[view.key] = view

    for view in tuple(waiting.values()):
        put(view)
    return list(ordered.values())
