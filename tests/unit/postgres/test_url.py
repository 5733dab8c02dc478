"""Every spelling of a database's address is read as libpq, SQLAlchemy and asyncpg mean it, and no message shows a secret."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from seachange.errors import DatabaseUrlError
from seachange.postgres import redaction
from seachange.postgres.connection import Database, parse


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords of one test are no secrets in the messages of another."""
    monkeypatch.setattr(redaction, "_secrets", {})


_FULL = {"user": "ann", "password": "s3cret", "host": "db.example", "port": "5433", "dbname": "clinic"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("postgresql://ann:s3cret@db.example:5433/clinic", _FULL, id="libpq"),
        pytest.param("postgres://ann:s3cret@db.example:5433/clinic", _FULL, id="short scheme"),
        pytest.param("POSTGRESQL://ann:s3cret@db.example:5433/clinic", _FULL, id="scheme in capitals"),
        pytest.param(" postgresql://ann:s3cret@db.example:5433/clinic\n", _FULL, id="white space around, as from a file"),
        pytest.param("postgresql+psycopg://ann:s3cret@db.example:5433/clinic", _FULL, id="psycopg"),
        pytest.param("postgresql+psycopg_async://ann:s3cret@db.example:5433/clinic", _FULL, id="psycopg async"),
        pytest.param("postgresql+psycopg2://ann:s3cret@db.example:5433/clinic", _FULL, id="psycopg2"),
        pytest.param("postgresql+asyncpg://ann:s3cret@db.example:5433/clinic", _FULL, id="asyncpg"),
        pytest.param("postgres+pg8000://ann:s3cret@db.example:5433/clinic", _FULL, id="pg8000 with the short scheme"),
        pytest.param("host=db.example port=5433 user=ann password=s3cret dbname=clinic", _FULL, id="key=value"),
        pytest.param("dbname = 'a b' password='it\\'s'", {"dbname": "a b", "password": "it's"}, id="key=value, quoted"),
        pytest.param("postgresql://", {}, id="nothing at all"),
        pytest.param("postgresql:///clinic", {"dbname": "clinic"}, id="name only"),
        pytest.param("postgresql://localhost", {"host": "localhost"}, id="host only"),
        pytest.param("postgresql://ann@/clinic", {"user": "ann", "dbname": "clinic"}, id="user and an empty host"),
        pytest.param("postgresql://:5433/clinic", {"port": "5433", "dbname": "clinic"}, id="port without a host"),
        pytest.param(
            "postgresql://ann@localhost:/clinic", {"user": "ann", "host": "localhost", "dbname": "clinic"}, id="empty port"
        ),
        pytest.param(
            "postgresql://a%40b:p%40%3A%2F%3F%23%25%20w@h/d",
            {"user": "a@b", "password": "p@:/?#% w", "host": "h", "dbname": "d"},
            id="percent-encoded user and password",
        ),
        pytest.param(
            "postgresql://u:p:q@h/d", {"user": "u", "password": "p:q", "host": "h", "dbname": "d"}, id="colon in a password"
        ),
        pytest.param(
            "postgresql://u:p#q@h/d", {"user": "u", "password": "p#q", "host": "h", "dbname": "d"}, id="hash in a password"
        ),
        pytest.param("postgresql://h/a%2Fb%20c%3Dd", {"host": "h", "dbname": "a/b c=d"}, id="percent-encoded name"),
        pytest.param("postgresql://h/-dash", {"host": "h", "dbname": "-dash"}, id="name with a dash"),
        pytest.param("postgresql://h/a=b", {"host": "h", "dbname": "a=b"}, id="name with an equals sign"),
        pytest.param("postgresql:///d?host=/run/pg&port=5433", {"dbname": "d", "host": "/run/pg", "port": "5433"}, id="socket"),
        pytest.param(
            "postgresql://u@%2Frun%2Fpg:5433/d",
            {"user": "u", "host": "/run/pg", "port": "5433", "dbname": "d"},
            id="encoded socket",
        ),
        pytest.param(
            "postgresql://u@localhost:5433/d?host=/s",
            {"user": "u", "host": "/s", "port": "5433", "dbname": "d"},
            id="query host wins",
        ),
        pytest.param("postgresql://[::1]:5433/d", {"host": "::1", "port": "5433", "dbname": "d"}, id="IPv6"),
        pytest.param("postgresql://[2001:db8::1]/d", {"host": "2001:db8::1", "dbname": "d"}, id="IPv6 without a port"),
        pytest.param("postgresql://a:1,b:2/d", {"host": "a,b", "port": "1,2", "dbname": "d"}, id="several hosts"),
        pytest.param(
            "postgresql://a,b:2,[::1]/d", {"host": "a,b,::1", "port": ",2,", "dbname": "d"}, id="several hosts, one port"
        ),
        pytest.param("postgresql://a,b/d", {"host": "a,b", "dbname": "d"}, id="several hosts without ports"),
        pytest.param(
            "postgresql:///d?host=a,b&port=1,2", {"host": "a,b", "port": "1,2", "dbname": "d"}, id="several hosts in the query"
        ),
        pytest.param(
            "postgresql+psycopg://u@/d?host=a:1&host=b:2",
            {"user": "u", "host": "a,b", "port": "1,2", "dbname": "d"},
            id="several hosts as SQLAlchemy writes them",
        ),
        pytest.param(
            "postgresql:///d?options=-csearch_path%3Da,b", {"dbname": "d", "options": "-csearch_path=a,b"}, id="options"
        ),
        pytest.param("postgresql:///?options=-c%20a+b", {"options": "-c a+b"}, id="plus is a plus to libpq"),
        pytest.param("postgresql+psycopg:///?options=-c+a%2Bb", {"options": "-c a+b"}, id="plus is a space to SQLAlchemy"),
        pytest.param("postgresql:///d?sslmode=verify-full", {"dbname": "d", "sslmode": "verify-full"}, id="sslmode"),
        pytest.param("postgresql:///d?ssl=true", {"dbname": "d", "sslmode": "require"}, id="ssl as JDBC has it"),
        pytest.param(
            "postgresql+asyncpg:///d?ssl=verify-ca", {"dbname": "d", "sslmode": "verify-ca"}, id="ssl as asyncpg has it"
        ),
        pytest.param("postgresql+asyncpg:///d?ssl=False", {"dbname": "d", "sslmode": "disable"}, id="ssl switched off"),
        pytest.param("postgresql+asyncpg://h?timeout=2.5", {"host": "h", "connect_timeout": "3"}, id="timeout of asyncpg"),
        pytest.param("postgresql+asyncpg:///?user=u&database=d", {"user": "u", "dbname": "d"}, id="names of asyncpg"),
        pytest.param(
            "postgresql+asyncpg:///d?prepared_statement_cache_size=0", {"dbname": "d"}, id="settings of a driver mean nothing"
        ),
        pytest.param("postgresql:///d?user=ann@tenant", {"dbname": "d", "user": "ann@tenant"}, id="user of Azure in the query"),
        pytest.param("postgresql:///d?&sslmode=disable&", {"dbname": "d", "sslmode": "disable"}, id="trailing &"),
    ],
)
def test_address_is_read(text: str, expected: dict[str, str]) -> None:
    database = parse(text)

    assert expected == dict(database.parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "the database URL is empty", id="empty"),
        pytest.param(
            "mysql://u:CANARY@h/d", "mysql:// is not a PostgreSQL URL; Seachange works with PostgreSQL only", id="MySQL"
        ),
        pytest.param("sqlite:///d.db", "sqlite:// is not a PostgreSQL URL; Seachange works with PostgreSQL only", id="SQLite"),
        pytest.param(
            "cockroachdb+psycopg2://u:CANARY@h/d",
            "cockroachdb+psycopg2:// is not a PostgreSQL URL; Seachange works with PostgreSQL only",
            id="another dialect with a driver",
        ),
        pytest.param("postgresql+odbc://u:CANARY@h/d", "postgresql+odbc:// names an unknown driver", id="unknown driver"),
        pytest.param("jdbc:postgresql://h/d?password=CANARY", "the database URL does not begin with postgresql://", id="JDBC"),
        pytest.param("u:CANARY@h/d", "the database URL does not begin with postgresql://", id="scheme forgotten"),
        pytest.param("postgresql:/u:CANARY@h/d", "the database URL does not begin with postgresql://", id="one slash"),
        pytest.param(
            "u:CANARY@h/d?sslmode=require", "the database URL does not begin with postgresql://", id="forgotten, with ="
        ),
        pytest.param("CANARY", "the database URL does not begin with postgresql://", id="a word"),
        pytest.param(
            "postgresql://h:54x2/d",
            "the port of host 'h' in the database URL is not a number from 1 to 65535",
            id="port, letters",
        ),
        pytest.param(
            "postgresql://h:0/d", "the port of host 'h' in the database URL is not a number from 1 to 65535", id="port, zero"
        ),
        pytest.param(
            "postgresql://h:65536/d",
            "the port of host 'h' in the database URL is not a number from 1 to 65535",
            id="port, too large",
        ),
        pytest.param(
            "postgresql://h:²/d", "the port of host 'h' in the database URL is not a number from 1 to 65535", id="port, odd digit"
        ),
        pytest.param(
            "postgresql://a:1,b:x/d", "the port of host 'b' in the database URL is not a number from 1 to 65535", id="second port"
        ),
        pytest.param(
            "host=h port=x", "the port of host 'h' in the database URL is not a number from 1 to 65535", id="port of key=value"
        ),
        pytest.param(
            "postgresql://u:CANARY",
            "the port of host 'u' in the database URL is not a number from 1 to 65535",
            id="host forgotten",
        ),
        pytest.param("postgresql://u:CAN@RY@h/d", "the database URL has an @ that is not percent-encoded", id="@ in a password"),
        pytest.param("postgresql://u:CAN/RY@h/d", "the database URL has an @ that is not percent-encoded", id="/ in a password"),
        pytest.param(
            "postgresql://u:12/CANARY@h/d", "the database URL has an @ that is not percent-encoded", id="/ after digits"
        ),
        pytest.param("postgresql://u:CAN?RY@h/d", "the database URL has an @ that is not percent-encoded", id="? in a password"),
        pytest.param(
            "postgresql://u:12?CAN=RY@h/d", "the database URL has an @ that is not percent-encoded", id="? after digits"
        ),
        pytest.param(
            "postgresql://u:CAN%RY@h/d",
            "the database URL has a % that is not followed by two hexadecimal digits",
            id="% in a password",
        ),
        pytest.param(
            "postgresql://u:CANARY%FF@h/d", "the database URL has percent-encoded bytes that are not UTF-8", id="not UTF-8"
        ),
        pytest.param("postgresql://u:CANARY%00@h/d", "the database URL holds a zero byte", id="zero byte"),
        pytest.param("postgresql://u:CANARY@[::1/d", "the host of the database URL cannot be read", id="bracket left open"),
        pytest.param(
            "postgresql://u:CANARY@::1/d",
            "the port of host '' in the database URL is not a number from 1 to 65535",
            id="IPv6 bare",
        ),
        pytest.param(
            "postgresql:///d?sslmod=require", "the database URL has an unknown query parameter 'sslmod'", id="unknown parameter"
        ),
        pytest.param(
            "postgresql:///d?schema=x", "the database URL has an unknown query parameter 'schema'", id="schema of Prisma"
        ),
        pytest.param(
            "postgresql://u:p@w?CAN=A@RY", "the database URL has an unknown query parameter", id="parameter that may be a secret"
        ),
        pytest.param(
            "postgresql:///d?sslmode", "a query parameter of the database URL has no value", id="parameter without a value"
        ),
        pytest.param("postgresql:///d?sslmode=yes", "sslmode of the database is 'yes'", id="unknown sslmode"),
        pytest.param("postgresql:///d?connect_timeout=x", "connect_timeout of the database is 'x'", id="connect_timeout"),
        pytest.param("host=h hots=i", "the database parameters have an unknown keyword 'hots'", id="unknown keyword"),
        pytest.param(
            "host=h password=x CANARY=y",
            "the database parameters cannot be read as key=value pairs",
            id="keyword that may be a secret",
        ),
        pytest.param(
            "host=h password=x CANARY", "the database parameters cannot be read as key=value pairs", id="password with a space"
        ),
        pytest.param(
            "host='h password=CANARY", "the database parameters cannot be read as key=value pairs", id="quote left open"
        ),
    ],
)
def test_malformed_address_is_refused_without_showing_a_secret(text: str, message: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        parse(text)

    assert message == caught.value.message
    assert caught.value.hint
    # A cause would be printed in a traceback, with what libpq stumbled over.
    assert caught.value.__cause__ is caught.value.__context__ is None
    raised = f"{caught.value} {caught.value.hint}"
    assert "CAN" not in raised
    assert "RY" not in raised


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("postgresql://u@h/d", "d", id="name given"),
        pytest.param("postgresql://u@h", "u", id="the user's name else"),
    ],
)
def test_name_follows_the_rule_of_libpq(text: str, name: str) -> None:
    assert name == parse(text).name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("postgresql+asyncpg://ann:s3cret@h:1/d?sslmode=require", "postgresql://ann@h:1/d", id="one host"),
        pytest.param("postgresql://ann:s3cret@/d?host=/run/pg&port=1", "postgresql://ann@/d?host=/run/pg&port=1", id="socket"),
        pytest.param("postgresql://ann:s3cret@a:1,[::1]:2/d", "postgresql://ann@a:1,[::1]:2/d", id="several hosts"),
        pytest.param("postgresql://a,b/d?port=1", "postgresql://a:1,b:1/d", id="one port for several hosts"),
        pytest.param("postgresql:///d?hostaddr=::1", "postgresql://[::1]/d", id="address only"),
        pytest.param("postgresql://ann:s3cret@h", "postgresql://ann@h/ann", id="no name"),
        pytest.param("postgresql://ann@h/d?sslpassword=s3cret", "postgresql://ann@h/d", id="password of a key"),
    ],
)
def test_database_shows_itself_without_its_secrets(text: str, shown: str) -> None:
    database = parse(text)

    assert shown == database.redacted == str(database)
    assert f"Database({shown!r})" == repr(database)
    assert shown in f"{database} {database!r} {[database]}"
    assert "s3cret" not in f"{database} {database!r} {[database]}"


