"""Restoring where roles are missing or called otherwise."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from seachange.backup import Backup, How, Ownership
from seachange.errors import RestoreFailedError
from seachange.postgres.connection import Database, connect, drop_database
from seachange.postgres.server import Server
from tests.integration.backup.conftest import Backer, Restorer, contents_of, execute, fill

_OWNED = """
    CREATE SCHEMA own AUTHORIZATION was_owner;
    GRANT USAGE ON SCHEMA own TO "was reader";
    CREATE TABLE own.t AS SELECT generate_series(1, 10) AS x;
    ALTER TABLE own.t OWNER TO was_owner;
    CREATE SEQUENCE own.s;
    ALTER SEQUENCE own.s OWNER TO was_owner;
    CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    ALTER FUNCTION own.f() OWNER TO was_owner;
    REVOKE ALL ON FUNCTION own.f() FROM PUBLIC;
    GRANT SELECT (x), UPDATE ON own.t TO "was reader" WITH GRANT OPTION;
    SET SESSION AUTHORIZATION "was reader";
    GRANT UPDATE ON own.t TO PUBLIC;
    RESET SESSION AUTHORIZATION;
    ALTER TABLE own.t ENABLE ROW LEVEL SECURITY;
    CREATE POLICY p ON own.t FOR SELECT TO "was reader" USING (x > 0);
    ALTER DEFAULT PRIVILEGES FOR ROLE was_owner IN SCHEMA own GRANT SELECT ON TABLES TO "was reader";
    SELECT lo_from_bytea(77, 'large');
    ALTER LARGE OBJECT 77 OWNER TO was_owner;
    GRANT SELECT ON LARGE OBJECT 77 TO "was reader";
    CREATE FOREIGN DATA WRAPPER w;
    CREATE SERVER far FOREIGN DATA WRAPPER w;
    CREATE USER MAPPING FOR "was reader" SERVER far OPTIONS (user 'x');
"""

_NOT_COMPARED = "the schema was not compared: roles are called otherwise"

_WHOSE = """
    SELECT 'owner', relname::text, pg_get_userbyid(relowner)::text FROM pg_class WHERE relnamespace = 'own'::regnamespace
    UNION ALL SELECT 'schema', nspname, pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'own'
    UNION ALL SELECT 'function', proname, pg_get_userbyid(proowner) || coalesce(proacl::text, '') FROM pg_proc WHERE proname = 'f'
    UNION ALL SELECT 'acl', relname, relacl::text FROM pg_class WHERE relname = 't'
    UNION ALL SELECT 'column', attname, attacl::text FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid >= 16384
    UNION ALL SELECT 'policy', polname, ARRAY(SELECT pg_get_userbyid(r) FROM unnest(polroles) r ORDER BY 1)::text FROM pg_policy
    UNION ALL SELECT 'default', '', pg_get_userbyid(defaclrole) || defaclacl::text FROM pg_default_acl
    UNION ALL SELECT 'large object', '', pg_get_userbyid(lomowner) || lomacl::text FROM pg_largeobject_metadata
    UNION ALL SELECT 'mapping', '', usename FROM pg_user_mappings
    UNION ALL SELECT 'database', '', pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
    ORDER BY 1, 2, 3
"""


def _whose(database: Database) -> list[tuple[str, ...]]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return session.execute(_WHOSE).fetchall()


@pytest.fixture
def moved(database: Database, server: Server, back_up: Backer) -> Iterator[tuple[Backup, list[tuple[str, ...]], dict[str, str]]]:
    """A backup whose roles were dropped, whose everything was, and what everything held."""
    execute(server.database(), "CREATE ROLE was_owner", 'CREATE ROLE "was reader"', 'CREATE ROLE "is ""reader"""')
    fill(database, _OWNED)
    execute(database, f'ALTER DATABASE "{database.name}" OWNER TO was_owner')
    made, whose, held = back_up(database), _whose(database), contents_of(database)
    drop_database(database)
    execute(server.database(), "DROP ROLE was_owner", 'DROP ROLE "was reader"', "CREATE ROLE is_owner")
    yield made, whose, held
    for name in [row[0] for row in _names(server) if row[0].startswith(database.name)]:
        drop_database(server.database().with_name(name), force=True)
    execute(server.database(), "DROP ROLE is_owner", 'DROP ROLE "is ""reader"""')


def _names(server: Server) -> list[tuple[str]]:
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        return session.execute("SELECT datname FROM pg_database").fetchall()


def test_missing_roles_are_all_named_with_their_use_and_three_ways_out(
    moved: tuple[Backup, object, object], bring_back: Restorer
) -> None:
    with pytest.raises(RestoreFailedError) as caught:
        bring_back(moved[0])

    assert caught.value.message.endswith(
        "nothing was touched: the server has no roles was reader (owner, has privileges, named by row security), "
        "was_owner (owner)"
    )
    assert all(word in caught.value.hint for word in ("--role OLD=NEW", "--globals", "--no-owner"))


@pytest.mark.parametrize("jobs", [pytest.param(1, id="one connection"), pytest.param(2, id="two connections")])
def test_roles_that_are_called_otherwise_own_and_may_what_the_old_ones_did(
    moved: tuple[Backup, list[tuple[str, ...]], dict[str, str]], bring_back: Restorer, jobs: int
) -> None:
    made, whose, held = moved
    names = {"was_owner": "is_owner", "was reader": 'is "reader"'}
    restored = bring_back(made, how=How(jobs=jobs, ownership=Ownership(renamed=names)))

    assert [_plainly(row) for row in _whose(restored.database)] == [_plainly(row) for row in whose]
    assert contents_of(restored.database) == held
    assert restored.notes == (_NOT_COMPARED,)


def _plainly(row: tuple[str, ...]) -> str:
    return " ".join(row).replace("\\", "").replace('"', "").replace("is reader", "was reader").replace("is_owner", "was_owner")


def test_without_owners_what_names_missing_roles_is_left_out_and_said(
    moved: tuple[Backup, object, dict[str, str]], bring_back: Restorer
) -> None:
    made, _, held = moved
    how = How(ownership=Ownership(owners=False, renamed={"was reader": "is_owner"}))
    restored = bring_back(made, how=how)

    assert restored.notes == ("everything belongs to the user that restores, postgres", _NOT_COMPARED)
    assert ("owner", "t", "postgres") in _whose(restored.database)
    assert ("policy", "p", "{is_owner}") in _whose(restored.database)
    assert contents_of(restored.database) == held


def test_a_policy_for_a_missing_role_is_refused_without_owners_too(
    moved: tuple[Backup, object, object], bring_back: Restorer
) -> None:
    with pytest.raises(RestoreFailedError, match=r"no role was reader \(owner, has privileges, named by row security\)"):
        bring_back(moved[0], how=How(ownership=Ownership(owners=False)))


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        pytest.param({"was_owner": "nobody_here", "was reader": "is_owner"}, r"no role nobody_here \(owner", id="target"),
        pytest.param(
            {"wrong": "is_owner"},
            "--role wrong=is_owner: the backup names no role wrong; it names was reader, was_owner",
            id="source",
        ),
    ],
)
def test_a_wrong_role_in_the_map_is_named(
    moved: tuple[Backup, object, object], bring_back: Restorer, renamed: dict[str, str], message: str
) -> None:
    with pytest.raises(RestoreFailedError, match=message):
        bring_back(moved[0], how=How(ownership=Ownership(renamed=renamed)))
