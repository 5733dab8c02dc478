"""The pages beside schema.md: one for each schema, table and view."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping

from seachange.postgres.catalog import qualified
from seachange.sync._describing import amount, relation_name, types
from seachange.sync._page_names import page_name
from seachange.sync._uses import Use
from seachange.sync.model import Schema, Table, View
from seachange.sync.target import Artefact, header
from seachange.sync.targets.erd._markdown import code, prose, table
from seachange.sync.targets.erd._mermaid import Diagram, neighbourhood
from seachange.sync.targets.erd._relations import columns, diagram_lines, fact_lines, types_table

__all__ = ["AMOUNTS", "Pages"]

#: The lines that tell how much there is.
AMOUNTS = re.compile(r"- Size: .*")

_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages of a schema; ``folder`` is their place beside schema.md, ``overview`` the name of that file."""

    schema: Schema
    uses: Mapping[_Key, tuple[Use, ...]]
    folder: str
    overview: str
    sizes: bool = True

    @property
    def relations(self) -> tuple[Table | View, ...]:
        """The tables and views that have a page: partitions have none."""
        return (*(one for one in self.schema.tables if not one.is_partition), *self.schema.views)

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that have a page: those with something to show."""
        found = {one.schema for one in (*self.relations, *types(self.schema), *self.schema.functions)}
        return tuple(sorted(found))

    def artefacts(self, drawn: tuple[Diagram, ...]) -> Iterator[Artefact]:
        """Yield the pages.

        :param drawn: the diagrams of the schemas.
        """
        for name in self.schemas:
            lines = self._schema_page(name, tuple(one for one in drawn if one.schema == name))
            yield Artefact(name=f"{self.folder}/{page_name(name)}/README.md", text=_text(lines))
        for one in self.relations:
            lines = self._relation_page(one)
            yield Artefact(name=f"{self.folder}/{_path(one.key)}", text=_text(lines), volatile=AMOUNTS)

    def contents(self) -> Iterator[str]:
        """Yield the lists of tables and views of each schema, for schema.md."""
        for name in self.schemas:
            yield from (f"## [{code(qualified(name))}]({self.folder}/{page_name(name)}/README.md)", "")
            yield from self._list(name, before=f"{self.folder}/{page_name(name)}/")

    def _list(self, name: str, *, before: str = "") -> Iterator[str]:
        rows = [
            (f"[{code(qualified(one.name))}]({before}{page_name(one.name)}.md)", one.kind, prose(one.comment))
            for one in self.relations
            if one.schema == name
        ]
        if rows:
            yield from (*table(("Name", "Kind", "Comment"), rows), "")

    def _schema_page(self, name: str, drawn: tuple[Diagram, ...]) -> Iterator[str]:
        yield from (f"<!-- {header(self.schema, target='erd')[0]} -->", "")
        yield from (f"# Schema {code(qualified(name))}", "", f"[All schemas](../../{self.overview})", "")
        if comment := self.schema.comments.get(name, ""):
            yield from (prose(comment), "")
        yield from self._list(name)
        yield from diagram_lines(drawn)
        rows = list(types_table(one for one in types(self.schema) if one.schema == name))
        if rows:
            yield from ("## Types", "", *rows)
        functions = [one for one in self.schema.functions if one.schema == name]
        if functions:
            cells = ((code(f"{qualified(one.name)}({one.arguments})"), prose(one.comment)) for one in functions)
            yield from ("## Functions", "", *table(("Function", "Comment"), cells))

    def _relation_page(self, one: Table | View) -> Iterator[str]:
        yield from (f"<!-- {header(self.schema, target='erd')[0]} -->", "")
        yield from (f"# {one.kind.capitalize()} {code(relation_name(one))}", "")
        yield f"[All schemas](../../{self.overview}) / [{code(qualified(one.schema))}](README.md)"
        size = amount(one, self.schema) if self.sizes else ""
        # No blank line comes or goes with it.
        yield from ([f"- Size: {size}", ""] if size else [""])
        if one.comment:
            yield from (prose(one.comment), "")
        if one.columns:
            yield from ("## Columns", "", *columns(one))
        facts = list(fact_lines(one, self.schema, referring=False))
        if facts:
            yield from ("## Keys, indexes and rules", "", *facts)
        yield from self._used(one)
        if isinstance(one, Table) and (one.foreign_keys or self.schema.referring.get(one.key)):
            yield from ("## Neighbours", "", "```mermaid", neighbourhood(one, self.schema), "```", "")
        if isinstance(one, View) and one.definition:
            yield from ("## Definition", "", *_fenced(one.definition))

    def _used(self, one: Table | View) -> Iterator[str]:
        rows = [(use.title, self._link(use.of) if use.of else "", code(use.name)) for use in self.uses.get(one.key, ())]
        if rows:
            yield from ("## Where it is used", "", *table(("What", "Of", "Name"), rows), "")

    def _link(self, key: _Key) -> str:
        one = self.schema.relations.get(key)
        name = code(qualified(key[1]) if key[0] == "public" else qualified(*key))
        if one is None or (isinstance(one, Table) and one.is_partition):
            return name
        return f"[{name}](../{_path(key)})"


def _path(key: _Key) -> str:
    return f"{page_name(key[0])}/{page_name(key[1])}.md"


def _text(lines: Iterator[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


def _fenced(sql: str) -> Iterator[str]:
    fence = "`" * max(3, max(map(len, re.findall(r"`+", sql)), default=0) + 1)
    yield from (f"{fence}sql", sql.strip("\n"), fence)
