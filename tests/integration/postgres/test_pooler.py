"""A real pgbouncer in each of its modes: noticed, refused for migrations, and left as it was found."""

from __future__ import annotations

import contextlib

import psycopg
import pytest

from seachange.errors import ExitCode, RefusedError
from seachange.postgres.connection import Database, connect, describe
from seachange.postgres.lock import migration_lock
from tests.integration.postgres.pgbouncer import pooled

_MODES = [pytest.param("transaction"), pytest.param("session"), pytest.param("statement")]


@pytest.mark.parametrize("mode", _MODES)
def test_a_pooler_gets_no_migration_lock(each_database: Database, mode: str) -> None:
    with (
        pooled(each_database, mode) as behind,
        pytest.raises(RefusedError, match="is behind a connection pooler") as caught,
        migration_lock(behind),
    ):
        pytest.fail("a lock behind a pooler is none")

    assert caught.value.exit_code == ExitCode.REFUSED
    assert caught.value.hint == ("set DIRECT_URL to the server itself; DATABASE_URL may stay the pooler's, for the service")


def test_a_lock_behind_a_pooler_would_be_lent_to_two_clients(database: Database) -> None:
    with pooled(database, "transaction") as behind, _plain(behind) as first, _plain(behind) as second:
        assert (
            first.execute("select pg_try_advisory_lock(7), pg_backend_pid()").fetchone()
            == second.execute("select pg_try_advisory_lock(7), pg_backend_pid()").fetchone()
        )


def test_a_session_of_ours_leaves_no_settings_in_a_pool(database: Database) -> None:
    names = "current_setting('lock_timeout'), current_setting('statement_timeout')"
    with pooled(database, "transaction") as behind:
        with _plain(behind) as before:
            expected = before.execute(f"select {names}").fetchone()
        with contextlib.closing(connect(behind, autocommit=True, lock_timeout_ms=1234)) as ours:
            assert describe(ours).pooled
        with _plain(behind) as after:
            assert after.execute(f"select {names}").fetchone() == expected


def _plain(database: Database) -> contextlib.closing[psycopg.Connection[tuple[object, ...]]]:
    parameters = database.parameters
    opened = psycopg.connect(
        host=parameters["host"], port=parameters["port"], user=parameters["user"], dbname=database.name, autocommit=True
    )
    return contextlib.closing(opened)
