"""schema.md: the schema as diagrams and tables for people, with pages and a picture when asked."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.sync._options import flag
from seachange.sync._uses import uses
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.erd._mermaid import diagrams
from seachange.sync.targets.erd._overview import contents, overview
from seachange.sync.targets.erd._pages import Pages
from seachange.sync.targets.erd._svg import svg_artefact

__all__ = ["TARGET"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    picture = svg_artefact(schema, request) if flag(request, "svg", default=False) else None
    shown = picture.name if picture and not picture.skipped else ""
    if flag(request, "pages", default=False):
        pages = Pages(
            schema=schema,
            uses=uses(schema, request.settings),
            folder=request.beside.name,
            overview=request.path.name,
            sizes=flag(request, "sizes", default=True),
        )
        yield Artefact(text=contents(schema, pages, picture=shown))
        yield from pages.artefacts(diagrams(schema))
    else:
        yield Artefact(text=overview(schema, picture=shown))
    if picture:
        yield picture


TARGET = Target(
    name="erd",
    summary="diagrams (Mermaid) and tables for people",
    path="schema.md",
    emit=_emit,
    beside=True,
    options={
        "pages": "a page for each schema, table and view, in a folder beside (false)",
        "sizes": "whether the pages tell rows and bytes, as PostgreSQL estimates them (true)",
        "svg": "a picture as well, by Graphviz' dot (false)",
    },
)
