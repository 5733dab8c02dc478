"""Roles beside a dump: no password among them, and those that a server lacks made from them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from seachange.backup.globals import make_roles, missing_roles, read_globals
from seachange.errors import RestoreFailedError
from seachange.postgres.connection import connect
from seachange.postgres.server import Server
from tests.integration.backup.conftest import execute

_NAMES = ("g_login", 'g "group"', "g_top", "g_unrelated")

_MAKE = (
    "CREATE ROLE g_top NOLOGIN CREATEROLE",
    'CREATE ROLE "g ""group""" CREATEDB CONNECTION LIMIT 7 VALID UNTIL \'2031-01-01 00:00+00\'',
    "SET password_encryption = 'scram-sha-256'; CREATE ROLE g_login LOGIN NOINHERIT PASSWORD 'canary-scram'",
    "SET password_encryption = 'md5'; CREATE ROLE g_unrelated LOGIN PASSWORD 'canary-md5'",
    'GRANT "g ""group""" TO g_login WITH ADMIN OPTION',
    'GRANT g_top TO "g ""group"""',
    "GRANT pg_monitor TO g_login",
    "ALTER ROLE g_login SET search_path TO \"$user\", 'a b', public",
    "ALTER ROLE g_login SET statement_timeout TO '7s'",
    "ALTER ROLE g_login SET app.jwt_secret TO 'canary-setting'",
    "COMMENT ON ROLE g_login IS E'it''s; said\\n-- on two lines'",
)

_STATE = """
    SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls, rolconnlimit,
           rolvaliduntil, rolconfig, shobj_description(r.oid, 'pg_authid'),
           ARRAY(SELECT g.rolname || admin_option FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid
                 WHERE a.member = r.oid ORDER BY 1)
    FROM pg_roles r WHERE rolname LIKE 'g\\_%' OR rolname LIKE 'g %' ORDER BY 1
"""


def _state(server: Server) -> list[tuple[object, ...]]:
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        return session.execute(_STATE).fetchall()


def _drop(server: Server) -> None:
    execute(server.database(), *['DROP ROLE IF EXISTS "' + name.replace('"', '""') + '"' for name in _NAMES])


@pytest.fixture
def text(each_server: Server) -> Iterator[str]:
    """The globals of a server with some roles."""
    execute(each_server.database(), *_MAKE)
    try:
        with contextlib.closing(connect(each_server.database(), autocommit=True)) as session:
            yield read_globals(session)
    finally:
        _drop(each_server)


def test_no_password_and_no_hash_of_one_is_in_it(text: str) -> None:
    assert "g_login" in text
    assert "g_unrelated" in text
    for secret in ("canary", "SCRAM-SHA-256", "md5", "PASSWORD"):
        assert secret not in text.partition("without passwords")[2], secret


def test_an_ordinary_role_may_read_them(text: str, each_server: Server) -> None:
    as_role = each_server.database().with_parameters(user="g_login")
    with contextlib.closing(connect(as_role, autocommit=True)) as session:
        seen = read_globals(session)

    assert "CREATE ROLE g_unrelated" in seen


def test_the_needed_roles_and_their_groups_come_back_and_no_others(text: str, each_server: Server) -> None:
    before = {row[0]: row for row in _state(each_server)}
    _drop(each_server)
    with contextlib.closing(connect(each_server.database(), autocommit=True)) as session:
        missing = missing_roles(text, session, needed=["g_login", "postgres", "pg_monitor", "not there"])
        make_roles(each_server.database(), missing)
        again = missing_roles(text, session, needed=["g_login"])
    after = {row[0]: row for row in _state(each_server)}

    assert [role.name for role in missing] == ['g "group"', "g_login", "g_top"]
    assert "NOINHERIT" in missing[1].attributes
    assert after.keys() == before.keys() - {"g_unrelated"}
    secret = "app.jwt_secret=canary-setting"
    expected = {name: tuple(_without(cell, secret) for cell in row) for name, row in before.items() if name in after}
    assert after == expected
    assert again == ()


def _without(cell: object, secret: str) -> object:
    return [item for item in cell if item != secret] if isinstance(cell, list) else cell


def test_all_roles_are_made_or_none(text: str, each_server: Server) -> None:
    _drop(each_server)
    execute(each_server.database(), "CREATE ROLE g_weak LOGIN")
    try:
        weak = each_server.database().with_parameters(user="g_weak")
        with contextlib.closing(connect(weak, autocommit=True)) as session:
            missing = missing_roles(text, session, needed=["g_login"])
        with pytest.raises(RestoreFailedError, match="the roles were not made: permission denied"):
            make_roles(weak, missing)
        assert [row[0] for row in _state(each_server)] == ["g_weak"]
    finally:
        execute(each_server.database(), "DROP ROLE g_weak")


def test_members_of_16_and_later_are_made_on_older_servers(each_server: Server) -> None:
    text = "CREATE ROLE g_top WITH NOLOGIN;\nCREATE ROLE g_login WITH LOGIN;\n"
    text += "GRANT g_top TO g_login WITH ADMIN TRUE, INHERIT FALSE, SET TRUE;\n"
    with contextlib.closing(connect(each_server.database(), autocommit=True)) as session:
        try:
            make_roles(each_server.database(), missing_roles(text, session, needed=["g_login"]))
            rows = session.execute("SELECT admin_option FROM pg_auth_members WHERE member = 'g_login'::regrole").fetchall()
        finally:
            _drop(each_server)

    assert rows[0] == (True,)
