"""schema.md with its pages and its picture, read by Mermaid's own parser and drawn by Graphviz itself."""

from __future__ import annotations

import contextlib
import dataclasses
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import hypothesis
import pytest
from hypothesis import given

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.sync.model import Schema
from seachange.sync.reading import read_schema
from seachange.sync.targets.erd._dot import dot_text
from seachange.sync.targets.erd._mermaid import diagrams, neighbourhood
from tests.integration.sync.databases import filled_database
from tests.oracles import Conversation, command, converse, run_node
from tests.schemas import NASTY, SYNC
from tests.unit.sync.made import schemas


@pytest.fixture(scope="module")
def mermaid(oracles: Path) -> Iterator[Conversation]:
    del oracles
    with converse("mermaid.mjs") as conversation:
        yield conversation


@pytest.fixture(scope="module")
def nasty(server: Server) -> Iterator[tuple[Database, Session]]:
    """A database with the nasty schema, and a session in it that commits by itself."""
    with filled_database(server, NASTY) as database, contextlib.closing(connect(database, autocommit=True)) as session:
        yield database, session


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, root=tmp_path, sync_targets=("erd",))


def _with(project: Settings, **options: object) -> Settings:
    return dataclasses.replace(project, sync_options=(("erd", tuple(options.items())),))


def _texts(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def dot(oracles: Path, tmp_path: Path) -> Path:
    """A folder with a program ``dot`` that is Graphviz compiled to WebAssembly."""
    del oracles
    folder = tmp_path / "graphviz"
    folder.mkdir()
    program = folder / "dot"
    program.write_text(f'#!/bin/sh\n[ "$*" = -Tsvg ] || exit 9\nexec {shlex.join(command("dot.mjs"))}\n')
    program.chmod(0o755)
    return folder


def _at(project: Settings, path: object) -> Settings:
    return dataclasses.replace(project, environment={**project.environment, "PATH": str(path)})


def _diagrams(texts: Mapping[str, str]) -> list[str]:
    return [found for text in texts.values() for found in re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL)]


@pytest.mark.parametrize("pages", [pytest.param(False, id="one file"), pytest.param(True, id="pages")])
def test_mermaid_reads_every_diagram(
    nasty: tuple[Database, Session], project: Settings, mermaid: Conversation, *, pages: bool
) -> None:
    database, _ = nasty
    sync(database, settings=_with(project, pages=pages))
    drawn = _diagrams(_texts(project.root / "schema"))
    read = [mermaid.ask(text=text) for text in drawn]

    assert len(drawn) == (8 if pages else 3)
    assert [one["edges"] for one in read] == [text.count(" : ") for text in drawn]
    assert {"clients", "pets", "billing.invoices", "Odd Schema.Order 'line' | _"} <= {
        name for one in read for name, _ in one["entities"]
    }


def test_pages_and_pictures_of_the_other_schema_are_read_as_well(
    server: Server, project: Settings, mermaid: Conversation
) -> None:
    with filled_database(server, SYNC) as database, contextlib.closing(connect(database)) as session:
        files = sync(database, settings=dataclasses.replace(_with(project, pages=True), sync_targets=("erd", "docs"))).files
        schema, _ = read_schema(session)
    drawn = _diagrams(_texts(project.root / "schema"))

    assert {file.status for file in files} == {"written"}
    assert len(drawn) > 10
    assert [mermaid.ask(text=text)["edges"] for text in drawn] == [text.count(" : ") for text in drawn]
    assert "billing.customers" in run_node("dot.mjs", input=dot_text(schema))


@given(schemas())
@hypothesis.settings(max_examples=60, deadline=None)
def test_mermaid_reads_any_names(mermaid: Conversation, schema: Schema) -> None:
    for diagram in diagrams(schema):
        read = mermaid.ask(text=diagram.text)
        columns = [len(table.columns) for table in schema.tables if table.schema == diagram.schema]

        assert [len(found) for _, found in read["entities"] if found] == [count for count in columns if count]
    for table in schema.tables:
        mermaid.ask(text=neighbourhood(table, schema))


def test_every_link_between_the_pages_leads_somewhere(nasty: tuple[Database, Session], project: Settings) -> None:
    database, _ = nasty
    sync(database, settings=_with(project, pages=True))
    texts = _texts(project.root / "schema")
    links = [
        (name, posixpath.normpath(posixpath.join(posixpath.dirname(name), address)))
        for name, text in texts.items()
        for address in re.findall(r"\]\(([^()\s]+\.md)\)", text)
    ]

    assert len(links) > 50
    assert [link for link in links if link[1] not in texts] == []
    assert set(texts) == {"schema.md"} | {target for _, target in links if target != "schema.md"}


