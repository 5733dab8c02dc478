"""schema.prisma judged by Prisma's own parser, introspection and diff."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync.model import Schema
from seachange.sync.reading import read_schema
from seachange.sync.targets.prisma import schema_prisma
from tests.integration.sync.databases import filled_database
from tests.integration.sync.random_schema import random_schema
from tests.oracles import Conversation, converse
from tests.schemas import CLINIC, NASTY, SYNC

_CONFIGURATION = re.compile(r"generator .*?\n}\n\ndatasource .*?\n}\n", re.DOTALL)
_BLOCK = re.compile(r"(?:^///[^\n]*\n)*^(?:// )?(?:model|view|enum) (\w+) \{\n.*?^(?:// )?}$", re.DOTALL | re.MULTILINE)
# What Alembic and Seachange keep in a database for themselves.
_OURS = ("public.alembic_version",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Judged:
    """A file, and what Prisma's engine makes of the same database: without a file, and with this one."""

    text: str
    again: str
    fresh: str
    kept: str
    problems: list[Any]
    difference: dict[str, Any]

    @property
    def configuration(self) -> str:
        found = _CONFIGURATION.search(self.text)
        assert found
        return found[0]


@pytest.fixture(scope="module")
def prisma(oracles: Path) -> Iterator[Conversation]:
    del oracles
    with converse("prisma_engine.mjs") as conversation:
        yield conversation


def _written(schema: Schema, present: str = "") -> str:
    return schema_prisma(schema, present=present, path=Path("schema.prisma"))


def _judged(database: Database, prisma: Conversation) -> _Judged:
    with contextlib.closing(connect(database)) as connection:
        schema, _ = read_schema(connection, exclude_tables=("alembic_version",))
    text = _written(schema)
    configuration = _CONFIGURATION.search(text)
    assert configuration
    asked = {"url": database.url(), "schemas": _schemas(text)}
    problems = prisma.ask(do="validate", schema=text)
    assert not [problem for problem in problems if not problem["is_warning"]], problems
    return _Judged(
        text=text,
        again=_written(schema, text),
        problems=problems,
        fresh=_without_ours(prisma.ask(do="introspect", schema=configuration[0], **asked)["schema"]),
        kept=_without_ours(prisma.ask(do="introspect", schema=text, **asked)["schema"]),
        difference=prisma.ask(do="diff", url=database.url(), schema=text, external=_OURS),
    )


def _schemas(text: str) -> list[str]:
    listed = re.search(r"^  schemas *= \[(.*)\]$", text, re.MULTILINE)
    return [name.strip('"') for name in listed[1].split(", ")] if listed else ["public"]


def _without_ours(text: str) -> str:
    # Prisma's introspection knows no external tables; see docs/sync-prisma.md.
    return re.sub(r"\nmodel alembic_version \{\n.*?\n}\n", "", text, count=1, flags=re.DOTALL)


def _body(text: str) -> str:
    return text.split("\n\n", 1)[1]


def _plain(text: str) -> str:
    # Reading a file anew, the engine loses @ignore of fields that refer to ignored models, and refuses that file afterwards.
    return re.sub(r" +", " ", re.sub(r" +@ignore$", "", text, flags=re.MULTILINE))


def _differing(one: str, other: str) -> set[str]:
    blocks, others = ({found[1]: found[0] for found in _BLOCK.finditer(text)} for text in (one, other))
    return {name for name in blocks.keys() | others.keys() if blocks.get(name) != others.get(name)}


def _application() -> str:
    from sqlalchemy import create_mock_engine
    from sqlalchemy.dialects import postgresql

    from app.models import Base

    statements: list[str] = []
    dialect: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
    engine = create_mock_engine(
        "postgresql+psycopg://",
        lambda statement, *_, **__: statements.append(str(statement.compile(dialect=dialect))),
    )
    Base.metadata.create_all(engine, checkfirst=False)
    return ";\n".join(statements)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda: CLINIC, id="clinic"),
        pytest.param(_application, id="reference application"),
    ],
)
def test_the_file_is_what_prisma_introspects_and_differs_in_nothing_from_the_database(
    each_server: Server, prisma: Conversation, script: Callable[[], str]
) -> None:
    with filled_database(each_server, script()) as database:
        judged = _judged(database, prisma)

    assert judged.fresh == _body(judged.text)
    assert judged.kept == _body(judged.text)
    assert judged.difference["same"], judged.difference
    assert judged.again == judged.text


@pytest.mark.parametrize("seed", [*range(1, 9)])
def test_of_any_schema_the_file_is_what_prisma_introspects(server: Server, prisma: Conversation, seed: int) -> None:
    with filled_database(server, random_schema(seed)) as database:
        judged = _judged(database, prisma)

    assert judged.fresh == _body(judged.text)
    assert _plain(judged.kept) == _plain(_body(judged.text))
    assert judged.difference["same"], judged.difference
    assert judged.again == judged.text


def test_of_a_nasty_schema_only_names_that_prisma_cannot_write_make_a_difference(
    each_server: Server, prisma: Conversation
) -> None:
    with filled_database(each_server, NASTY) as database:
        judged = _judged(database, prisma)
        engine = prisma.ask(
            do="diff", url=database.url(), schema=f"{judged.configuration}\n{judged.fresh.split('}', 2)[2]}", external=_OURS
        )

    assert judged.fresh == _body(judged.text)
    assert judged.difference == engine
    assert set(re.findall(r"(?:column `|- )([^`\s]+)`?$", judged.difference["to_database"], re.MULTILINE)) == {"empty", "%", "-"}
    # The engine moves a model without columns, and takes its own remark about a hidden field for one about the next field.
    assert _differing(judged.kept, _body(judged.text)) == {"pets"}
    assert judged.again == judged.text


def test_where_prisma_writes_what_its_parser_refuses_names_are_told_apart(each_server: Server, prisma: Conversation) -> None:
    with filled_database(each_server, SYNC) as database:
        judged = _judged(database, prisma)
        problems = prisma.ask(do="validate", schema=judged.fresh)

    assert [problem for problem in problems if not problem["is_warning"]]
    assert _differing(judged.fresh, _body(judged.text)) == {
        "Order__line_____",  # two relation fields of one name
        "Mixed_Case",  # several fields of one name, and a list of values that are no identifiers
        "label",  # two values of one name
        "event_details",  # a foreign key to a partition that is partitioned itself, which PostgreSQL added
        "events_2025",
    }
    assert judged.again == judged.text
