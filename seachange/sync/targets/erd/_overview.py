"""schema.md: the diagrams of a schema, then every table, view and type."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.postgres.catalog import qualified
from seachange.sync._describing import relation_name, types
from seachange.sync.model import Schema, Table, View
from seachange.sync.target import header
from seachange.sync.targets.erd._markdown import code, prose
from seachange.sync.targets.erd._mermaid import diagrams
from seachange.sync.targets.erd._relations import columns, fact_lines, types_table

__all__ = ["head", "overview"]

_MANY = """Mermaid does not draw this many tables at once: here are {} diagrams, in which tables that foreign keys connect
stand together as far as they fit."""


def overview(schema: Schema) -> str:
    """Return the schema as one page of Markdown.

    :param schema: the schema.
    """
    sections = (head(schema), _diagrams(schema), _tables(schema), _views(schema), _types(schema))
    return "\n".join(line for section in sections for line in section).rstrip("\n") + "\n"


def head(schema: Schema) -> Iterator[str]:
    """Yield the title with where it comes from.

    :param schema: the schema.
    """
    written, *facts = header(schema, target="erd")
    yield from ("# Schema", "", written, "")
    for fact in facts:
        title, _, value = fact.partition(": ")
        yield f"- {title.capitalize()}: {code(value)}"
    yield ""


def _diagrams(schema: Schema) -> Iterator[str]:
    drawn = diagrams(schema)
    names = [diagram.schema for diagram in drawn]
    for number, diagram in enumerate(drawn):
        count = names.count(diagram.schema)
        of = f" of {code(qualified(diagram.schema))}" if len(set(names)) > 1 else ""
        first = names.index(diagram.schema)
        place = f", {number - first + 1} of {count}" if count > 1 else ""
        yield from (f"## Diagram{of}{place}", "")
        if count > 1 and number == first:
            yield from (_MANY.format(count), "")
        yield from ("```mermaid", diagram.text, "```", "")


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
