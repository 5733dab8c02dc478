"""Tables, views and types as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from seachange.postgres.catalog import qualified
from seachange.sync._describing import Fact, NamedType, facts, filling, marks
from seachange.sync.model import Column, ForeignKey, Schema, Table, View
from seachange.sync.targets.erd._markdown import code, prose
from seachange.sync.targets.erd._markdown import table as markdown_table
from seachange.sync.targets.erd._mermaid import Diagram

__all__ = ["columns", "diagram_lines", "fact_lines", "types_table"]

_MANY = """Mermaid does not draw this many tables at once: here are {} diagrams, in which tables that foreign keys connect
stand together as far as they fit."""


def columns(one: Table | View) -> Iterator[str]:
    """Yield the columns as a table.

    :param one: a table or view.
    """
    if one.columns:
        titles = ("Column", "Type", "Null", "Default", "Key", "Comment")
        yield from (*markdown_table(titles, (_column(column, one) for column in one.columns)), "")


def _column(column: Column, one: Table | View) -> tuple[str, ...]:
    is_table = isinstance(one, Table)
    return (
        code(qualified(column.name)),
        code(column.type.text),
        "yes" if is_table and not column.not_null else "",
        _default(column),
        _keys(column, one) if isinstance(one, Table) else "",
        prose(column.comment),
    )


def _default(column: Column) -> str:
    words, sql = filling(column)
    return ": ".join(filter(None, (words, code(sql))))


def _keys(column: Column, one: Table) -> str:
    words, foreign = marks(column.name, one)
    return ", ".join([*words[:1], *(f"FK → {code(_target(key))}" for key in foreign), *words[1:]])


def _target(key: ForeignKey) -> str:
    name = qualified(key.references_table) if key.references_schema == "public" else qualified(*key.references)
    return name + _list(key.references_columns)


def _list(names: Iterable[str]) -> str:
    return f" ({', '.join(map(qualified, names))})"


def fact_lines(one: Table | View, schema: Schema, *, referring: bool = True) -> Iterator[str]:
    """Yield what else there is to say of a table or view, as a list.

    :param one: a table or view.
    :param schema: where its partitions are found.
    :param referring: whether the foreign keys that point to it are among that.
    """
    lines = [_fact(fact) for fact in facts(one, schema)]
    for table, key in schema.referring.get(one.key, ()) if referring else ():
        if not table.is_partition:
            lines.append(f"- Referred to by {code(table.qualified + _list(key.columns))}")
    if lines:
        yield from (*lines, "")


def _fact(fact: Fact) -> str:
    words = " ".join(filter(None, (fact.title, code(fact.name))))
    if fact.sql:
        words += f"{':' if fact.name else ''} {code(fact.sql)}"
    words += f", {fact.state}" if fact.state else ""
    return f"- {words}{f' — {prose(fact.comment)}' if fact.comment else ''}"


def diagram_lines(drawn: Sequence[Diagram]) -> Iterator[str]:
    """Yield diagrams with their titles.

    :param drawn: the diagrams.
    """
    names = [diagram.schema for diagram in drawn]
    for number, diagram in enumerate(drawn):
        count, first = names.count(diagram.schema), names.index(diagram.schema)
        of = f" of {code(qualified(diagram.schema))}" if len(set(names)) > 1 else ""
        place = f", {number - first + 1} of {count}" if count > 1 else ""
        yield from (f"## Diagram{of}{place}", "")
        if count > 1 and number == first:
            yield from (_MANY.format(count), "")
        yield from ("```mermaid", diagram.text, "```", "")


def types_table(named: Iterable[NamedType]) -> Iterator[str]:
    """Yield the types as a table; nothing when there are none.

    :param named: the types.
    """
    rows = [
        (code(one.qualified), one.kind, ", ".join(code(part) or "(empty)" for part in one.parts), prose(one.comment))
        for one in named
    ]
    if rows:
        yield from (*markdown_table(("Type", "Kind", "Of", "Comment"), rows), "")
