"""structure.sql and schema.md from real servers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ProgramFailedError, TimeoutExceededError
from seachange.postgres import binaries, programs
from seachange.postgres.catalog import Catalog, diff, read_catalog
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.testing.fixtures import fresh_database
from tests.schemas import CLINIC, NASTY, SYNC, VIEWS


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, root=tmp_path)


@contextlib.contextmanager
def _filled(database: Database, script: str) -> Iterator[Session]:
    with contextlib.closing(connect(database)) as connection:
        connection.execute(script.encode())
        connection.commit()
        yield connection


def _catalog(database: Database) -> Catalog:
    with contextlib.closing(connect(database)) as connection:
        return read_catalog(connection)


def _load(database: Database, path: Path, settings: Settings) -> None:
    with contextlib.closing(connect(database)) as connection:
        major = connection.info.server_version // 10000
    psql = binaries.client(settings, "psql", major=major)
    programs.run(psql, ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={path}"], database=database)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(CLINIC, id="clinic"),
        pytest.param(NASTY, id="nasty"),
        pytest.param(SYNC, id="sync"),
        pytest.param(VIEWS, id="views"),
        pytest.param("select", id="empty"),
    ],
)
def test_structure_sql_makes_the_same_schema_in_an_empty_database(each_server: Server, project: Settings, script: str) -> None:
    with fresh_database(each_server) as source, fresh_database(each_server) as target, _filled(source, script):
        result = sync(source, settings=project)
        _load(target, result.files[0].path, project)
        expected, actual = _catalog(source), _catalog(target)

    assert [difference.sentence for difference in diff(expected, actual)] == []
    assert expected.fingerprint == actual.fingerprint == result.fingerprint


def test_a_second_run_writes_nothing(database: Database, project: Settings) -> None:
    with _filled(database, NASTY):
        first = sync(database, settings=project, revision="r1")
        before = {file.path: file.path.stat() for file in first.files}
        second = sync(database, settings=project, revision="r1")

    assert [(file.path.name, file.status) for file in first.files] == [
        ("structure.sql", "written"),
        ("schema.md", "written"),
        ("schema.json", "written"),
    ]
    assert [(file.path.name, file.status) for file in second.files] == [
        ("structure.sql", "unchanged"),
        ("schema.md", "unchanged"),
        ("schema.json", "unchanged"),
    ]
    assert {path: (status.st_ino, status.st_mtime_ns) for path, status in before.items()} == {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in before
    }


def test_another_database_with_the_same_schema_gives_the_same_bytes(server: Server, project: Settings) -> None:
    with fresh_database(server) as one, fresh_database(server) as other, _filled(one, NASTY):
        with contextlib.closing(connect(other, autocommit=True)) as connection:
            connection.execute("create table earlier (id serial primary key); drop table earlier")
            connection.execute(f"alter database {other.name} set timezone to 'Asia/Tokyo'".encode())
            connection.execute(f"alter database {other.name} set datestyle to 'SQL, DMY'".encode())
        with _filled(other, NASTY) as connection:
            assert connection.execute("show timezone").fetchone() == ("Asia/Tokyo",)
        first = sync(one, settings=project, revision="r1")
        second = sync(other, settings=project, revision="r1", check=True)

    assert [(file.status, file.diff) for file in second.files] == [("unchanged", "")] * 3
    assert first.fingerprint == second.fingerprint


def test_the_headers_say_revision_and_fingerprint(database: Database, project: Settings) -> None:
    with _filled(database, CLINIC):
        result = sync(database, settings=project, revision="1750200000000")
    structure, schema, document = (file.path.read_text() for file in result.files)

    assert (json.loads(document)["revision"], json.loads(document)["fingerprint"]) == ("1750200000000", result.fingerprint)
    assert structure.splitlines()[1:3] == ["-- revision: 1750200000000", f"-- catalogue: {result.fingerprint}"]
    assert "- Revision: `1750200000000`\n" in schema
    assert f"- Catalogue: `{result.fingerprint}`\n" in schema


def test_structure_sql_has_nothing_of_the_run_the_server_or_its_roles(server: Server, project: Settings) -> None:
    script = "create role sync_reader; grant select on clients to sync_reader; insert into alembic_version values ('r1')"
    with (
        fresh_database(server) as database,
        _filled(database, f"create table alembic_version (version_num text); {CLINIC} {script}"),
    ):
        text = sync(database, settings=project).files[0].path.read_text()
        with contextlib.closing(connect(database, autocommit=True)) as connection:
            connection.execute("drop owned by sync_reader; drop role sync_reader")

    assert not re.search(r"restrict|Dumped|GRANT|OWNER TO|sync_reader|transaction_timeout|INSERT|COPY|'r1'", text)
    assert "CREATE TABLE public.alembic_version" in text
    assert "seachange." not in text


def test_checking_shows_what_is_stale_and_writes_nothing(database: Database, project: Settings) -> None:
    with _filled(database, CLINIC) as connection:
        sync(database, settings=project)
        before = [path.read_bytes() for path in sorted((project.root / "schema").iterdir())]
        connection.execute("alter table pets add phone varchar(20)")
        connection.commit()
        result = sync(database, settings=project, check=True)

    assert [file.status for file in result.files] == ["stale", "stale", "stale"]
    assert "+    phone character varying(20)" in result.files[0].diff
    assert "+| `phone` | `varchar(20)` | yes |" in result.files[1].diff
    assert before == [path.read_bytes() for path in sorted((project.root / "schema").iterdir())]


def test_only_the_schemas_of_the_settings_are_described(each_database: Database, project: Settings) -> None:
    with _filled(each_database, NASTY):
        result = sync(each_database, settings=dataclasses.replace(project, schemas=("public", "Odd Schema")))
    structure, schema, document = (file.path.read_text() for file in result.files)

    assert {table["schema"] for table in json.loads(document)["tables"]} == {"public", "Odd Schema"}
    assert "CREATE EXTENSION IF NOT EXISTS citext" in structure
    assert 'CREATE TABLE "Odd Schema"."Order' in structure
    assert "CREATE SCHEMA public" not in structure
    assert "billing" not in structure
    assert "### `billing" not in schema


def test_without_pg_dump_the_file_is_skipped_with_the_reason(
    database: Database, project: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "installations", lambda _settings, **_: ())
    with _filled(database, CLINIC):
        structure, schema, _ = sync(database, settings=project).files

    assert (structure.status, schema.status) == ("skipped", "written")
    assert "pg_dump of PostgreSQL" in structure.reason
    assert not structure.path.exists()


def test_a_locked_table_is_waited_for_within_the_timeout(database: Database, project: Settings) -> None:
    with _filled(database, CLINIC) as holder:
        holder.execute("lock table pets in access exclusive mode")
        with pytest.raises((ProgramFailedError, TimeoutExceededError)) as caught:
            sync(database, settings=dataclasses.replace(project, migration_timeout=200, lock_timeout=200))

    assert "lock" in caught.value.hint
    assert not (project.root / "schema").exists()


def test_a_table_that_may_not_be_read_is_named(server: Server, project: Settings) -> None:
    with fresh_database(server) as database, _filled(database, CLINIC + "create role sync_nobody login") as connection:
        structure, *others = sync(database.with_parameters(user="sync_nobody"), settings=project).files
        connection.execute("drop role sync_nobody")
        connection.commit()
    assert structure.status == "failed"
    assert "permission denied for table" in structure.reason
    assert [file.status for file in others] == ["written", "written"]


def test_a_folder_that_cannot_be_made_is_named(database: Database, project: Settings) -> None:
    (project.root / "schema").write_text("a file")
    with _filled(database, CLINIC):
        files = sync(database, settings=project).files

    assert [file.status for file in files] == ["failed"] * 3
    assert "schema/structure.sql cannot be written" in files[0].reason
    assert "sync_dir" in files[0].hint


def test_both_files_show_one_moment(server_of: Callable[[int], Server], project: Settings, tmp_path: Path) -> None:
    # A pg_dump that lets another session change the schema before it begins.
    with fresh_database(server_of(15)) as database, _filled(database, CLINIC):
        real = binaries.client(project, "pg_dump", major=15)
        folder = tmp_path / "bin"
        folder.mkdir()
        for path in real.parent.iterdir():
            if path.name != "pg_dump":
                (folder / path.name).symlink_to(path)
        psql = binaries.client(project, "psql", major=15)
        script = folder / "pg_dump"
        script.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] || {psql} -q -c \'create table too_late ()\' || exit 9\nexec {real} "$@"\n'
        )
        script.chmod(0o755)
        changed = dataclasses.replace(project, environment={**project.environment, "SEACHANGE_PG15_BIN": str(folder)})
        result = sync(database, settings=changed)

        assert "too_late" in {table.name for table in _catalog(database).tables}
    assert [("too_late" in file.path.read_text()) for file in result.files] == [False, False, False]


def test_of_a_folder_that_cannot_be_written_whole_no_file_is_written_nor_said_to_be(
    database: Database, project: Settings
) -> None:
    (project.root / "schema" / "docs" / "style.css").mkdir(parents=True)
    with _filled(database, CLINIC):
        (failed,) = sync(database, settings=project, targets=("docs",)).files

    assert failed.status == "failed"
    assert "style.css cannot be written" in failed.reason
    assert [path.name for path in (project.root / "schema" / "docs").rglob("*")] == ["style.css"]
