"""Entities as the compiler of TypeScript reads them, and as TypeORM compares them with the database and uses them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.testing.fixtures import fresh_database
from tests.integration.app._history import upgrade
from tests.oracles import run_node
from tests.schemas import CLINIC, DRIVER, NASTY, SYNC

_USE = Path(__file__).parent / "typeorm" / "use.ts"
# As TypeORM leaves a database that it has made itself.
_METADATA = """
CREATE TABLE typeorm_metadata (
    type varchar NOT NULL, database varchar, schema varchar, "table" varchar, name varchar, value text
);
"""
_OF_TYPEORM = f"""{_METADATA}
CREATE TYPE pets_mood_enum AS ENUM ('good', 'bad');
CREATE TABLE owners (
    id uuid NOT NULL DEFAULT gen_random_uuid() CONSTRAINT "PK_42838282f2e6b216301a70b02d6" PRIMARY KEY,
    name varchar NOT NULL
);
CREATE TABLE pets (
    id serial CONSTRAINT "PK_d01e9e7b4ada753c826720bee8b" PRIMARY KEY,
    mood pets_mood_enum NOT NULL DEFAULT 'good',
    name varchar(50) NOT NULL,
    loud varchar GENERATED ALWAYS AS (upper(name)) STORED,
    quiet varchar GENERATED ALWAYS AS (lower(name)) STORED,
    "ownerId" uuid CONSTRAINT "REL_ee4b5b2b3d3e2c2b0a6f1b9d27" UNIQUE CONSTRAINT "FK_owner" REFERENCES owners
);
CREATE VIEW loud_pets AS SELECT id, loud FROM pets;
CREATE VIEW quiet_pets AS SELECT id, quiet FROM pets;
CREATE MATERIALIZED VIEW pet_counts AS SELECT mood, count(*) AS pets FROM pets GROUP BY mood;
CREATE UNIQUE INDEX pet_counts_mood ON pet_counts (mood);
INSERT INTO typeorm_metadata VALUES
    ('GENERATED_COLUMN', current_database(), 'public', 'pets', 'loud', 'UPPER(name)'),
    ('VIEW', NULL, 'public', NULL, 'loud_pets', 'select "id", loud from pets'),
    ('MATERIALIZED_VIEW', NULL, 'public', NULL, 'pet_counts', 'select mood, count(*) as pets from pets group by mood');
"""
# What is left when all that TypeORM cannot compare is gone, so that it compares the rest.
_REDUCED = f"""{_METADATA}
ALTER TABLE everything DROP byte, DROP object, DROP lsn, DROP own_span, DROP strictness, DROP home, DROP contacts, DROP homes,
    DROP office;
