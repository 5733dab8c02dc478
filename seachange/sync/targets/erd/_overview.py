"""schema.md: the diagrams of a schema, then every table, view and type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.sync._describing import relation_name, types
from seachange.sync.model import Schema, Table, View
from seachange.sync.target import header
from seachange.sync.targets.erd._markdown import code, prose
from seachange.sync.targets.erd._mermaid import diagrams
from seachange.sync.targets.erd._pages import Pages
from seachange.sync.targets.erd._relations import columns, diagram_lines, fact_lines, types_table

__all__ = ["contents", "overview"]


def overview(schema: Schema, *, picture: str = "") -> str:
    """Return the schema as one page of Markdown.

    :param schema: the schema.
    :param picture: a file beside it.
    """
    sections = (_head(schema, picture), diagram_lines(diagrams(schema)), _tables(schema), _views(schema), _types(schema))
    return _joined(sections)


def contents(schema: Schema, pages: Pages, *, picture: str = "") -> str:
    """Return the first page of several: what there is and where.

    :param schema: the schema.
    :param pages: the others.
    :param picture: a file beside it.
    """
    return _joined((_head(schema, picture), pages.contents()))


def _joined(sections: Iterable[Iterable[str]]) -> str:
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"


def _head(schema: Schema, picture: str) -> Iterator[str]:
    written, *facts = header(schema, target="erd")
    yield from ("# Schema", "", written, "")
    for fact in facts:
        title, _, value = fact.partition(": ")
        yield f"- {title.capitalize()}: {code(value)}"
    yield ""
    if picture:
        yield from (f"[The whole schema as a picture]({picture})", "")


def _tables(schema: Schema) -> Iterator[str]:
    shown = [one for one in schema.tables if not one.is_partition]
    if shown:
        yield from ("## Tables", "")
    for one in shown:
        yield from _relation(one, schema)


def _views(schema: Schema) -> Iterator[str]:
    if schema.views:
        yield from ("## Views", "")
    for view in schema.views:
        yield from _relation(view, schema)


def _relation(one: Table | View, schema: Schema) -> Iterator[str]:
    yield from (f"### {code(relation_name(one))}{' (materialized)' if one.kind == 'materialized view' else ''}", "")
    if one.comment:
        yield from (prose(one.comment), "")
    yield from (*columns(one), *fact_lines(one, schema))


def _types(schema: Schema) -> Iterator[str]:
    rows = list(types_table(types(schema)))
    if rows:
        yield from ("## Types", "", *rows)
