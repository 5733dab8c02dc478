"""pydantic_models.py as programs use it: a type checker, patterns, and runs after the first."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pydantic
from psycopg import sql

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from tests.integration.sync.generated import checked, described, imported
from tests.schemas import CLINIC, SYNC

_CONSUMER = """
from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import class_row

from nasty import Address, EverythingInsert, EverythingRow, Mood, UserInsert, UserRow, register_types


def happy(connection: psycopg.Connection[Any]) -> list[EverythingRow]:
    register_types(connection)
    with connection.cursor(row_factory=class_row(EverythingRow)) as cursor:
        return cursor.execute("SELECT * FROM everything WHERE feeling = %s", [Mood.HAPPY]).fetchall()


def described(row: EverythingRow, user: UserRow) -> str:
    tags = [tag.upper() for tag in row.tags or ()]
    street = row.home.street if row.home else None
    return f"{user.class_} {tags} {street} {row.stay.lower.isoformat() if row.stay and row.stay.lower else ''}"


USER = UserInsert(id=1, class_="x", json_="y")
ROW = EverythingInsert(count_=1, home=Address("a", None, None, None), feelings=[Mood.EMPTY])
"""

_WRONG = """
from nasty import EverythingRow, UserInsert


def wrong(row: EverythingRow) -> int:
    print(row.body.upper())
    return row.feeling


USER = UserInsert(class_="x")
"""


def test_the_models_are_clean_for_a_type_checker(server: Server, settings: Settings, tmp_path: Path) -> None:
    for name, script in {"nasty": SYNC, "clinic": CLINIC}.items():
        with described(server, settings, script, tmp_path / name) as found:
            (tmp_path / f"{name}.py").write_bytes((found.folder / "pydantic_models.py").read_bytes())
    (tmp_path / "consumer.py").write_text(_CONSUMER)
    (tmp_path / "wrong.py").write_text(_WRONG)
    result = checked(tmp_path, "nasty.py", "clinic.py", "consumer.py", "wrong.py")

    assert sorted(line.split(": error")[0] for line in result.stdout.splitlines() if "error:" in line) == [
        "wrong.py:10",
        "wrong.py:6",
        "wrong.py:7",
    ], result.stdout


def test_a_second_run_writes_nothing_until_the_schema_changes(database: Database, settings: Settings, tmp_path: Path) -> None:
    chosen = dataclasses.replace(settings, root=tmp_path, sync_options=(("pydantic", (("extra", "forbid"),)),))
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(CLINIC.encode())
        first, second = (sync(database, settings=chosen, targets=("pydantic",), revision="r1").files[0] for _ in range(2))
        connection.execute(b"ALTER TABLE clients ALTER name TYPE varchar(300)")
        stale = sync(database, settings=chosen, targets=("pydantic",), revision="r1", check=True).files[0]

    assert [first.status, second.status, stale.status] == ["written", "unchanged", "stale"]
    assert "-    name: Varchar200\n+    name: Varchar300\n" in stale.diff
    assert first.path.read_text().splitlines()[2:4] == [
        "Written by Seachange from the database; `invoke db.sync --target pydantic` writes it anew.",
        "revision: r1",
    ]


_TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "abc",
    "a.b",
    "a-b",
    "a\n",
    "\na",
    "a\nb",
    "é",
    "1",
    "12",
    "a1",
    "a@b.c",
    " ",
    "_",
    "$",
    "x{2}",
    "xx",
    "aé",
    "0-9",
    "(",
    "a|b",
]
_PATTERNS = {
    "letters": "^[a-z]+$",
    "no bracket at all": "b",
    "not among": "^[^@]+$",
    "escaped": r"^[a-z]\.[a-z]$",
    "times": "^x{2,3}$",
    "at least": "^[a-z0-9]{2,}$",
    "or": "^a|b$",
    "group": "^(a|ab)(c|b)?$",
    "hyphen": "^[a-z0-9-]+$",
    "mail": r"^[^@]+@[A-Za-z0-9._-]+\.[a-z]+$",
}


def test_patterns_of_domains_match_what_postgresql_matches(database: Database, settings: Settings, tmp_path: Path) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        for name, pattern in _PATTERNS.items():
            statement = sql.SQL("CREATE DOMAIN {0} AS text CHECK (VALUE ~ {1}); CREATE TABLE {2} (x {0})")
            connection.execute(statement.format(sql.Identifier(name), sql.Literal(pattern), sql.Identifier(f"table {name}")))
        file = sync(database, settings=dataclasses.replace(settings, root=tmp_path), targets=("pydantic",)).files[0]
        models = vars(imported(file.path, "models_of_patterns"))
        question = "SELECT %s::text ~ %s"
        asked = {
            (name, text): bool(next(iter(connection.execute(question, [text, pattern]).fetchone() or ())))
            for name, pattern in _PATTERNS.items()
            for text in _TEXTS
        }
    answered = {
        (name, text): _fits(models["Table" + name.title().replace(" ", "") + "Insert"], text)
        for name in _PATTERNS
        for text in _TEXTS
    }

    assert file.path.read_text().count("pattern=") == len(_PATTERNS)
    assert answered == asked


def _fits(model: type[pydantic.BaseModel], text: str) -> bool:
    try:
        model(x=text)
    except pydantic.ValidationError:
        return False
    return True
