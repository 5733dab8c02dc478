"""Sessions and engines on a real server, and what they say about it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from seachange.errors import DatabaseMissingError
from seachange.postgres.connection import Database, ServerInfo, connect, describe, engine, parse
from tests.integration.postgres.processes import soon
from tests.integration.postgres.sessions import temporary_role, value_of
from tests.integration.postgres.wire import Wire


class TestSession:
    """Every session has a name, timeouts and UTF-8."""

    def test_session_has_settings_of_its_own(self, database: Database) -> None:
        with connect(database, lock_timeout_ms=1500, statement_timeout_ms=45_000, application_name="test run") as session:
            expected = {
                "application_name": "test run",
                "lock_timeout": "1500ms",
                "statement_timeout": "45s",
                "idle_in_transaction_session_timeout": "0",
                "client_encoding": "UTF8",
                "client_connection_check_interval": "1s",
            }
            found = {name: value_of(session, f"show {name}") for name in expected}

            assert expected == found
            assert session.prepare_threshold is None

    def test_session_begins_without_a_transaction(self, database: Database) -> None:
        with connect(database) as session, connect(database, autocommit=True) as other:
            assert session.info.transaction_status.name == "IDLE"
            assert (session.autocommit, other.autocommit) == (False, True)

    def test_limits_of_a_role_do_not_end_a_session(self, database: Database) -> None:
        with connect(database, autocommit=True) as session:
            for name in ("idle_in_transaction_session_timeout", "statement_timeout", "lock_timeout"):
                session.execute(f"alter database {database.name} set {name} = '50ms'")

        with connect(database) as session:
            session.execute("select pg_sleep(0.1)")
            time.sleep(0.2)
            assert value_of(session, "select 1") == 1

    def test_name_in_the_url_counts_more_than_the_programs(self, database: Database) -> None:
        with connect(database.with_parameters(application_name="deploy-42")) as session:
            assert value_of(session, "show application_name") == "deploy-42"

    def test_encoding_of_the_url_cannot_break_texts(self, database: Database) -> None:
        with connect(database.with_parameters(client_encoding="SQL_ASCII")) as session:
            assert value_of(session, "select 'ü'") == "ü"

    def test_options_of_the_url_reach_the_server(self, database: Database) -> None:
        with connect(database.with_parameters(options="-c search_path=a,b -c work_mem=1MB")) as session:
            assert value_of(session, "select current_setting('search_path'), current_setting('work_mem')") == ("a,b", "1MB")

    @pytest.mark.parametrize(
        "form",
        [
            pytest.param("postgresql://{user}@/{name}?host={host}&port={port}", id="socket in the query"),
            pytest.param("postgresql+psycopg://{user}@/{name}?host={host}&port={port}", id="SQLAlchemy"),
            pytest.param("postgresql+asyncpg://{user}@/{name}?host={host}&port={port}&ssl=disable", id="asyncpg"),
            pytest.param("postgresql://{user}@{quoted}:{port}/{name}", id="socket as the host"),
            pytest.param("postgresql://{user}@{quoted}:{port},localhost:1/{name}", id="several hosts, the first answers"),
            pytest.param("postgresql://{user}@localhost:1,{quoted}:{port}/{name}", id="several hosts, the second answers"),
            pytest.param(
                "postgresql:///?host=localhost,{host}&port=1,{port}&user={user}&dbname={name}", id="several hosts in the query"
            ),
            pytest.param("host={host} port={port} user={user} dbname='{name}'", id="key=value"),
        ],
    )
    def test_every_form_of_address_leads_to_the_server(self, database: Database, form: str) -> None:
        parts = {"host": "/nowhere", "port": "5432", "user": "postgres", **database.parameters}
        text = form.format(**parts, name=database.name, quoted=parts["host"].replace("/", "%2F"))

        with connect(parse(text)) as session, engine(parse(text)).connect() as connection:
            assert database.name == value_of(session, "select current_database()")
            assert database.name == connection.scalar(sqlalchemy.text("select current_database()"))

    def test_service_file_leads_to_the_server(self, database: Database, tmp_path: Path) -> None:
        lines = [f"{key}={value}" for key, value in database.parameters.items()]
        (tmp_path / "services").write_text("\n".join(["[here]", *lines]))

        with connect(parse("service=here", environ={"PGSERVICEFILE": str(tmp_path / "services")})) as session:
            assert database.name == value_of(session, "select current_database()")

    def test_variables_of_the_process_redirect_nothing(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "services").write_text("[other]\nhost=elsewhere\nhostaddr=192.0.2.1\noptions=-c work_mem=1MB\nuser=nobody\n")
        hostile = {
            "PGHOST": "elsewhere",
            "PGHOSTADDR": "192.0.2.1",
            "PGPORT": "1",
            "PGUSER": "nobody",
            "PGDATABASE": "nix",
            "PGOPTIONS": "-c work_mem=1MB",
            "PGREQUIREAUTH": "scram-sha-256",
            "PGCHANNELBINDING": "require",
            "PGTARGETSESSIONATTRS": "standby",
            "PGSERVICE": "other",
            "PGSERVICEFILE": str(tmp_path / "services"),
        }
        for name, value in hostile.items():
            monkeypatch.setenv(name, value)

        with connect(database) as session:
            assert (database.name, "4MB") == value_of(session, "select current_database(), current_setting('work_mem')")


class TestEngine:
    """The engine is SQLAlchemy's, its connections are ours."""

    def test_engine_commits_and_rolls_back(self, database: Database) -> None:
        made = engine(database, lock_timeout_ms=1234, application_name="by engine")
        with made.begin() as connection:
            connection.exec_driver_sql("create table t (x int)")
        with made.connect() as connection:
            connection.exec_driver_sql("insert into t values (1)")
        with made.connect() as connection:
            found = connection.exec_driver_sql(
                "select (select count(*) from t), current_setting('lock_timeout'), current_setting('application_name')"
            ).one()

        assert tuple(found) == (0, "1234ms", "by engine")

    def test_engine_keeps_no_connection_open(self, database: Database) -> None:
        made = engine(database, application_name="seachange engine test")
        with made.connect() as connection:
            connection.exec_driver_sql("select 1")

        # The server notices the end of a connection a moment later.
        query = "select count(*) from pg_stat_activity where application_name = 'seachange engine test'"
        with connect(database, autocommit=True) as session:
            assert soon(lambda: value_of(session, query) == 0, seconds=5)

    def test_engine_allows_autocommit(self, database: Database) -> None:
        with engine(database).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("create table t (x int)")
            connection.exec_driver_sql("create index concurrently i on t (x)")

        with connect(database) as session:
            assert value_of(session, "select count(*) from pg_class where relname in ('t', 'i')") == 2

    def test_engine_raises_our_errors_and_shows_no_password(self, database: Database) -> None:
        made = engine(database.with_name("nix").with_parameters(password="k4n4ry"))

        with pytest.raises(DatabaseMissingError):
            made.connect()
        assert "k4n4ry" not in f"{made!r} {made.url!r} {made.url.render_as_string(hide_password=False)}"


