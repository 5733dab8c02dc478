"""structure.sql of a part of a database."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres import binaries, programs
from seachange.postgres.catalog import Catalog, diff, read_catalog
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.testing.fixtures import fresh_database
from tests.integration.sync.databases import filled_database
from tests.schemas import NASTY


@pytest.fixture
def project(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(settings, root=tmp_path, sync_targets=("sql",))


def _execute(database: Database, script: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as connection:
        connection.execute(script.encode())


def _names(database: Database) -> set[str]:
    with contextlib.closing(connect(database)) as connection:
        catalog: Catalog = read_catalog(connection)
    return {*catalog.relations, *(sequence.qualified for sequence in catalog.sequences)}


def _loaded(server: Server, path: Path, settings: Settings) -> set[str]:
    psql = binaries.client(settings, "psql", major=server.major)
    with fresh_database(server) as target:
        programs.run(psql, ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={path}"], database=target)
        return _names(target)


_OTHERS = """
CREATE TABLE diary (client_id bigint REFERENCES clients, event_id bigint, at timestamptz,
    FOREIGN KEY (event_id, at) REFERENCES events);
CREATE VIEW of_recent AS SELECT * FROM recent_pets;
CREATE TABLE parted (id integer, client_id bigint REFERENCES clients) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
"""


@pytest.mark.parametrize(
    ("chosen", "gone", "said"),
    [
        pytest.param(
            {"sync_exclude": ("clients",)},
            {"clients", "clients_id_seq", "recent", "recent_pets", "of_recent"},
            [
                "-- 17 of 21 tables and views, by sync_schemas, sync_tables and sync_exclude",
                "-- left out, because it needs what is left out: public.of_recent",
                "-- left out, because it refers to what is left out: foreign key parted_client_id_fkey of public.parted",
            ],
            id="a table that others refer to and views read",
        ),
        pytest.param(
            {"sync_exclude": ("pets", "events")},
            {"pets", "pets_id_seq", "counts", "recent_pets", "of_recent"}
            | {"events", "events_id_seq", "events_2024", "events_rest"},
            ["-- left out, because it refers to what is left out: foreign key diary_event_id_at_fkey of public.diary"],
            id="a serial column and partitions",
        ),
        pytest.param(
            {"sync_schemas": ("public", "Odd Schema")},
            {"billing.empty", "billing.invoices", "billing.numbers", "billing.order_"},
            [],
            id="some schemas",
        ),
    ],
)
def test_a_part_of_a_database_loads_by_itself(
    each_server: Server, project: Settings, chosen: dict[str, tuple[str, ...]], gone: set[str], said: list[str]
) -> None:
    with filled_database(each_server, NASTY + _OTHERS) as source:
        everything = _names(source)
        (file,) = sync(source, settings=dataclasses.replace(project, **chosen)).files  # type: ignore[arg-type]
    head = file.path.read_text().split("\n\n")[0].splitlines()

    assert file.status == "written"
    assert everything - _loaded(each_server, file.path, project) == {name if "." in name else f"public.{name}" for name in gone}
    assert [line for line in said if line not in head] == []


def test_only_the_tables_that_are_named_are_there(server: Server, project: Settings) -> None:
    with filled_database(server, NASTY) as source:
        (file,) = sync(source, settings=dataclasses.replace(project, sync_tables=("billing.*", "clients"))).files
    loaded = _loaded(server, file.path, project)

    assert {name for name in loaded if name.startswith("billing")} == {
        "billing.empty",
        "billing.invoices",
        "billing.numbers",
        "billing.order_",
    }
    assert "public.clients" in loaded
    assert "public.pets" not in loaded


def test_a_table_whose_replica_identity_lost_its_index_is_loaded_as_it_is(each_server: Server, project: Settings) -> None:
    script = """
    CREATE TABLE lost (id integer NOT NULL); CREATE UNIQUE INDEX lost_id ON lost (id);
    ALTER TABLE lost REPLICA IDENTITY USING INDEX lost_id; DROP INDEX lost_id;
    CREATE TABLE unnamed (id integer PRIMARY KEY); ALTER TABLE unnamed REPLICA IDENTITY NOTHING;
    """
    psql = binaries.client(project, "psql", major=each_server.major)
    with fresh_database(each_server) as source, fresh_database(each_server) as target:
        _execute(source, script)
        (file,) = sync(source, settings=project).files
        programs.run(psql, ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={file.path}"], database=target)
        with contextlib.closing(connect(source)) as expected, contextlib.closing(connect(target)) as actual:
            differences = diff(read_catalog(expected), read_catalog(actual))

    assert differences == ()
    assert file.path.read_text().count("REPLICA IDENTITY NOTHING;") == 2
