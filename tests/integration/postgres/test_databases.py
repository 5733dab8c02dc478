"""Whole databases on a real server, under any name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy

from seachange.errors import DatabaseExistsError, DatabaseMissingError, ExitCode, StatementFailedError
from seachange.postgres.connection import (
    Database,
    clone_database,
    connect,
    create_database,
    drop_database,
    engine,
    exists_database,
    parse,
)
from tests.integration.postgres.sessions import temporary_role, value_of

_ODD_NAMES = ["a=b", "-dash", "two words", "quote\"s and 'quotes", "ünï-çødé ☃", "a/b?c#d%e@f:g", "UPPER", "select"]


class TestWholeDatabases:
    """Databases are created, copied and dropped under any name."""

    @pytest.fixture(params=[pytest.param(name, id=name[:12]) for name in _ODD_NAMES])
    def odd(self, server: object, request: pytest.FixtureRequest) -> Iterator[Database]:
        database = server.database(request.param)  # type: ignore[attr-defined]
        yield database
        drop_database(database, force=True)

    def test_database_comes_and_goes_under_an_odd_name(self, odd: Database) -> None:
        before = exists_database(odd)
        create_database(odd)
        with connect(odd) as session, engine(odd).connect() as connection:
            names = {
                value_of(session, "select current_database()"),
                connection.scalar(sqlalchemy.text("select current_database()")),
            }
            by_url = parse(odd.url())

        assert not before
        assert {odd.name} == names
        assert exists_database(by_url)
        assert drop_database(odd)
        assert not exists_database(odd)
        assert not drop_database(odd)

    def test_copy_has_the_data_of_the_original(self, database: Database) -> None:
        with connect(database) as session:
            session.execute("create table t as select 1 as x")
        copy = clone_database(database, f'{database.name} "copy"')
        try:
            with connect(copy) as session:
                assert value_of(session, "select x from t") == 1
        finally:
            drop_database(copy)

    def test_large_database_is_copied_by_files(self, database: Database) -> None:
        with connect(database) as session:
            session.execute("create table t as select repeat('x', 1000) as x from generate_series(1, 80000)")
        copy = clone_database(database, f"{database.name}_copy")
        try:
            with connect(copy) as session:
                assert value_of(session, "select count(*) from t") == 80_000
        finally:
            drop_database(copy)

    def test_owner_is_set(self, database: Database) -> None:
        other = database.with_name(f"{database.name}_owned")
        with temporary_role(database, "") as role, connect(database) as session:
            create_database(other, owner=role)
            try:
                assert role == value_of(
                    session, f"select pg_get_userbyid(datdba) from pg_database where datname = '{other.name}'"
                )
            finally:
                drop_database(other)

    def test_second_of_a_name_is_refused(self, database: Database) -> None:
        with pytest.raises(DatabaseExistsError, match=f"the database '{database.name}' exists already"):
            create_database(database)

    def test_maintenance_database_itself_is_reached_by_another(self, database: Database) -> None:
        with pytest.raises(DatabaseExistsError):
            create_database(database.with_name("postgres"))

    def test_longest_name_is_possible(self, database: Database) -> None:
        longest = database.with_name(database.name.ljust(63, "x"))
        create_database(longest)
        try:
            with connect(longest) as session:
                assert longest.name == value_of(session, "select current_database()")
        finally:
            drop_database(longest)

    def test_name_that_the_server_would_cut_is_refused(self, database: Database) -> None:
        with pytest.raises(StatementFailedError, match="is longer than 63 bytes"):
            create_database(database.with_name("ü" * 32))

    def test_missing_template_is_named(self, database: Database) -> None:
        with pytest.raises(DatabaseMissingError, match=r"cannot create the database 'copy'.*nix"):
            create_database(database.with_name("copy"), template="nix")

    def test_right_to_create_is_missing(self, database: Database) -> None:
        with (
            temporary_role(database, "login") as role,
            pytest.raises(StatementFailedError, match="permission denied to create database") as caught,
        ):
            create_database(database.with_name("x").with_parameters(user=role))

        assert "createdb" in caught.value.hint

    def test_database_in_use_is_dropped_by_force_only(self, database: Database) -> None:
        session = connect(database)
        try:
            with pytest.raises(StatementFailedError, match="is being accessed by other users") as caught:
                drop_database(database)
            assert caught.value.exit_code == ExitCode.TRY_AGAIN
            assert drop_database(database, force=True)
        finally:
            session.close()

        assert not exists_database(database)