class TestDescription:
    """A server is described as this session sees it."""

    def test_server_is_described(self, database: Database) -> None:
        with connect(database) as session:
            info = describe(session)
            version = session.info.server_version

        assert (
            ServerInfo(
                version=version,
                version_text=info.version_text,
                database=database.name,
                user=database.parameters["user"],
                read_only=False,
                pooled=False,
                system_identifier=info.system_identifier,
                size_bytes=info.size_bytes,
            )
            == info
        )
        assert info.major == version // 10_000
        assert info.version_text.split(".")[0].startswith(str(info.major))
        assert info.system_identifier
        assert int(info.system_identifier) > 2**32
        assert info.size_bytes > 1_000_000

    def test_transaction_of_the_caller_stays_as_it_is(self, database: Database) -> None:
        with connect(database) as session:
            describe(session)
            before = session.info.transaction_status.name
            session.execute("create table t ()")
            describe(session)
            after = session.info.transaction_status.name

        assert (before, after) == ("IDLE", "INTRANS")

    def test_read_only_server_is_noticed(self, database: Database) -> None:
        with connect(database, autocommit=True) as session:
            session.execute(f"alter database {database.name} set default_transaction_read_only = on")

        with connect(database) as session:
            assert describe(session).read_only

    def test_pooler_is_noticed(self, database: Database) -> None:
        with Wire(database, pretend_pid=1) as wire, connect(wire.database) as session:
            assert describe(session).pooled

    def test_proxy_that_changes_nothing_is_no_pooler(self, database: Database) -> None:
        with Wire(database) as wire, connect(wire.database) as session:
            assert not describe(session).pooled

    def test_user_without_rights_can_describe(self, database: Database) -> None:
        with connect(database, autocommit=True) as session:
            session.execute("revoke execute on function pg_control_system() from public")
        with temporary_role(database, "login") as role, connect(database.with_parameters(user=role)) as session:
            info = describe(session)

        assert (role, None) == (info.user, info.system_identifier)


def test_sessions_can_be_opened_by_many_threads_at_once(database: Database) -> None:
    found: list[object] = []

    def work() -> None:
        with connect(database) as session:
            found.append(value_of(session, "select 1"))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == [1] * 16
