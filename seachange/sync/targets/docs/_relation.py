"""The page of a table or view."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from seachange.postgres.catalog import qualified
from seachange.sync._describing import Fact, amount, facts, filling, marks, relation_name
from seachange.sync.model import Column, Table, View
from seachange.sync.targets.docs._drawing import drawing
from seachange.sync.targets.docs._page import amount_line, code, link, page, prose, table
from seachange.sync.targets.docs._site import Site

__all__ = ["relation_page"]


def relation_page(site: Site, one: Table | View) -> str:
    """Return the page of a table or view.

    :param site: the site.
    :param one: the table or view.
    """
    trail = [("Schema", "../index.html"), (qualified(one.schema), "index.html"), (qualified(one.name), "")]
    title = f"{one.kind.capitalize()} {relation_name(one)}"
    return page(site, title=title, trail=trail, body=_body(site, one), root="../")


def _body(site: Site, one: Table | View) -> Iterator[str]:
    yield f"<h1>{one.kind.capitalize()} {code(relation_name(one))}</h1>"
    if one.comment:
        yield f'<p class="comment">{prose(one.comment)}</p>'
    size = amount(one, site.schema) if site.sizes else ""
    if size:
        yield amount_line(size)
    if one.columns:
        yield from ('<h2 id="columns">Columns</h2>', *_columns(site, one))
    if isinstance(one, Table):
        drawn = drawing(site, one)
        if drawn:
            yield from ('<h2 id="neighbours">Neighbours</h2>', '<div class="scroll">', *drawn, "</div>")
    told = list(facts(one, site.schema))
    if told:
        yield from ('<h2 id="rules">Keys, indexes and rules</h2>', *_facts(told))
    used = _uses(site, one)
    if used:
        yield from ('<h2 id="uses">Where it is used</h2>', *used)
    if isinstance(one, View) and one.definition:
        yield from ('<h2 id="definition">Definition</h2>', f"<pre><code>{escape(one.definition.strip())}</code></pre>")


def _columns(site: Site, one: Table | View) -> list[str]:
    titles = ("Column", "Type", "Null", "Default", "Key", "Comment")
    rows = [_column(site, column, one) for column in one.columns]
    return table(titles, rows, ids=[f"column-{number}" for number in range(1, len(rows) + 1)])


def _column(site: Site, column: Column, one: Table | View) -> tuple[str, ...]:
    words, sql = filling(column)
    return (
        code(qualified(column.name)),
        code(column.type.text),
        "yes" if isinstance(one, Table) and not column.not_null else "",
        ": ".join(filter(None, (words, code(sql)))),
        _keys(site, column, one) if isinstance(one, Table) else "",
        prose(column.comment),
    )


def _keys(site: Site, column: Column, one: Table) -> str:
    words, foreign = marks(column.name, one)
    spoken = {"PK": '<abbr title="primary key">PK</abbr>', "UK": '<abbr title="unique">UK</abbr>'}
    links = [f'<abbr title="foreign key">FK</abbr>&nbsp;→&nbsp;{_link(site, key.references)}' for key in foreign]
    return ", ".join([*(spoken[word] for word in words), *links])


def _link(site: Site, key: tuple[str, str]) -> str:
    name = qualified(key[1]) if key[0] == "public" else qualified(*key)
    path = site.path(key)
    return link(name, f"../{path}" if path else "", code_=True)


def _facts(told: list[Fact]) -> list[str]:
    rows = [
        (escape(fact.title), code(fact.name), ", ".join(filter(None, (code(fact.sql), escape(fact.state)))), prose(fact.comment))
        for fact in told
    ]
    return table(("What", "Name", "Definition", "Comment"), rows)


def _uses(site: Site, one: Table | View) -> list[str]:
    rows = [(escape(use.title), _link(site, use.of) if use.of else "", code(use.name)) for use in site.uses.get(one.key, ())]
    return table(("What", "Of", "Name"), rows) if rows else []
