"""Tables and foreign keys as Mermaid entity-relationship diagrams, in the small language that every renderer takes."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from seachange.sync._groups import connected
from seachange.sync.model import Column, ForeignKey, Schema, Table

__all__ = ["Diagram", "diagrams", "neighbourhood"]

# Mermaid refuses more than 50,000 characters and 500 edges (maxTextSize, maxEdges); renderers keep these defaults.
_MOST_CHARACTERS = 45_000
_MOST_EDGES = 450
# Of one table, so that its lines to others have room.
_MOST_OF_A_TABLE = 30_000

_ENTITIES = {"#": "#35;", "<": "#lt;", ">": "#gt;", '"': "#quot;", "~": "#126;"}

_Name = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagram:
    """A diagram of the tables of ``schema``, one of several where Mermaid would refuse them together."""

    schema: str
    text: str


def diagrams(schema: Schema) -> tuple[Diagram, ...]:
    """Return the diagrams: one for each schema that has tables, or several when one would be too large for Mermaid.

    Tables that foreign keys connect stay together as long as they fit. Partitions are part of their table and not drawn.

    :param schema: the schema.
    """
    tables = [table for table in schema.tables if not table.is_partition]
    names = _entity_names(tables)
    by_schema: dict[str, list[Table]] = {}
    for table in tables:
        by_schema.setdefault(table.schema, []).append(table)
    return tuple(
        Diagram(schema=name, text=_drawing(lines))
        for name, own in by_schema.items()
        for lines in _packed([[_Block(table, names) for table in group] for group in connected(own)])
    )


def neighbourhood(table: Table, schema: Schema) -> str:
    """Return the diagram of a table with those that it refers to and that refer to it.

    :param table: the table.
    :param schema: where the others are found.
    """
    referring = [(one, key) for one, key in schema.referring.get(table.key, ()) if not one.is_partition and one.key != table.key]
    names = _entity_names([table, *(one for one, _ in referring)])
    edges = [_edge(table, key, names) for key in table.foreign_keys]
    edges += [_edge(one, key, names) for one, key in referring]
    keep = {column for _, key in schema.referring.get(table.key, ()) for column in key.references_columns}
    keep |= {column for key in table.foreign_keys for column in key.columns}
    keep |= set(table.primary_key.columns) if table.primary_key else set()
    return _drawing([*_entity(table, names[table.key], only=keep), *edges[:_MOST_EDGES]])


def _drawing(lines: Iterable[str]) -> str:
    return "\n".join(["erDiagram", *lines])


class _Block:
    """What one table adds to a diagram: its entity, and the lines to the tables that it refers to."""

    def __init__(self, table: Table, names: Mapping[_Name, str]) -> None:
        self.key = table.key
        self.entity = _shortened(list(_entity(table, names[table.key])))
        self.edges = [_edge(table, key, names) for key in table.foreign_keys]
        self.size = sum(len(line) + 1 for line in (*self.entity, *self.edges))


def _shortened(entity: list[str]) -> list[str]:
    size = 0
    for number, line in enumerate(entity):
        size += len(line) + 1
        if size > _MOST_OF_A_TABLE:
            return [*entity[:number], f'        more columns "and {len(entity) - 1 - number} more"', entity[-1]]
    return entity


def _packed(groups: Iterable[Sequence[_Block]]) -> Iterator[list[str]]:
    page = _Page()
    for group in groups:
        if page.blocks and not page.takes(group):
            yield page.lines()
            page = _Page()
        for block in group:
            if page.blocks and not page.takes([block]):
                yield page.lines()
                page = _Page()
            page.add(block)
    if page.blocks:
        yield page.lines()


class _Page:
    """A diagram as it fills."""

    def __init__(self) -> None:
        self.blocks: list[_Block] = []
        self.edges = self.size = 0

    def takes(self, blocks: Sequence[_Block]) -> bool:
        edges, size = sum(len(block.edges) for block in blocks), sum(block.size for block in blocks)
        return self.edges + edges <= _MOST_EDGES and self.size + size <= _MOST_CHARACTERS

    def add(self, block: _Block) -> None:
        self.blocks.append(block)
        self.edges, self.size = self.edges + len(block.edges), self.size + block.size

    def lines(self) -> list[str]:
        blocks = sorted(self.blocks, key=lambda block: block.key)
        return [*(line for block in blocks for line in block.entity), *(edge for block in blocks for edge in block.edges)]


def _entity_names(tables: Iterable[Table]) -> dict[_Name, str]:
    names: dict[_Name, str] = {}
    tables = list(tables)
    referenced = [key.references for table in tables for key in table.foreign_keys]
    taken: set[str] = set()
    for schema, name in dict.fromkeys([*(table.key for table in tables), *referenced]):
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


def _entity(table: Table, name: str, *, only: Collection[str] | None = None) -> Iterator[str]:
    primary = set(table.primary_key.columns) if table.primary_key else set()
    foreign = {column for key in table.foreign_keys for column in key.columns}
    unique = {key.columns[0] for key in table.unique_keys if len(key.columns) == 1} - primary
    yield f'    "{name}" {{'
    for column in table.columns:
        if only is None or column.name in only:
            marks = [mark for mark, columns in (("PK", primary), ("FK", foreign), ("UK", unique)) if column.name in columns]
            yield f"        {_attribute(column, marks)}"
    yield "    }"


def _attribute(column: Column, marks: Sequence[str]) -> str:
    name = _word(column.name)
    shown = [column.name] if name != column.name else []
    comment = _quoted(" ".join([*shown, column.comment]))
    return " ".join([_type(column), name, *([", ".join(marks)] if marks else []), *([f'"{comment}"'] if comment else [])])


def _type(column: Column) -> str:
    text = column.type.text
    if column.type.schema == "public":
        text = text.removeprefix("public.")
    return _word(text.replace(", ", ",").replace('"', ""), also="[](),")


@functools.lru_cache(maxsize=4096)
def _word(text: str, *, also: str = "") -> str:
    word = re.sub(rf"\s|[^A-Za-z0-9_\u00c0-\uffff{re.escape(also)}]", "_", text)
    # The keys PK, FK and UK are keywords wherever they stand alone, and a word begins with a letter.
    return f"_{word}" if re.match(r"(?i)(pk|fk|uk)(?![A-Za-z0-9_])|[^A-Za-z_\u00c0-\uffff]|$", word) else word


@functools.lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    # Mermaid's own entities, because these texts become HTML. %%{ would be a directive, ``` the end of the fence; two tildes
    # make a generic type of what stands around them, quotes included.
    text = re.sub('[#<>"~]', lambda found: _ENTITIES[found[0]], " ".join(text.split()))
    return _without_statements(re.sub("%%+", "%", text.replace("`", "'")))


def _without_statements(text: str) -> str:
    # The lexer takes any line with these words for a statement, even when they stand between quotes.
    return re.sub(r"(?i)(direction)\s+(?=tb|bt|lr|rl)", r"\1_", text)


def _edge(table: Table, key: ForeignKey, names: Mapping[_Name, str]) -> str:
    optional = any(not table.by_name[name].not_null for name in key.columns)
    single = table.is_unique(key.columns)
    primary = set(table.primary_key.columns) if table.primary_key else set()
    line = "--" if set(key.columns) <= primary else ".."
    label = _quoted(", ".join(key.columns))
    parent, child = names[key.references], names[table.key]
    return f'    "{parent}" {"|o" if optional else "||"}{line}{"o|" if single else "o{"} "{child}" : "{label}"'
