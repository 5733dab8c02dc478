"""The first page, and the page of a schema."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seachange.postgres.catalog import qualified
from seachange.sync._describing import amount, types
from seachange.sync._page_names import page_name
from seachange.sync.model import Table, View
from seachange.sync.targets.docs._page import amount_line, breaking, code, link, page, prose, table
from seachange.sync.targets.docs._site import Site

__all__ = ["index_page", "schema_page"]


def index_page(site: Site) -> str:
    """Return the first page: the schemas with their tables and views.

    :param site: the site.
    """
    return page(site, title="Schema", trail=[("Schema", "")], body=_index(site), root="", mark="\n".join(site.head))


def _index(site: Site) -> Iterator[str]:
    yield "<h1>Schema</h1>"
    yield "<dl>"
    for line in site.head[1:]:
        title, _, value = line.partition(": ")
        yield f"<dt>{title.capitalize()}</dt><dd>{code(value)}</dd>"
    yield f"<dt>PostgreSQL</dt><dd>{site.schema.server_major}</dd>"
    if site.schema.extensions:
        yield f"<dt>Extensions</dt><dd>{', '.join(map(code, site.schema.extensions))}</dd>"
    yield "</dl>"
    for name in site.schemas:
        yield f"<h2>{link(qualified(name), site.schema_path(name), code_=True)}</h2>"
        yield from _comment(site.schema.comments.get(name, ""))
        yield from _names("Tables", site, [one for one in site.relations if isinstance(one, Table) and one.schema == name])
        yield from _names("Views", site, [one for one in site.schema.views if one.schema == name])


def _names(title: str, site: Site, relations: Iterable[Table | View]) -> Iterator[str]:
    links = [f'<li><a href="{site.path(one.key)}">{breaking(qualified(one.name))}</a></li>' for one in relations]
    if links:
        yield from (f"<h3>{title}</h3>", '<ul class="names">', *links, "</ul>")


def _comment(text: str) -> Iterator[str]:
    if text:
        yield f'<p class="comment">{prose(text)}</p>'


def schema_page(site: Site, name: str) -> str:
    """Return the page of a schema: its tables, views, types and functions.

    :param site: the site.
    :param name: of the schema.
    """
    shown = qualified(name)
    trail = [("Schema", "../index.html"), (shown, "")]
    return page(site, title=f"Schema {shown}", trail=trail, body=_schema(site, name), root="../")


def _schema(site: Site, name: str) -> Iterator[str]:
    yield f"<h1>Schema {code(qualified(name))}</h1>"
    yield from _comment(site.schema.comments.get(name, ""))
    yield from _relations("Tables", site, [one for one in site.relations if isinstance(one, Table) and one.schema == name])
    yield from _relations("Views", site, [one for one in site.schema.views if one.schema == name])
    named = [one for one in types(site.schema) if one.schema == name]
    if named:
        yield "<h2>Types</h2>"
        cells = [
            (code(qualified(one.name)), one.kind, ", ".join(code(part) or "(empty)" for part in one.parts), prose(one.comment))
            for one in named
        ]
        yield from table(("Type", "Kind", "Of", "Comment"), cells, ids=[f"type-{page_name(one.name)}" for one in named])
    functions = [one for one in site.schema.functions if one.schema == name]
    if functions:
        yield "<h2>Functions</h2>"
        rows = [(code(f"{qualified(one.name)}({one.arguments})"), prose(one.comment)) for one in functions]
        yield from table(("Function", "Comment"), rows)


def _relations(title: str, site: Site, relations: Iterable[Table | View]) -> Iterator[str]:
    rows = [
        (
            link(qualified(one.name), f"../{site.path(one.key)}", code_=True),
            one.kind if one.kind not in ("table", "view") else "",
            str(len(one.columns)),
            amount_line(amount(one, site.schema), tag="td") if site.sizes else "",
            prose(one.comment),
        )
        for one in relations
    ]
    if rows:
        yield from (f"<h2>{title}</h2>", *table((title.removesuffix("s"), "Kind", "Columns", "Size", "Comment"), rows))
