"""Tables and foreign keys in the language of Graphviz."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from seachange.sync._describing import marks, relation_name
from seachange.sync.model import Column, Schema, Table

__all__ = ["dot_text"]

_HEAD = """digraph schema {
  graph [rankdir=RL, nodesep=0.3, ranksep=1.2, bgcolor="white", pack=24, packmode="graph"]
  node [shape=plain, fontname="Courier", fontsize=11]
  edge [color="#56606d", arrowsize=0.7, dir=both, arrowhead=none, arrowtail=crow]"""
_OPENING = '<table border="0" cellborder="1" cellspacing="0" cellpadding="4" color="#aab2bd">'
# What XML does not take, and Graphviz reads labels as XML.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# A table with more columns than this shows its keys only.
_MOST_COLUMNS = 60


def dot_text(schema: Schema) -> str:
    """Return the schema as a graph; tables that are not described are boxes with their names.

    :param schema: the schema.
    """
    return "\n".join([_HEAD, *_nodes(schema), *_edges(schema), "}"]) + "\n"


def _nodes(schema: Schema) -> Iterator[str]:
    for table in schema.tables:
        if not table.is_partition:
            rows = "".join(_row(column, number, table) for number, column in _shown(table, schema))
            title = f'<tr><td bgcolor="#e3eefb" port="t" colspan="3"><b>{_text(relation_name(table))}</b></td></tr>'
            yield f"  {_id(table.key)} [label=<{_OPENING}{title}{rows}</table>>]"


def _shown(table: Table, schema: Schema) -> list[tuple[int, Column]]:
    numbered = list(enumerate(table.columns))
    if len(numbered) <= _MOST_COLUMNS:
        return numbered
    kept = {name for _, key in schema.referring.get(table.key, ()) for name in key.references_columns}
    kept |= {name for key in table.foreign_keys for name in key.columns}
    kept |= set(table.primary_key.columns) if table.primary_key else set()
    return [(number, column) for number, column in numbered if column.name in kept]


def _row(column: Column, number: int, table: Table) -> str:
    words, foreign = marks(column.name, table)
    keys = " ".join([*words, *(["FK"] if foreign else [])])
    kind = f'<font color="#56606d">{_text(column.type.text)}</font>'
    cells = f'<td align="left" port="c{number}" sides="tlb">{_text(column.name)}</td><td align="left" sides="tb">{kind}</td>'
    return f'<tr>{cells}<td align="left" port="k{number}" sides="trb">{keys}</td></tr>'


def _edges(schema: Schema) -> Iterator[str]:
    outside: set[tuple[str, str]] = set()
    for table in schema.tables:
        for key in table.foreign_keys if not table.is_partition else ():
            parent = schema.relations.get(key.references)
            known = isinstance(parent, Table) and not parent.is_partition
            if not known and key.references not in outside:
                outside.add(key.references)
                yield f"  {_id(key.references)} [shape=box, label={_quoted('.'.join(key.references))}]"
            start = _port(table, key.columns[0], side="k" if parent is table else "c")
            end = _port(parent, key.references_columns[0], side="k") if known and isinstance(parent, Table) else ""
            tail = " [arrowtail=none]" if table.is_unique(key.columns) else ""
            yield f"  {_id(table.key)}{start} -> {_id(key.references)}{end}{tail}"


def _port(table: Table, column: str, *, side: str) -> str:
    # Cells c are at the left, where lines leave, cells k at the right, where they arrive.
    place = next((number for number, one in enumerate(table.columns) if one.name == column), None)
    return ":t" if place is None else f":{side}{place}:{'w' if side == 'c' else 'e'}"


def _id(key: tuple[str, str]) -> str:
    # The length keeps the parts apart, whatever dots are in them.
    return _quoted(f"{len(key[0])} {key[0]}.{key[1]}")


def _quoted(text: str) -> str:
    kept = _NO_XML.sub("\ufffd", text)
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> str:
    return escape(" ".join(_NO_XML.sub("\ufffd", text).split()) or "\u00a0")
