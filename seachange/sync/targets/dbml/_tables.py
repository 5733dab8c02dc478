"""Tables in DBML, and what it has no word for."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync.model import Column, Index, IndexPart, Schema, Table
from seachange.sync.targets.dbml._enums import Labels
from seachange.sync.targets.dbml._words import comment, named, settings, text, type_name, value

__all__ = ["left_out", "table_lines"]


def table_lines(table: Table, labels: Labels) -> Iterator[str]:
    """Yield the lines of a table.

    :param table: the table; it has columns.
    :param labels: of the enums.
    """
    yield f"Table {named(table.schema, table.name)}{settings(note=_note(table))} {{"
    for column in table.columns:
        yield f"  {named(column.name)} {type_name(column.type)}{_settings(column, table, labels)}"
    indexes = [*_keys(table), *map(_index, table.indexes)]
    if indexes:
        yield from ("", "  indexes {", *(f"    {line}" for line in indexes), "  }")
    checks = [f"    `{one.expression}`{settings(name=one.name)}" for one in table.checks if "`" not in one.expression]
    if checks:
        yield from ("", "  checks {", *checks, "  }")
    yield from ("}", "")


def _note(table: Table) -> str:
    parts = [table.comment, f"partitioned by {table.partition_key}" if table.partition_key else ""]
    parts += [f"{one.name}: {one.definition}" for one in table.exclusions]
    return "\n".join(filter(None, parts))


def _settings(column: Column, table: Table, labels: Labels) -> str:
    primary = table.primary_key.columns if table.primary_key else ()
    generated = f"generated always as ({column.expression}) {column.generated}" if column.generated else ""
    counted = bool(column.identity) or column.serial
    words = [
        "pk" if primary == (column.name,) else "",
        "increment" if counted else "",
        "not null" if column.not_null and primary != (column.name,) else "",
        "unique" if any(key.columns == (column.name,) for key in table.unique_keys) else "",
        f"default: {_default(column, labels)}" if column.default and not counted else "",
    ]
    return settings(*words, note="\n".join(filter(None, (column.comment, generated))))


def _default(column: Column, labels: Labels) -> str:
    if column.type.kind == "enum" and not column.type.array and column.default.startswith("''::"):
        return text(labels.empty.get(column.type.key, ""))
    return value(column.default)


def _keys(table: Table) -> Iterator[str]:
    # Those of one column are settings of the column.
    if table.primary_key and len(table.primary_key.columns) > 1:
        yield f"{_columns(table.primary_key.columns)}{settings('pk', name=table.primary_key.name)}"
    for key in table.unique_keys:
        if len(key.columns) > 1:
            yield f"{_columns(key.columns)}{settings('unique', name=key.name)}"


def _columns(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(named, names))})"


def _index(index: Index) -> str:
    parts = [_part(part) for part in index.parts]
    # DBML takes a column once.
    parts = [part if part not in parts[:number] else f"`{part[1:-1]}`" for number, part in enumerate(parts)]
    listed = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
    note = "\n".join(filter(None, (index.comment, _more(index))))
    return f"{listed}{settings('unique' if index.unique else '', f'type: {_method(index)}', name=index.name, note=note)}"


def _method(index: Index) -> str:
    return index.method if index.method.isidentifier() else named(index.method)


def _part(part: IndexPart) -> str:
    # Nothing escapes a backquote there; the note has the definition as it is.
    return named(part.column) if part.column else f"`{part.expression.replace('`', chr(39))}`"


def _more(index: Index) -> str:
    # DBML's indexes have no directions, operator classes, further columns or conditions.
    odd = any(
        part.descending or part.nulls_first or part.operator_class or part.collation or "`" in part.expression
        for part in index.parts
    )
    if not (odd or index.include or index.predicate or index.nulls_not_distinct or not index.valid):
        return ""
    _, _, definition = index.definition.partition(" USING ")
    return f"{definition or index.definition}{'' if index.valid else ' (invalid)'}"


def left_out(schema: Schema) -> Iterator[str]:
    """Yield comments about what is not there because DBML has no word for it.

    :param schema: the schema.
    """
    for table in schema.tables:
        if not table.columns and not table.is_partition:
            yield comment(f"table {table.qualified} has no columns, which DBML does not take")
    for view in schema.views:
        yield comment(f"{view.kind} {view.qualified} is no table of DBML")
