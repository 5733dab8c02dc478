"""The pages of the site: parsed, linked, escaped."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import settings as hypothesis_settings

from seachange.config import Settings
from seachange.postgres.catalog import Policy
from seachange.sync.model import Function, Schema, View
from seachange.sync.targets.docs import site
from tests.unit.sync.made import column, foreign_key, schema_of, schemas, table

_VOID = {"meta", "link", "input", "br", "wbr"}


class _Page(HTMLParser):
    """What a page consists of: its elements in pairs, ids, addresses, and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if (name := given.get("id")) is not None:
            self.ids.append(name)
        self.addresses += [value for key, value in attrs if key in ("href", "src") and value is not None]
        assert not [key for key, _ in attrs if key.startswith("on")]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _made(schema: Schema) -> dict[str, str]:
    return {artefact.name: artefact.text for artefact in site(schema, Settings(root=Path("/nowhere")))}


def _pages(files: dict[str, str]) -> dict[str, _Page]:
    return {name: _Page(text) for name, text in files.items() if name.endswith(".html")}


@hypothesis_settings(max_examples=100, deadline=None)
@given(schemas())
def test_every_page_is_whole_its_links_lead_somewhere_and_nothing_comes_from_outside(schema: Schema) -> None:
    files = _made(schema)
    pages = _pages(files)

    assert len({name.lower() for name in files}) == len(files)
    assert all(re.fullmatch(r"[a-z0-9_./-]+", name) for name in files)
    for name, parsed in pages.items():
        assert parsed.open == []
        assert len(parsed.ids) == len(set(parsed.ids))
        assert parsed.tags.count("script") == 1
        assert {"header", "nav", "main", "footer", "h1"} <= set(parsed.tags)
        for address in parsed.addresses:
            path, _, anchor = address.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            assert target in files
            assert not anchor or anchor in pages[target].ids


@hypothesis_settings(max_examples=100, deadline=None)
@given(schemas())
def test_every_text_is_shown_as_it_is(schema: Schema) -> None:
    shown = " ".join(" ".join(text for page in _pages(_made(schema)).values() for text in page.texts).split())
    for one in schema.tables:
        for text in (*one.comment.splitlines(), *(line for each in one.columns for line in each.comment.splitlines())):
            assert " ".join(text.split()) in shown


@given(schemas())
@hypothesis_settings(max_examples=50, deadline=None)
def test_the_search_knows_every_table_and_column_and_where_it_is(schema: Schema) -> None:
    files = _made(schema)
    index = json.loads(re.search(r"const INDEX = (\[\n.*?\n\]);\n", files["search.js"], re.DOTALL)[1])  # type: ignore[index]
    pages = _pages(files)

    assert [columns for _, _, columns in index] == [[one.name for one in each.columns] for each in schema.tables]
    for _, path, columns in index:
        assert {f"column-{number}" for number in range(1, len(columns) + 1)} <= set(pages[path].ids)


def test_tables_whose_names_differ_in_case_have_pages_of_their_own() -> None:
    names = list(_made(schema_of(table("Order"), table("order"), table("index"), table("a/b"))))

    assert sorted(names)[1:5] == [
        "public/a-b-c14cddc0.html",
        "public/index-1bc04b52.html",
        "public/index.html",
        "public/order-6be09082.html",
    ]
    assert "public/order.html" in names


def test_long_names_in_the_list_of_tables_break_between_words_and_lead_to_their_pages() -> None:
    text = _made(schema_of(table("azure_vault_parameters")))["index.html"]

    assert '<a href="public/azure_vault_parameters.html"><code>azure_<wbr>vault_<wbr>parameters</code></a>' in text


def test_a_page_tells_where_its_table_is_used(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "all.sql").write_text(
        "-- name: all_clients\nSELECT * FROM clients;\n-- name: pets\nSELECT 1 FROM pets;\n"
    )
    clients = table("clients", column("id"), primary="id")
    policy = Policy(name="own", using="client_id IN (SELECT id FROM clients)")
    pets = dataclasses.replace(table("pets", column("client_id"), foreign_key("clients", client_id="id")), policies=(policy,))
    schema = dataclasses.replace(
        schema_of(clients, pets),
        views=(View(schema="public", name="seen", uses=(("public", "clients"),)),),
        functions=(Function(schema="public", name="f", arguments="integer", definition="BEGIN DELETE FROM clients; END"),),
    )
    settings = Settings(root=tmp_path, sync_options=(("queries", (("folder", "sql"),)),))
    text = {artefact.name: artefact.text for artefact in site(schema, settings)}["public/clients.html"]
    used = " ".join("".join(_Page(text[text.index('id="uses"') - 4 : text.index("</main>")]).texts).split())

    assert used == (
        "Where it is used What Of Name Foreign key pets to_clients View seen Policy pets own Function public.f(integer) "
        "Query all_clients in all.sql"
    )
