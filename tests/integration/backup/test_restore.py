"""Restoring: everything comes back, and what cannot is said."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from typing import Any

import pytest

from seachange.backup import Backup, How, Ownership, find_backup, prune_backups, restore
from seachange.config import Settings
from seachange.errors import RestoreFailedError
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, Session, connect, create_database, drop_database
from seachange.postgres.server import Server
from tests.backups import record_verification
from tests.integration.backup.conftest import NOON, Backer, Restorer, contents_of, execute, fill, of_version, with_contents


def _fingerprint(database: Database) -> str:
    with contextlib.closing(connect(database)) as session:
        return read_catalog(session).fingerprint


@pytest.mark.parametrize("jobs", [pytest.param(1, id="one connection"), pytest.param(3, id="three connections")])
def test_everything_comes_back(clinic: Database, backup: Backup, bring_back: Restorer, jobs: int) -> None:
    restored = bring_back(backup, how=How(jobs=jobs))

    assert restored.database.name == f"{clinic.name}_restored_20250601_120000"
    assert contents_of(restored.database) == contents_of(clinic)
    assert _fingerprint(restored.database) == _fingerprint(clinic)
    assert (restored.tables, restored.expected_tables, restored.notes, restored.replaced) == (7, 7, (), "")


def test_a_backup_of_the_oldest_and_the_newest_major_comes_back(
    each_database: Database, each_server: Server, back_up: Backer, here: Settings
) -> None:
    fill(each_database)
    restored = restore(back_up(each_database), here, server=each_server.database())
    try:
        assert contents_of(restored.database) == contents_of(each_database)
        assert _fingerprint(restored.database) == _fingerprint(each_database)
    finally:
        drop_database(restored.database)


@pytest.mark.parametrize("jobs", [pytest.param(1, id="one connection"), pytest.param(3, id="three connections")])
def test_an_archive_of_a_newer_pg_dump_comes_back_on_an_older_server(
    clinic: Database, backup: Backup, here: Settings, server_of: Callable[[int], Server], jobs: int
) -> None:
    # pg_restore 18 sends SET transaction_timeout, which PostgreSQL 15 does not know.
    older = server_of(15)
    restored = restore(of_version(backup, 150018), here, server=older.database(), how=How(jobs=jobs))
    try:
        assert contents_of(restored.database) == contents_of(clinic)
    finally:
        drop_database(restored.database)


@pytest.mark.parametrize(
    "name", ["a=b", "-dash", 'quo"te', "apo'strophe", "with space", "größe 犬", "%s", "$(id)", "x" * 63, "host=nowhere"]
)
def test_a_database_of_any_name_is_backed_up_and_restored(
    server: Server, back_up: Backer, bring_back: Restorer, name: str, tidy: None
) -> None:
    odd = fill(create_database(server.database().with_name(name)), "CREATE TABLE t AS SELECT 1 AS x")
    restored = bring_back(back_up(odd))

    assert restored.database.name.endswith("_restored_20250601_120000")
    assert contents_of(restored.database) == contents_of(odd)


def test_settings_grants_owner_and_comment_of_the_database_come_back(
    clinic: Database, back_up: Backer, bring_back: Restorer, role: str
) -> None:
    name = f'"{clinic.name}"'
    execute(
        clinic,
        f'ALTER DATABASE {name} SET search_path TO "$user", public, \'Größe "x"\'',
        f"ALTER DATABASE {name} SET statement_timeout TO '7s'",
        f"ALTER ROLE {role} IN DATABASE {name} SET work_mem TO '8MB'",
        f"ALTER DATABASE {name} SET app.jwt_secret TO 'canary'",
        f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO pg_monitor WITH GRANT OPTION",
        f"COMMENT ON DATABASE {name} IS 'the clinic, it''s said'",
        f"ALTER DATABASE {name} OWNER TO {role}",
    )
    made = back_up(clinic)
    restored = bring_back(made)
    with contextlib.closing(connect(clinic)) as session:
        old, new = (_properties(session, one.name) for one in (clinic, restored.database))
    old[1].remove("-=app.jwt_secret=canary")

    assert new == old
    assert restored.notes == ("setting app.jwt_secret looks like a secret and is not in the manifest; set it again",)
    assert "canary" not in (made.path / "manifest.json").read_text()


def _properties(session: Session, name: str) -> tuple[Any, list[str]]:
    query = """
        SELECT pg_get_userbyid(datdba), shobj_description(oid, 'pg_database'),
               ARRAY(SELECT format('%%s %%s %%s', grantee, privilege_type, is_grantable) FROM aclexplode(datacl) ORDER BY 1)
        FROM pg_database WHERE datname = %s
    """
    settings = """
        SELECT setrole::regrole || '=' || item FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase,
               unnest(setconfig) item WHERE datname = %s ORDER BY 1
    """
    return session.execute(query, [name]).fetchone(), [row[0] for row in session.execute(settings, [name])]


def test_the_encoding_and_collation_come_back(server: Server, back_up: Backer, bring_back: Restorer, tidy: None) -> None:
    from psycopg import sql

    latin = server.database().with_name("test_latin")
    create_database(
        latin, template="template0", options=sql.SQL("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
    )
    fill(latin, "CREATE TABLE t AS SELECT 'größe'::text AS x")
    restored = bring_back(back_up(latin))
    with contextlib.closing(connect(restored.database)) as session:
        row = session.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, x FROM pg_database, t WHERE datname = current_database()"
        ).fetchone()

    assert row == ("LATIN1", "C", "größe")


def test_a_collation_that_the_server_lacks_is_replaced_and_said(backup: Backup, bring_back: Restorer) -> None:
    assert backup.manifest is not None
    contents = backup.manifest.contents
    locale = dataclasses.replace(contents.locale, collate="xx_YY.UTF-8", ctype="xx_YY.UTF-8", provider="libc", name="")
    restored = bring_back(with_contents(backup, locale=locale))

    assert restored.notes == ("the server does not have the collation xx_YY.UTF-8; text sorts by the server's default",)


def test_a_user_without_rights_over_the_owner_restores_what_is_its_own(
    clinic: Database, role: str, backup: Backup, here: Settings, server: Server, tidy: None
) -> None:
    as_role = server.database().with_parameters(user=role)
    with pytest.raises(RestoreFailedError, match=f"objects belong to postgres, for whom the user {role} may not act") as caught:
        restore(backup, here, server=as_role)
    restored = restore(backup, here, server=as_role, how=How(ownership=Ownership(owners=False)), clock=lambda: NOON)

    assert "--no-owner" in caught.value.hint
    assert contents_of(restored.database)['"public"."pets"'] == contents_of(clinic)['"public"."pets"']
    assert restored.notes[0] == f"everything belongs to the user that restores, {role}"


def test_retention_does_not_remove_a_backup_that_is_being_restored(
    clinic: Database, back_up: Backer, bring_back: Restorer, here: Settings
) -> None:
    old, new = back_up(clinic), back_up(clinic)
    record_verification(new.path)
    pruned: list[Backup] = []
    bring_back(old, progress=lambda _text: pruned.extend(prune_backups(here, keep=1)))

    assert pruned == []
    assert [backup.name for backup in prune_backups(here, keep=1)] == [old.name]


def test_the_latest_backup_is_found_and_restored(clinic: Database, back_up: Backer, bring_back: Restorer, here: Settings) -> None:
    back_up(clinic)
    execute(clinic, "DELETE FROM pets", "REFRESH MATERIALIZED VIEW counted")
    back_up(clinic)

    assert contents_of(bring_back(find_backup(here)).database) == contents_of(clinic)


def test_no_password_is_seen_while_restoring(backup: Backup, here: Settings, server: Server, tidy: None) -> None:
    secret = "s3cret:canary'\\ @x"
    seen: list[str] = []

    def look(_text: str) -> None:
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{entry.name}/cmdline", "rb") as file:  # noqa: PTH123
                    seen.append(file.read().decode(errors="replace"))

    restore(backup, here, server=server.database().with_parameters(password=secret), progress=look)

    assert seen
    assert not [line for line in seen if "canary" in line and "pytest" not in line]
