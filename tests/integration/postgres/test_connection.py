"""Sessions, engines and whole databases on a real server, and what a user is told when there is none."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from seachange.errors import (
    AuthenticationFailedError,
    DatabaseExistsError,
    DatabaseMissingError,
    DatabaseUrlError,
    ExitCode,
    ReadOnlyServerError,
    SeachangeError,
    ServerUnreachableError,
    StatementFailedError,
    TlsFailedError,
)
from seachange.postgres.connection import (
    Database,
    ServerInfo,
    Session,
    clone_database,
    connect,
    create_database,
    describe,
    drop_database,
    engine,
    exists_database,
    parse,
    wait_until_reachable,
)
from tests.integration.postgres.wire import Wire, error_response, silent_port

_ODD_NAMES = ["a=b", "-dash", "two words", "quote\"s and 'quotes", "ünï-çødé ☃", "a/b?c#d%e@f:g", "UPPER", "select"]


def _one(session: Session, query: str) -> object:
    row = session.execute(query).fetchone()
    assert row
    return row[0] if len(row) == 1 else row


@contextlib.contextmanager
def _role(database: Database, options: str) -> Iterator[str]:
    name = f'role of "{database.name}"'
    identifier = psycopg.sql.Identifier(name).as_string()
    with connect(database, autocommit=True) as session:
        session.execute(f"create role {identifier} {options}")
        try:
            yield name
        finally:
            session.execute(f"drop role {identifier}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


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
            found = {name: _one(session, f"show {name}") for name in expected}

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
            assert _one(session, "select 1") == 1

    def test_name_in_the_url_counts_more_than_the_programs(self, database: Database) -> None:
        with connect(database.with_parameters(application_name="deploy-42")) as session:
            assert _one(session, "show application_name") == "deploy-42"

    def test_encoding_of_the_url_cannot_break_texts(self, database: Database) -> None:
        with connect(database.with_parameters(client_encoding="SQL_ASCII")) as session:
            assert _one(session, "select 'ü'") == "ü"

    def test_options_of_the_url_reach_the_server(self, database: Database) -> None:
        with connect(database.with_parameters(options="-c search_path=a,b -c work_mem=1MB")) as session:
            assert _one(session, "select current_setting('search_path'), current_setting('work_mem')") == ("a,b", "1MB")

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
            assert database.name == _one(session, "select current_database()")
            assert database.name == connection.scalar(sqlalchemy.text("select current_database()"))

    def test_service_file_leads_to_the_server(self, database: Database, tmp_path: Path) -> None:
        lines = [f"{key}={value}" for key, value in database.parameters.items()]
        (tmp_path / "services").write_text("\n".join(["[here]", *lines]))

        with connect(parse("service=here", environ={"PGSERVICEFILE": str(tmp_path / "services")})) as session:
            assert database.name == _one(session, "select current_database()")

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
            assert (database.name, "4MB") == _one(session, "select current_database(), current_setting('work_mem')")


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
        deadline = time.monotonic() + 5
        with connect(database, autocommit=True) as session:
            while (
                _one(session, "select count(*) from pg_stat_activity where application_name = 'seachange engine test'")
                and time.monotonic() < deadline
            ):
                time.sleep(0.01)
            assert _one(session, "select count(*) from pg_stat_activity where application_name = 'seachange engine test'") == 0

    def test_engine_allows_autocommit(self, database: Database) -> None:
        with engine(database).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("create table t (x int)")
            connection.exec_driver_sql("create index concurrently i on t (x)")

        with connect(database) as session:
            assert _one(session, "select count(*) from pg_class where relname in ('t', 'i')") == 2

    def test_engine_raises_our_errors_and_shows_no_password(self, database: Database) -> None:
        made = engine(database.with_name("nix").with_parameters(password="k4n4ry"))

        with pytest.raises(DatabaseMissingError):
            made.connect()
        assert "k4n4ry" not in f"{made!r} {made.url!r} {made.url.render_as_string(hide_password=False)}"


class TestFailure:
    """Whoever cannot connect is told why, with what to do, and never with a password."""

    def test_nobody_listens(self) -> None:
        port = _free_port()
        with pytest.raises(ServerUnreachableError) as caught:
            connect(parse(f"postgresql://ann:k4n4ry@127.0.0.1:{port}/d"))

        assert (
            f"cannot reach postgresql://ann@127.0.0.1:{port}/d: "
            f'connection to server at "127.0.0.1", port {port} failed: Connection refused'
        ) == caught.value.message
        assert "invoke db.start" in caught.value.hint
        assert caught.value.exit_code == ExitCode.TRY_AGAIN

    def test_nobody_listens_at_any_of_several_hosts(self) -> None:
        one, two = _free_port(), _free_port()
        with pytest.raises(ServerUnreachableError, match=f"{one}.*{two}"):
            connect(parse(f"postgresql://127.0.0.1:{one},127.0.0.1:{two}/d"))

    def test_socket_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ServerUnreachableError, match=r"No such file or directory"):
            connect(parse(f"postgresql:///d?host={tmp_path}"))

    def test_host_has_no_address(self) -> None:
        with pytest.raises(ServerUnreachableError, match=r"the host of postgresql://nix\.invalid/d has no address"):
            connect(parse("postgresql://nix.invalid/d"))

    def test_server_says_nothing(self) -> None:
        begin = time.monotonic()
        with silent_port() as port, pytest.raises(ServerUnreachableError, match="timeout expired"):
            connect(parse(f"postgresql://127.0.0.1:{port}/d?sslmode=disable"), connect_timeout_s=0.5)

        assert time.monotonic() - begin < 2

    def test_database_is_missing(self, database: Database) -> None:
        missing = database.with_name("no such")
        with pytest.raises(DatabaseMissingError) as caught:
            connect(missing)

        assert caught.value.message.startswith(f"the database 'no such' does not exist at {missing.redacted}: ")
        assert "createdb" in caught.value.hint
        assert caught.value.exit_code == ExitCode.ERROR

    def test_role_is_missing(self, database: Database) -> None:
        with pytest.raises(AuthenticationFailedError, match="the user cannot log in"):
            connect(database.with_parameters(user="nobody at all"))

    @pytest.mark.parametrize(
        ("parameters", "error"),
        [
            pytest.param({"sslrootcert": "/nonexistent", "sslmode": "verify-full"}, TlsFailedError, id="certificate missing"),
            pytest.param({"sslmode": "require"}, TlsFailedError, id="server without TLS"),
            pytest.param({"require_auth": "scram-sha-256"}, AuthenticationFailedError, id="server asks for no password"),
            pytest.param({"keepalives_idle": "x"}, DatabaseUrlError, id="no number"),
            pytest.param({"port": "1,2,3"}, DatabaseUrlError, id="more ports than hosts"),
            pytest.param({"target_session_attrs": "standby"}, ReadOnlyServerError, id="no such kind of server"),
        ],
    )
    def test_parameters_that_cannot_work(
        self, database: Database, parameters: dict[str, str], error: type[SeachangeError]
    ) -> None:
        with Wire(database) as wire, pytest.raises(error) as caught:
            connect(wire.database.with_parameters(**parameters))

        assert caught.value.hint

    @pytest.mark.parametrize(
        ("answer", "error", "message"),
        [
            pytest.param(
                error_response("the database system is starting up", sqlstate="57P03"),
                ServerUnreachableError,
                "is not ready",
                id="starting up",
            ),
            pytest.param(
                error_response("sorry, too many clients already", sqlstate="53300"),
                ServerUnreachableError,
                "has no connection left",
                id="too many clients",
            ),
            pytest.param(
                error_response('no pg_hba.conf entry for host "::1", user "ann", database "d", no encryption', sqlstate="28000"),
                AuthenticationFailedError,
                "does not let this user in from here",
                id="pg_hba.conf",
            ),
            pytest.param(
                error_response("Passwort-Authentifizierung für Benutzer »ann« fehlgeschlagen", sqlstate="28P01"),
                AuthenticationFailedError,
                "refused the user or the password",
                id="wrong password in German",
            ),
            pytest.param(
                error_response('база данных "d" не существует', sqlstate="3D000", severity="ВАЖНО"),
                DatabaseMissingError,
                "the database 'd' cannot be opened",
                id="missing database in Russian",
            ),
            pytest.param(
                error_response("terminating connection due to administrator command", sqlstate="57P01"),
                ServerUnreachableError,
                "cannot reach",
                id="anything else",
            ),
        ],
    )
    def test_refusal_of_a_server_is_told_apart(
        self, database: Database, answer: bytes, error: type[SeachangeError], message: str
    ) -> None:
        with Wire(database, answers=(answer,)) as wire, pytest.raises(error, match=message) as caught:
            connect(wire.database.with_parameters(user="ann", dbname="d"))

        assert caught.value.hint

    def test_connection_limit_is_worth_another_try(self, database: Database) -> None:
        with (
            _role(database, "login connection limit 0") as role,
            pytest.raises(ServerUnreachableError, match="has no connection left"),
        ):
            connect(database.with_parameters(user=role))

    def test_right_to_connect_is_missing(self, database: Database) -> None:
        with connect(database, autocommit=True) as session:
            session.execute(f"revoke connect on database {database.name} from public")

        with (
            _role(database, "login") as role,
            pytest.raises(AuthenticationFailedError, match="the user may not connect to the database"),
        ):
            connect(database.with_parameters(user=role))


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
        with _role(database, "login") as role, connect(database.with_parameters(user=role)) as session:
            info = describe(session)

        assert (role, None) == (info.user, info.system_identifier)


class TestWaiting:
    """A server that is not there yet is waited for, a wrong address is not."""

    def test_server_that_starts_is_waited_for(self, database: Database) -> None:
        starting = error_response("the database system is starting up", sqlstate="57P03")
        seen: list[tuple[int, str]] = []
        with Wire(database, answers=(starting, starting)) as wire:
            info = wait_until_reachable(
                wire.database, timeout_s=20, on_retry=lambda attempt, failure: seen.append((attempt, failure.message))
            )

        assert database.name == info.database
        assert [attempt for attempt, _ in seen] == [2, 3]
        assert "the database system is starting up" in seen[0][1]

    def test_time_is_up(self) -> None:
        begin = time.monotonic()
        with pytest.raises(ServerUnreachableError, match=r"Connection refused \(tried \d+ times in 1 s\)") as caught:
            wait_until_reachable(parse(f"postgresql://127.0.0.1:{_free_port()}/d"), timeout_s=1)

        assert 0.3 < time.monotonic() - begin < 2
        assert caught.value.hint

    def test_time_is_up_with_a_server_that_says_nothing(self) -> None:
        begin = time.monotonic()
        with silent_port() as port, pytest.raises(ServerUnreachableError):
            wait_until_reachable(parse(f"postgresql://127.0.0.1:{port},127.0.0.1:{port}/d?sslmode=disable"), timeout_s=2)

        assert time.monotonic() - begin < 4

    def test_missing_database_is_not_waited_for(self, database: Database) -> None:
        begin = time.monotonic()
        with pytest.raises(DatabaseMissingError):
            wait_until_reachable(database.with_name("nix"), timeout_s=20)

        assert time.monotonic() - begin < 5


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
            names = {_one(session, "select current_database()"), connection.scalar(sqlalchemy.text("select current_database()"))}
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
                assert _one(session, "select x from t") == 1
        finally:
            drop_database(copy)

    def test_large_database_is_copied_by_files(self, database: Database) -> None:
        with connect(database) as session:
            session.execute("create table t as select repeat('x', 1000) as x from generate_series(1, 80000)")
        copy = clone_database(database, f"{database.name}_copy")
        try:
            with connect(copy) as session:
                assert _one(session, "select count(*) from t") == 80_000
        finally:
            drop_database(copy)

    def test_owner_is_set(self, database: Database) -> None:
        other = database.with_name(f"{database.name}_owned")
        with _role(database, "") as role, connect(database) as session:
            create_database(other, owner=role)
            try:
                assert role == _one(session, f"select pg_get_userbyid(datdba) from pg_database where datname = '{other.name}'")
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
                assert longest.name == _one(session, "select current_database()")
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
            _role(database, "login") as role,
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


def test_sessions_can_be_opened_by_many_threads_at_once(database: Database) -> None:
    found: list[object] = []

    def work() -> None:
        with connect(database) as session:
            found.append(_one(session, "select 1"))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == [1] * 16


def test_traceback_of_a_refused_session_shows_no_password(database: Database) -> None:
    secret = "k4n4ry" + ":/@"
    refused = error_response('password authentication failed for user "ann"', sqlstate="28P01")
    with Wire(database, answers=(refused,)) as wire, pytest.raises(AuthenticationFailedError) as caught:
        connect(wire.database.with_parameters(user="ann", password=secret))

    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    library = "".join(trace.format()).split("seachange/postgres", 1)[1]
    assert secret not in library
    assert secret not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
