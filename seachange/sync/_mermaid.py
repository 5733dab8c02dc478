"""Tables and foreign keys as Mermaid entity-relationship diagrams, in the small language that every renderer takes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from seachange.postgres.catalog import Catalog, Column, Constraint, Table, short_type

__all__ = ["diagrams"]

# Mermaid refuses more than 50,000 characters and 500 edges (maxTextSize, maxEdges); renderers keep these defaults.
_MOST_CHARACTERS = 45_000
_MOST_EDGES = 450

_ENTITIES = {"#": "#35;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "~": "#126;"}

_Name = tuple[str, str]


def diagrams(catalog: Catalog) -> tuple[str, ...]:
    """Return the diagrams of a schema: one, or several when one would be too large for Mermaid.

    Partitions are part of their table and not drawn.

    :param catalog: the schema.
    """
    tables = [table for table in catalog.tables if not table.partition_bound]
    names = _entity_names(tables)
    blocks = [_Block(table, names) for table in tables]
    return tuple("\n".join(["erDiagram", *lines]) for lines in _packed(blocks))


class _Block:
    """What one table adds to a diagram: its entity, and the lines to the tables that it refers to."""

    def __init__(self, table: Table, names: Mapping[_Name, str]) -> None:
        self.entity = list(_entity(table, names[table.schema, table.name]))
        self.edges = [_edge(table, key, names) for key in table.foreign_keys]
        self.size = sum(len(line) + 1 for line in (*self.entity, *self.edges))


def _packed(blocks: Sequence[_Block]) -> Iterator[list[str]]:
    packed: list[_Block] = []
    edges = size = 0
    for block in blocks:
        if packed and (edges + len(block.edges) > _MOST_EDGES or size + block.size > _MOST_CHARACTERS):
            yield _lines(packed)
            packed, edges, size = [], 0, 0
        packed.append(block)
        edges, size = edges + len(block.edges), size + block.size
    if packed:
        yield _lines(packed)


def _lines(blocks: Sequence[_Block]) -> list[str]:
    return [*(line for block in blocks for line in block.entity), *(edge for block in blocks for edge in block.edges)]


def _entity_names(tables: Iterable[Table]) -> dict[_Name, str]:
    names: dict[_Name, str] = {}
    referenced = [(key.references_schema, key.references_table) for table in tables for key in table.foreign_keys]
    taken: set[str] = set()
    for schema, name in dict.fromkeys([*((table.schema, table.name) for table in tables), *referenced]):
        wanted = _quotable(name if schema == "public" else f"{schema}.{name}")
        names[schema, name] = _unused(wanted, taken)
    return names


def _unused(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted} ({number})", number + 1
    taken.add(name)
    return name


def _quotable(text: str) -> str:
    # What the lexer allows between the quotes of an entity.
    return _without_statements(re.sub(r"[%\\`\x00-\x1f]", "_", text.replace('"', "'")))


def _entity(table: Table, name: str) -> Iterator[str]:
    primary = set(table.primary_key.columns) if table.primary_key else set()
    foreign = {column for key in table.foreign_keys for column in key.columns}
    unique = {columns[0] for columns in table.unique_keys if len(columns) == 1} - primary
    yield f'    "{name}" {{'
    for column in table.columns:
        marks = [mark for mark, columns in (("PK", primary), ("FK", foreign), ("UK", unique)) if column.name in columns]
        yield f"        {_attribute(column, marks)}"
    yield "    }"


def _attribute(column: Column, marks: Sequence[str]) -> str:
    name = _word(column.name)
    shown = [column.name] if name != column.name else []
    comment = _quoted(" ".join([*shown, column.comment]))
    return " ".join([_type(column), name, *([", ".join(marks)] if marks else []), *([f'"{comment}"'] if comment else [])])


def _type(column: Column) -> str:
    text = short_type(column.type)
    if column.type_ref.schema == "public":
        text = text.removeprefix("public.")
    return _word(text.replace(", ", ",").replace('"', ""), also="[](),")


def _word(text: str, *, also: str = "") -> str:
    word = re.sub(rf"\s|[^A-Za-z0-9_\u00c0-\uffff{re.escape(also)}]", "_", text)
    # The keys PK, FK and UK are keywords wherever they stand alone, and a word begins with a letter.
    return f"_{word}" if re.match(r"(?i)(pk|fk|uk)(?![A-Za-z0-9_])|[^A-Za-z_\u00c0-\uffff]|$", word) else word


def _quoted(text: str) -> str:
    # Mermaid's own entities, because these texts become HTML. %%{ would be a directive, ``` the end of the fence; two tildes
    # make a generic type of what stands around them, quotes included.
    text = re.sub('[#<>"~]', lambda found: _ENTITIES[found[0]], " ".join(text.split()))
    return _without_statements(re.sub("%%+", "%", text.replace("`", "'")))


def _without_statements(text: str) -> str:
    # The lexer takes any line with these words for a statement, even when they stand between quotes.
    return re.sub(r"(?i)(direction)\s+(?=tb|bt|lr|rl)", r"\1_", text)


def _edge(table: Table, key: Constraint, names: Mapping[_Name, str]) -> str:
    columns = {column.name: column for column in table.columns}
    optional = any(not columns[name].not_null for name in key.columns)
    single = any(set(unique) <= set(key.columns) for unique in table.unique_keys)
    primary = set(table.primary_key.columns) if table.primary_key else set()
    line = "--" if set(key.columns) <= primary else ".."
    parent, child = names[key.references_schema, key.references_table], names[table.schema, table.name]
    label = _quoted(", ".join(key.columns))
    return f'    "{parent}" {"|o" if optional else "||"}{line}{"o|" if single else "o{"} "{child}" : "{label}"'