ALTER TABLE defaults DROP at_local, DROP on_day, DROP fixed_moment, DROP state, DROP two_feelings, DROP tags, DROP who;
ALTER TABLE names."Mixed Case" DROP "Mood", ALTER labels DROP DEFAULT;
ALTER TABLE customers DROP home;
ALTER TABLE employees ALTER started DROP DEFAULT, ALTER email TYPE email;
ALTER TABLE settings ADD PRIMARY KEY (key);
"""
_CHANGES = "ALTER TABLE pets ADD legs integer; DROP INDEX ix_pets_client_id; ALTER TABLE clients ALTER name TYPE varchar(100)"
_Answers = Mapping[str, dict[str, Any]]


def _made(server: Server, stack: contextlib.ExitStack, script: str) -> Database:
    database = stack.enter_context(fresh_database(server))
    if not script:
        upgrade(database)
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(script.encode())
    return database


@pytest.fixture(scope="module")
def databases(server: Server) -> Iterator[Mapping[str, Database]]:
    scripts = {
        "sync": SYNC,
        "reduced": SYNC + _REDUCED,
        "nasty": NASTY + DRIVER,
        "clinic": CLINIC,
        "changed": CLINIC,
        "typeorm": _OF_TYPEORM,
        "application": "",
    }
    with contextlib.ExitStack() as stack:
        yield {name: _made(server, stack, script) for name, script in scripts.items()}


@pytest.fixture(scope="module")
def folder(
    databases: Mapping[str, Database], settings: Settings, tmp_path_factory: pytest.TempPathFactory, oracles: Path
) -> Path:
    """The entities of each database in a folder of its name, and once more with other options."""
    folder = tmp_path_factory.mktemp("typeorm")
    (folder / "node_modules").symlink_to(oracles)
    for name, database in databases.items():
        _write(database, settings, folder / name)
    _write(databases["sync"], settings, folder / "preserve", casing="preserve", extension=".js")
    shutil.copy(_USE, folder / "sync" / "use.ts")
    with contextlib.closing(connect(databases["changed"], autocommit=True)) as connection:
        connection.execute(_CHANGES.encode())
    return folder


def _write(database: Database, settings: Settings, folder: Path, **options: object) -> None:
    changed = dataclasses.replace(
        settings,
        root=folder,
        sync_paths=(("typeorm", str(folder)),),
        sync_options=(("typeorm", tuple(options.items())),),
    )
    assert {file.status for file in sync(database, settings=changed, targets=["typeorm"]).files} == {"written"}


@pytest.fixture(scope="module")
def problems(folder: Path) -> list[str]:
    """What the compiler says of all of them."""
    asked = {
        "folder": str(folder),
        "files": [path.relative_to(folder).as_posix() for path in folder.glob("*/*.ts")],
        "out": str(folder / "compiled"),
        "options": {"experimentalDecorators": True, "emitDecoratorMetadata": True},
    }
    found: list[str] = json.loads(run_node("tsc.mjs", input=json.dumps(asked)))
    (folder / "compiled" / "node_modules").symlink_to(folder / "node_modules")
    return found


@pytest.fixture(scope="module")
def answers(databases: Mapping[str, Database], folder: Path, problems: list[str]) -> _Answers:
    """What TypeORM says of all of them."""
    assert problems == []
    cases = [
        {
            "name": name,
            "url": database.url(),
            "folder": str(folder / "compiled" / name),
            "use": "use.js" if name == "sync" else "",
        }
        for name, database in {**databases, "preserve": databases["sync"]}.items()
    ]
    found: _Answers = json.loads(run_node("typeorm.mjs", input=json.dumps({"cases": cases})))
    return found


def test_the_compiler_finds_nothing_wrong(problems: list[str]) -> None:
    assert problems == []


@pytest.mark.parametrize("name", ["sync", "preserve", "reduced", "nasty", "clinic", "application", "typeorm"])
def test_migration_generate_proposes_nothing(answers: _Answers, name: str) -> None:
    assert answers[name].get("error") is None
    assert answers[name]["changes"] == []


def test_migration_generate_proposes_what_differs(answers: _Answers) -> None:
    assert answers["changed"]["changes"] == [
        'ALTER TABLE "pets" DROP COLUMN "legs"',
        'ALTER TABLE "clients" DROP COLUMN "name"',
        'ALTER TABLE "clients" ADD "name" character varying(200) NOT NULL',
        'CREATE INDEX "ix_pets_client_id" ON "pets"  ("client_id") ',
    ]


def test_rows_are_saved_and_found_with_their_relations(answers: _Answers) -> None:
    shop, trees, values, odd, _ = answers["sync"]["used"]

    assert shop == {
        "generated": ["string", "2.98", "new", True],
        "customer": "Ann",
        "street": "Road",
        "shipping": None,
        "line": [3, "Ball", ["red", "round"], ["fragile"]],
        "back": 1,
    }
    assert trees == [None, [1]]
    assert values[0][:7] == ["12345678901234567", "1.5", "2024-02-29", "08:30:00", 0, 1, [{"a": 1}]]
    assert values[0][7:11] == [{"b": [2]}, "x", {"x": 1, "y": 2}, 'it\'s "complicated"']
    assert values[0][11:] == [["happy", "so so"], ["a", 'b"c'], "(Road,1,de,2024-02-29)", "{a@b.c}"]
    assert values[1] == ['it\'s "quoted" \\ and `${ticked}` %s ', 10, True, [], "open", True]
    assert odd == ["string", True, "1", "hello", True]


_NO_RECORD = "generated, and TypeORM's table typeorm_metadata is not there"
_LEFT_ALONE = {
    "sync": {
        "Customers": ["home: type public.address"],
        "Defaults": [
            "at_local: default CURRENT_TIMESTAMP",
            "on_day: default CURRENT_DATE",
            "fixed_moment: default '2020-06-01 12:00:00+00'::timestamp with time zone",
            "state: enum billing.state of another schema than the table",
            "two_feelings: default ARRAY['happy'::public.mood, 'happy'::public.mood]",
            "tags: default ARRAY['a'::text, 'b\"c'::text, 'd,e'::text, 'f''g'::text]",
            "who: default CURRENT_USER",
            f"full_name: {_NO_RECORD}",
            f"search: {_NO_RECORD}",
        ],
        "Employees": ["email: domain public.work_email over another domain", "started: default CURRENT_DATE"],
        "Everything": [
            'byte: type "char"',
            "object: type oid",
            "lsn: type pg_lsn",
            "own_span: type public.floatrange",
            'strictness: enum "Back Office".mood of another schema than the table',
            "office: domain public.work_email over another domain",
            "home: type public.address",
            "contacts: type public.email[]",
            "homes: type public.address[]",
        ],
        "NamesMixedCase": [
            "Mood: enum public.mood of another schema than the table",
            "labels: default ARRAY['a-b'::names.label, ''::names.label, '*/'::names.label, 'null'::names.label]",
        ],
        "Products": [f"gross: {_NO_RECORD}", f"search: {_NO_RECORD}"],
        "Settings": ["it has no primary key; key stands in"],
    },
    "reduced": {},
    "clinic": {},
    "application": {"Vaccinations": [f"expires_on: {_NO_RECORD}"]},
    "typeorm": {},
}


@pytest.mark.parametrize("name", list(_LEFT_ALONE))
def test_typeorm_is_told_to_leave_alone_only_what_it_cannot_compare(folder: Path, name: str) -> None:
    found = {}
    for path in sorted((folder / name).glob("*.ts")):
        _, mark, rest = path.read_text().partition("// TypeORM cannot compare this table")
        if mark:
            found[path.stem] = [line[3:] for line in rest.split("\n@")[0].splitlines()[1:] if not line.startswith("// CREATE")]

    assert found == _LEFT_ALONE[name]
