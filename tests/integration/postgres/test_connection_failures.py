"""What a user is told when there is no server, or it refuses, and how long a server is waited for."""

from __future__ import annotations

import socket
import time
import traceback
from pathlib import Path

import pytest

from seachange.errors import (
    AuthenticationFailedError,
    DatabaseMissingError,
    DatabaseUrlError,
    ExitCode,
    ReadOnlyServerError,
    SeachangeError,
    ServerUnreachableError,
    TlsFailedError,
)
from seachange.postgres.connection import Database, connect, parse, wait_until_reachable
from tests.integration.postgres.sessions import temporary_role
from tests.integration.postgres.wire import Wire, error_response, silent_port


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


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
            temporary_role(database, "login connection limit 0") as role,
            pytest.raises(ServerUnreachableError, match="has no connection left"),
        ):
            connect(database.with_parameters(user=role))

    def test_right_to_connect_is_missing(self, database: Database) -> None:
        with connect(database, autocommit=True) as session:
            session.execute(f"revoke connect on database {database.name} from public")

        with (
            temporary_role(database, "login") as role,
            pytest.raises(AuthenticationFailedError, match="the user may not connect to the database"),
        ):
            connect(database.with_parameters(user=role))


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


def test_traceback_of_a_refused_session_shows_no_password(database: Database) -> None:
    secret = "k4n4ry" + ":/@"
    refused = error_response('password authentication failed for user "ann"', sqlstate="28P01")
    with Wire(database, answers=(refused,)) as wire, pytest.raises(AuthenticationFailedError) as caught:
        connect(wire.database.with_parameters(user="ann", password=secret))

    trace = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    library = "".join(trace.format()).split("seachange/postgres", 1)[1]
    assert secret not in library
    assert secret not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
