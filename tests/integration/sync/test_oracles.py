"""The judges themselves: what they accept, and that they see a difference when there is one."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.postgres.connection import Database, connect
from tests.oracles import Conversation, converse, run_node
from tests.schemas import CLINIC

_DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n'


@pytest.fixture(scope="module")
def prisma(oracles: Path) -> Iterator[Conversation]:
    with converse("prisma_engine.mjs") as conversation:
        yield conversation


@pytest.fixture
def clinic(database: Database) -> Database:
    with contextlib.closing(connect(database)) as connection:
        connection.execute(CLINIC.encode())
        connection.commit()
    return database


@pytest.mark.parametrize(
    ("model", "texts"),
    [
        pytest.param("model A {\n  id Int @id\n}\n", [], id="valid"),
        pytest.param(
            "model A {\n  id Int\n}\n",
            ['Error validating model "A": Each model must have at least one unique criteria'],
            id="keyless",
        ),
    ],
)
def test_prismas_parser_says_what_is_wrong(oracles: Path, model: str, texts: list[str]) -> None:
    problems = json.loads(run_node("prisma_validate.mjs", input=_DATASOURCE + model))

    assert [problem["text"][: len(text)] for problem, text in zip(problems, texts, strict=True)] == texts


def test_what_prismas_engine_introspects_does_not_differ_from_the_database(prisma: Conversation, clinic: Database) -> None:
    found = prisma.ask(do="introspect", url=clinic.url(), schemas=["public"])["schema"]

    assert prisma.ask(do="validate", schema=found) == []
    assert prisma.ask(do="diff", url=clinic.url(), schema=found)["same"] is True


def test_prismas_engine_names_what_differs(prisma: Conversation, clinic: Database) -> None:
    found = prisma.ask(do="introspect", url=clinic.url(), schemas=["public"])["schema"]
    with contextlib.closing(connect(clinic)) as connection:
        connection.execute("CREATE TABLE extra (id integer PRIMARY KEY)")
        connection.commit()
    told = prisma.ask(do="diff", url=clinic.url(), schema=found)

    assert told == {
        "same": False,
        "to_database": "\n[+] Added tables\n  - extra\n",
        "to_file": "\n[-] Removed tables\n  - extra\n",
    }
