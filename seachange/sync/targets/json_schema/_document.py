"""A schema -> one document of JSON Schema, with a definition for each row, insert, update and type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from seachange.sync.model import Column, Schema, Table, View
from seachange.sync.target import header
from seachange.sync.targets.json_schema._values import Values, nullable

__all__ = ["describe_json"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_dumped = json.JSONEncoder(ensure_ascii=False).encode


def describe_json(schema: Schema) -> str:
    """Return a document whose ``$defs`` describe the JSON that PostgreSQL makes of rows, and of values for new and changed rows.

    Partitions have the rows of their table and get no definition.

    :param schema: the schema.
    """
    values = Values(schema=schema)
    tables = [table for table in schema.tables if not table.is_partition]
    relations: list[Table | View] = sorted([*tables, *schema.views], key=lambda relation: relation.key)
    rows = [definition for relation in relations for definition in _relation(schema, values, relation)]
    types = {
        **{one.qualified: values.of_enum(one) for one in schema.enums},
        **{one.qualified: values.of_domain(one) for one in schema.domains},
        **{one.qualified: values.of_composite(one) for one in schema.composites},
    }
    types |= values.arrays
    definitions = [*rows, *(f"{_dumped(name)}: {_dumped(types[name])}" for name in sorted(types))]
    return "\n".join(_lines(schema, definitions)) + "\n"


def _lines(schema: Schema, definitions: Sequence[str]) -> Iterator[str]:
    yield from ("{", f'  "$schema": "{_DIALECT}",')
    yield f'  "$comment": {_dumped(chr(10).join(header(schema, target="jsonschema")))},'
    yield f'  "$defs": {{{"" if definitions else "}"}'
    yield from (f"    {one}{',' if number < len(definitions) else ''}" for number, one in enumerate(definitions, 1))
    yield from ("  }", "}") if definitions else ("}",)


def _relation(schema: Schema, values: Values, relation: Table | View) -> Iterator[str]:
    described = {column.name: _property(values, column) for column in relation.columns}
    texts = {name: _dumped(value) for name, value in described.items()}
    read = {column.name: _read_only(column, described, texts) for column in relation.columns}
    yield _object(relation, "row", read, required=list(read))
    if isinstance(relation, Table):
        given = [column for column in relation.columns if column.insertable]
        written = {column.name: texts[column.name] for column in given}
        yield _object(relation, "insert", written, required=[one.name for one in given if not _may_be_missing(schema, one)])
        yield _object(relation, "update", written, required=[])


def _property(values: Values, column: Column) -> dict[str, Any]:
    value = values.of(column.type)
    comment = {"description": column.comment} if column.comment else {}
    return {**(nullable(value) if column.nullable else value), **comment}


def _read_only(column: Column, described: dict[str, dict[str, Any]], texts: dict[str, str]) -> str:
    return texts[column.name] if column.insertable else _dumped({**described[column.name], "readOnly": True})


def _may_be_missing(schema: Schema, column: Column) -> bool:
    return column.nullable or column.filled or any(domain.default for domain in schema.domains_of(column.type))


def _object(relation: Table | View, form: str, properties: dict[str, str], *, required: Sequence[str]) -> str:
    lines = [f"{_dumped(f'{relation.qualified}.{form}')}: {{", '  "type": "object",']
    if relation.comment:
        lines.append(f'  "description": {_dumped(relation.comment)},')
    lines.append('  "properties": {' if properties else '  "properties": {},')
    if properties:
        lines += [f"    {_dumped(name)}: {text}," for name, text in properties.items()]
        lines[-1] = lines[-1][:-1]
        lines.append("  },")
    lines += [f'  "required": [{", ".join(map(_dumped, required))}],'] if required else []
    return "\n    ".join([*lines, '  "additionalProperties": false', "}"])
