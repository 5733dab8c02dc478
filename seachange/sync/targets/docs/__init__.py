"""docs/: the schema as a static HTML site that works from disk."""

from __future__ import annotations

from collections.abc import Iterator

from seachange.config import Settings
from seachange.sync._options import flag
from seachange.sync._uses import uses
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.docs._index import index_page, schema_page
from seachange.sync.targets.docs._page import AMOUNTS
from seachange.sync.targets.docs._relation import relation_page
from seachange.sync.targets.docs._search import search_script
from seachange.sync.targets.docs._site import Site
from seachange.sync.targets.docs._style import STYLE

__all__ = ["TARGET", "site"]


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    yield from site(schema, request.settings, sizes=flag(request, "sizes", default=True))


def site(schema: Schema, settings: Settings, *, sizes: bool = True) -> Iterator[Artefact]:
    """Yield the files of the site.

    :param schema: the schema.
    :param settings: where named queries are.
    :param sizes: whether rows and bytes are told.
    """
    made = Site(schema=schema, uses=uses(schema, settings), sizes=sizes)
    yield Artefact(name="index.html", text=index_page(made), volatile=AMOUNTS)
    yield Artefact(name="search.js", text=search_script(made))
    yield Artefact(name="style.css", text=f"/* {made.mark} */\n{STYLE}")
    for name in made.schemas:
        yield Artefact(name=made.schema_path(name), text=schema_page(made, name), volatile=AMOUNTS)
    for one in made.relations:
        yield Artefact(name=made.path(one.key), text=relation_page(made, one), volatile=AMOUNTS)


TARGET = Target(
    name="docs",
    summary="a static HTML site that works from disk",
    path="docs/",
    emit=_emit,
    options={"sizes": "whether rows and bytes are told, as PostgreSQL estimates them (true)"},
)
