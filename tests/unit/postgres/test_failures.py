"""What libpq says about a failed connection becomes one kind of error, with what to do."""

from __future__ import annotations

import pytest

from seachange.errors import (
    AuthenticationFailedError,
    DatabaseMissingError,
    DatabaseUrlError,
    ReadOnlyServerError,
    SeachangeError,
    ServerUnreachableError,
    TlsFailedError,
)
from seachange.postgres import redaction
from seachange.postgres._failures import connection_failure, speaks_of_connection
from seachange.postgres.connection import parse

_PREFIX = 'connection failed: connection to server at "192.0.2.7", port 5432 failed: '


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords of one test are no secrets in the messages of another."""
    monkeypatch.setattr(redaction, "_secrets", {})


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param('FATAL:  password authentication failed for user "ann"', AuthenticationFailedError, id="password"),
        pytest.param("fe_sendauth: no password supplied", AuthenticationFailedError, id="no password"),
        pytest.param('FATAL:  Peer authentication failed for user "ann"', AuthenticationFailedError, id="peer"),
        pytest.param('FATAL:  role "ann" is not permitted to log in', AuthenticationFailedError, id="no login"),
        pytest.param('FATAL:  database "clinic" does not exist', DatabaseMissingError, id="no database"),
        pytest.param("server does not support SSL, but SSL was required", TlsFailedError, id="no TLS"),
        pytest.param("SSL error: certificate verify failed", TlsFailedError, id="certificate of someone else"),
        pytest.param('server certificate for "a" does not match host name "b"', TlsFailedError, id="certificate of another host"),
        pytest.param(
            'root certificate file "/root/.postgresql/root.crt" does not exist', TlsFailedError, id="no root certificate"
        ),
        pytest.param("channel binding is required, but client does not support it", TlsFailedError, id="channel binding"),
        pytest.param('definition of service "x" not found', DatabaseUrlError, id="service"),
        pytest.param('invalid integer value "x" for connection option "port"', DatabaseUrlError, id="no number"),
        pytest.param("session is read-only", ReadOnlyServerError, id="standby where a primary was asked for"),
        pytest.param("FATAL:  sorry, too many clients already", ServerUnreachableError, id="too many clients"),
        pytest.param("FATAL:  remaining connection slots are reserved for roles", ServerUnreachableError, id="slots"),
        pytest.param("FATAL:  the database system is in recovery mode", ServerUnreachableError, id="recovery"),
        pytest.param("FATAL:  the database system is not yet accepting connections", ServerUnreachableError, id="not yet"),
        pytest.param("timeout expired", ServerUnreachableError, id="timeout"),
        pytest.param("server closed the connection unexpectedly", ServerUnreachableError, id="closed"),
        pytest.param('FATAL:  用户 "ann" Password 认证失败', AuthenticationFailedError, id="password in Chinese"),
        pytest.param("FATAL:  la base de données « clinic » n'existe pas", DatabaseMissingError, id="no database in French"),
        pytest.param('FATAL:  データベース"clinic"は存在しません', DatabaseMissingError, id="no database in Japanese"),
    ],
)
def test_failure_is_told_by_its_text(text: str, error: type[SeachangeError]) -> None:
    failure = connection_failure(parse("postgresql://ann:s3cret-k4n@192.0.2.7/clinic"), _PREFIX + text)

    assert error is type(failure)
    assert "postgresql://ann@192.0.2.7/clinic" in failure.message or "'clinic'" in failure.message
    assert text.rsplit(":", maxsplit=1)[-1].strip() in failure.message
    assert failure.hint


def test_one_of_several_hosts_that_the_user_can_mend_counts() -> None:
    text = (
        "timeout expired\nMultiple connection attempts failed. All failures were:\n"
        "- host: 'a', port: None, hostaddr: None: password authentication failed for user \"ann\"\n"
        "- host: 'b', port: None, hostaddr: None: connection timeout expired"
    )
    failure = connection_failure(parse("postgresql://ann@a,b/clinic"), text)

    assert isinstance(failure, AuthenticationFailedError)
    assert "host: 'a'" in failure.message
    assert "host: 'b'" in failure.message


def test_secret_in_the_text_is_masked() -> None:
    failure = connection_failure(parse("postgresql://ann:s3cret-k4n@h/d"), "bad value s3cret-k4n in postgresql://x:0ther@h")

    assert "s3cret" not in failure.message
    assert "0ther" not in failure.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('pg_dump: error: connection to server at "::1", port 1 failed: Connection refused', True, id="refused"),
        pytest.param('pg_dump: error: could not translate host name "x" to address', True, id="no address"),
        pytest.param('psql: error: connection to server on socket "/x" failed: FATAL:  role "a" does not exist', True, id="role"),
        pytest.param('pg_dump: error: query failed: ERROR:  role "a" does not exist', False, id="query"),
        pytest.param("pg_restore: error: could not open file", False, id="file"),
    ],
)
def test_programs_that_could_not_connect_are_told_apart(text: str, *, expected: bool) -> None:
    assert expected is speaks_of_connection(text)
