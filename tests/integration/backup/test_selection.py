"""Backups of a part of a database: what is in them, what they say of themselves, and what they are not taken for."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest

from seachange.backup import find_backup
from seachange.backup.checksums import table_checksums
from seachange.backup.contents import read_tables
from seachange.backup.selection import Selection
from seachange.config import Settings
from seachange.errors import BackupNotFoundError, ConfigError
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from tests.integration.backup.conftest import Backer, Restorer, databases_of, fill, left_in
from tests.integration.backup.test_checksums import EVERYTHING

FORMATS = [pytest.param("custom", id="custom"), pytest.param("directory", id="directory")]
NO_LARGE_OBJECTS = "large objects are left out: pg_dump takes all of them or none, and a selection takes none"
ONLY = "extensions and what it refers to elsewhere are left out"


@pytest.fixture(params=FORMATS)
def form(here: Settings, request: pytest.FixtureRequest) -> Settings:
    """Settings of a project that asks for one format or the other."""
    return dataclasses.replace(here, backup_format=request.param)


def read_names(database: Database) -> list[str]:
    """Return the names of all tables of a database."""
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return list(read_tables(session))


@pytest.mark.parametrize(
    ("selection", "tables", "notes"),
    [
        pytest.param(
            Selection(tables=("visits", "parent")),
            ["public.parent", "public.visits_2025", "public.visits_rest"],
            (f"only of table visits, table parent; {ONLY}", NO_LARGE_OBJECTS),
            id="tables with their partitions",
        ),
        pytest.param(
            Selection(tables=('"Größe ""x"""."a b"',)),
            ['"Größe ""x"""."a b"'],
            (f'only of table "Größe ""x"""."a b"; {ONLY}', NO_LARGE_OBJECTS),
            id="a quoted table",
        ),
        pytest.param(
            Selection(schemas=("archive", 'Größe "x"')),
            ['"Größe ""x"""."a b"', "archive.arrays"],
            (f'only of schema archive, schema Größe "x"; {ONLY}', NO_LARGE_OBJECTS),
            id="schemas",
        ),
    ],
)
def test_a_selection_holds_what_was_named_and_says_what_is_missing(
    database: Database, back_up: Backer, form: Settings, selection: Selection, tables: list[str], notes: tuple[str, ...]
) -> None:
    fill(database, EVERYTHING)
    backup = back_up(database, form, selection=selection)
    alive = table_checksums(database, form)

    assert backup.manifest is not None
    assert backup.manifest.tables == {name: alive[name] for name in tables}
    assert set(tables) <= set(backup.manifest.contents.tables) < {*alive, "public.visits", "public.far_away"}
    assert (backup.manifest.scope, backup.manifest.large_objects, backup.manifest.notes) == ("selected", None, notes)
    assert backup.name.endswith("-1750200000000-selected")


def test_a_backup_of_the_schema_has_all_tables_and_no_rows(
    database: Database, back_up: Backer, form: Settings, bring_back: Restorer
) -> None:
    fill(database, EVERYTHING)
    backup = back_up(database, form, selection=Selection(schema_only=True))
    restored = bring_back(backup)

    assert backup.manifest is not None
    assert (backup.manifest.scope, backup.manifest.tables, backup.manifest.large_objects) == ("schema-only", {}, None)
    assert backup.manifest.notes == ("rows and large objects are left out: only the schema is in it",)
    assert {table.rows for table in table_checksums(restored.database, form).values()} == {0}
    assert read_names(restored.database) == read_names(database)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        pytest.param(Selection(schemas=("public", "Public")), "there is no schema 'Public'", id="schema"),
        pytest.param(Selection(tables=("parent", "archive.lost")), "there is no table 'archive.lost'", id="table"),
        pytest.param(Selection(tables=("parent_*",)), "is no name of a table|there is no table", id="pattern"),
        pytest.param(Selection(tables=("a.b.c.d",)), "is no name of a table|there is no table", id="too many parts"),
        pytest.param(Selection(tables=("parent_pkey_index",)), "there is no table", id="index"),
    ],
)
def test_a_name_that_is_not_there_is_said(
    database: Database, back_up: Backer, here: Settings, selection: Selection, message: str
) -> None:
    fill(database, f"{EVERYTHING}; CREATE INDEX parent_pkey_index ON parent (a)")
    with pytest.raises(ConfigError, match=message):
        back_up(database, here, selection=selection)

    assert left_in(here) == []


def test_schemas_and_tables_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="schemas and tables were both selected"):
        Selection(schemas=("public",), tables=("parent",))


def test_the_newest_backup_is_one_of_the_whole_database(clinic: Database, back_up: Backer, here: Settings) -> None:
    back_up(clinic, selection=Selection(schema_only=True))
    with pytest.raises(BackupNotFoundError, match="there is no complete backup"):
        find_backup(here)
    whole = back_up(clinic)
    part = back_up(clinic, selection=Selection(tables=("pets",)))

    assert find_backup(here) == whole
    assert find_backup(here, part.name) == part
    assert (whole.whole, part.whole) == (True, False)


def test_rights_are_asked_for_what_is_taken_only(database: Database, back_up: Backer, here: Settings, server: Server) -> None:
    fill(database, EVERYTHING)
    fill(server.database(), "CREATE ROLE selected_reader LOGIN")
    try:
        fill(database, "GRANT SELECT ON parent TO selected_reader")
        backup = back_up(
            database.with_parameters(user="selected_reader"), dataclasses.replace(here), selection=Selection(tables=("parent",))
        )
        assert backup.manifest is not None
        assert list(backup.manifest.tables) == ["public.parent"]
    finally:
        fill(database, "DROP OWNED BY selected_reader")
        fill(server.database(), "DROP ROLE selected_reader")
    assert "selected_reader" not in databases_of(server)
