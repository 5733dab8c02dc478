"""The fixtures that tests of this repository, and of other teams, stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres.connection import Database, connect, exists_database
from seachange.testing.fixtures import fresh_database, missing_server

if TYPE_CHECKING:
    from seachange.postgres.server import Server


def test_a_database_is_empty_and_its_own(database: Database, server: Server) -> None:
    with fresh_database(server) as other, connect(other, autocommit=True) as connection:
        connection.execute("create table here (id int)")
        with connect(database) as own:
            assert own.execute("select to_regclass('here')").fetchone() == (None,)


def test_a_database_is_dropped_although_somebody_is_connected(server: Server) -> None:
    with fresh_database(server) as database:
        connection = connect(database)

    assert not exists_database(database)
    connection.close()


def test_oldest_and_newest_major_are_what_they_are_called(each_server: Server, each_database: Database) -> None:
    with connect(each_database) as connection:
        assert connection.info.server_version // 10000 == each_server.major


def test_a_server_is_started_once_for_a_session(server_of: Callable[[int], Server], each_server: Server) -> None:
    assert server_of(each_server.major) is each_server


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_a_missing_server_skips_and_names_the_remedies(value: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"PostgreSQL 12 .*; set SEACHANGE_PG12_BIN"):
        missing_server(_MISSING, environ={"CI": value})


def test_a_missing_server_fails_under_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match="under CI a missing server is a failure"):
        missing_server(_MISSING, environ={"CI": "true"})


_MISSING = BinaryNotFoundError("PostgreSQL 12 was not found", hint="set SEACHANGE_PG12_BIN")


def test_settings_know_nothing_of_the_developers_database(settings: Settings) -> None:
    assert (settings.database_url, settings.environment.get("DATABASE_URL")) == ("", None)