def test_database_is_a_value() -> None:
    one, same, other = parse("postgresql://u:p@h/d"), parse("user=u password=p host=h dbname=d"), parse("postgresql://u:q@h/d")

    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert {one: 1}[same] == 1
    with pytest.raises(TypeError):
        one.parameters["host"] = "elsewhere"  # type: ignore[index]


def test_another_database_and_other_parameters_leave_the_first_as_it_was() -> None:
    first = parse("postgresql://u:p@h/d?sslmode=require")

    assert {**first.parameters, "dbname": "e"} == dict(first.with_name("e").parameters)
    assert dict(first.with_parameters(port="1", sslmode="", password="").parameters) == {
        "user": "u",
        "host": "h",
        "dbname": "d",
        "port": "1",
    }
    assert first.name == "d"


# A busy machine is no failure.
_SETTINGS = settings(deadline=None, database=None)
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
_HOST = st.sampled_from(["localhost", "db.example", "127.0.0.1", "::1", "/run/pg", "@abstract", "a,b,c", "a,/run/pg"])
_PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "user": _TEXT,
        "password": _TEXT,
        "dbname": _TEXT,
        "host": _HOST,
        "port": st.sampled_from(["5432", "1"]),
        "options": _TEXT,
        "application_name": _TEXT,
        "sslmode": st.sampled_from(["disable", "verify-full"]),
    },
)


@_SETTINGS
@given(_PARAMETERS)
def test_url_is_read_back_by_us_and_by_libpq(parameters: dict[str, str]) -> None:
    url = Database(parameters=parameters).url()

    assert parameters == dict(parse(url).parameters)
    assert parameters == conninfo_to_dict(url)


@_SETTINGS
@given(_PARAMETERS)
def test_url_is_read_back_by_sqlalchemy(parameters: dict[str, str]) -> None:
    if "user" not in parameters:
        parameters.pop("password", None)

    url = make_url(Database(parameters=parameters).url())

    query = {key: value for key, value in url.query.items() if isinstance(value, str)}
    parts = {"user": url.username, "password": url.password, "host": url.host, "dbname": url.database}
    found = {**{key: value for key, value in parts.items() if value}, **query}
    assert parameters == {**found, **({"port": str(url.port)} if url.port else {})}


@_SETTINGS
@given(_PARAMETERS)
def test_plain_urls_mean_to_us_what_they_mean_to_libpq(parameters: dict[str, str]) -> None:
    database = parse(Database(parameters=parameters).url().replace("postgresql://", "postgres://"))

    assert conninfo_to_dict(database.url()) == dict(database.parameters)
