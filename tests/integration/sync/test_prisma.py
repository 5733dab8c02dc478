"""schema.prisma judged by Prisma's own parser, introspection and diff."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync.model import Schema
from seachange.sync.reading import read_schema
from seachange.sync.targets.prisma import schema_prisma
from seachange.testing.fixtures import fresh_database
from tests.oracles import Conversation, converse
from tests.schemas import CLINIC

_CONFIGURATION = re.compile(r"generator .*?\n}\n\ndatasource .*?\n}\n", re.DOTALL)


@pytest.fixture(scope="module")
def prisma(oracles: Path) -> Iterator[Conversation]:
    del oracles
    with converse("prisma_engine.mjs") as conversation:
        yield conversation


@contextlib.contextmanager
def _filled(server: Server, script: str) -> Iterator[tuple[Database, Schema]]:
    with fresh_database(server) as database:
        with contextlib.closing(connect(database)) as connection:
            connection.execute(script.encode())
            connection.commit()
            schema, _ = read_schema(connection)
        yield database, schema


def _written(schema: Schema, present: str = "") -> str:
    return schema_prisma(schema, present=present, path=Path("schema.prisma"))


def _without_header(text: str) -> str:
    return text.split("\n\n", 1)[1]


def _url(database: Database) -> str:
    return database.url()


def test_the_file_of_the_clinic_is_what_prisma_introspects_and_differs_in_nothing(
    each_server: Server, prisma: Conversation
) -> None:
    with _filled(each_server, CLINIC) as (database, schema):
        text = _written(schema)
        configuration = _CONFIGURATION.search(text)
        assert configuration
        fresh = prisma.ask(do="introspect", url=_url(database), schemas=["public"], schema=configuration[0])
        again = prisma.ask(do="introspect", url=_url(database), schemas=["public"], schema=text)
        difference = prisma.ask(do="diff", url=_url(database), schema=text)

    assert prisma.ask(do="validate", schema=text) == []
    assert fresh["schema"] == _without_header(text)
    assert again["schema"] == _without_header(text)
    assert difference["same"]
    assert _written(schema, text) == text