def test_pages_that_are_made_no_more_are_removed(nasty: tuple[Database, Session], project: Settings) -> None:
    database, session = nasty
    session.execute("create table short_lived (id integer)")
    sync(database, settings=_with(project, pages=True))
    page = project.root / "schema" / "schema" / "public" / "short_lived.md"
    assert page.exists()
    session.execute("drop table short_lived")
    mine = page.with_name("mine.md")
    mine.write_text("# Mine\n")
    stale = sync(database, settings=_with(project, pages=True), check=True).stale
    sync(database, settings=_with(project, pages=True))

    assert page in {file.path for file in stale}
    assert not page.exists()
    sync(database, settings=project)
    assert sorted(_texts(project.root / "schema")) == ["schema.md", "schema/public/mine.md"]


@pytest.mark.parametrize(("target", "place"), [("erd", "schema/public/scratch.md"), ("docs", "docs/public/scratch.html")])
def test_amounts_make_no_page_stale(nasty: tuple[Database, Session], project: Settings, target: str, place: str) -> None:
    database, session = nasty
    chosen = dataclasses.replace(_with(project, pages=True), sync_targets=(target,))
    sync(database, settings=chosen)
    session.execute("insert into scratch select generate_series(1, 1000)")
    session.execute("analyze scratch")
    checked = sync(database, settings=chosen, check=True)
    (project.root / "schema" / place).unlink()
    sync(database, settings=chosen)
    text = (project.root / "schema" / place).read_text()
    session.execute("truncate scratch")
    session.execute("analyze scratch")

    assert {file.status for file in checked.files} == {"unchanged"}
    assert re.search(r"about 1,000 rows, \d\d kB", text)
    assert {file.status for file in sync(database, settings=chosen, check=True).files} == {"unchanged"}


def test_the_picture_shows_every_table_and_needs_nothing_from_outside(
    nasty: tuple[Database, Session], project: Settings, dot: Path
) -> None:
    database, _ = nasty
    settings = _at(_with(project, svg=True), f"{dot}:/usr/bin:/bin")
    files = sync(database, settings=settings, revision="r1").files
    text = (project.root / "schema" / "schema.svg").read_text()
    words = {(element.text or "").strip() for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")}

    assert [(file.path.name, file.status) for file in files] == [("schema.md", "written"), ("schema.svg", "written")]
    assert {"clients", "pets", "billing.empty", "größe", "billing.invoices", '"Odd Schema"."Order ""line"" | %"'} <= words
    assert "revision: r1" in text
    assert re.sub(r' xmlns(:\w+)?="[^"]*"', "", text).count("http") == 0
    assert "[The whole schema as a picture](schema.svg)" in (project.root / "schema" / "schema.md").read_text()


def test_a_picture_that_is_still_right_needs_no_graphviz(nasty: tuple[Database, Session], project: Settings, dot: Path) -> None:
    database, session = nasty
    settings = _at(_with(project, svg=True), f"{dot}:/usr/bin:/bin")
    sync(database, settings=settings, revision="r1")
    without = _at(settings, "/nowhere")
    same = sync(database, settings=without, revision="r1").files
    other = sync(database, settings=without, revision="r2").files
    session.execute("create table another (id integer)")
    skipped = sync(database, settings=without, revision="r2").files
    session.execute("drop table another")

    assert [file.status for file in same] == ["unchanged", "unchanged"]
    assert [file.status for file in other] == ["written", "written"]
    assert [file.status for file in skipped] == ["written", "skipped"]
    assert "no program dot on PATH" in skipped[1].reason
    assert "Mermaid" in skipped[1].hint or "schema.md" in skipped[1].hint


@given(schemas())
@hypothesis.settings(max_examples=3, deadline=None)
def test_graphviz_draws_any_names(oracles: Path, schema: Schema) -> None:
    del oracles
    drawn = run_node("dot.mjs", input=dot_text(schema))

    assert ElementTree.fromstring(drawn[drawn.index("<svg") :]).tag.endswith("svg")


def test_an_option_that_is_neither_true_nor_false_is_an_error(nasty: tuple[Database, Session], project: Settings) -> None:
    database, _ = nasty
    with pytest.raises(ConfigError, match="pages cannot be 'yes'"):
        sync(database, settings=_with(project, pages="yes"))
