"""Restoring: everything comes back, into a new database, and a failure leaves nothing behind."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from seachange.backup import Backup, Restored, find_backup, prune_backups, restore
from seachange.backup.contents import Roles
from seachange.config import Settings
from seachange.errors import (
    BackupInvalidError,
    DatabaseExistsError,
    InterruptedRunError,
    ReadOnlyServerError,
    RestoreFailedError,
    ServerUnreachableError,
    TimeoutExceededError,
)
from seachange.postgres import interrupt
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, Session, connect, create_database, drop_database
from seachange.postgres.server import Server, throwaway
from tests.integration.backup.conftest import BIG, Backer, contents_of, fill
from tests.integration.backup.proxy import proxied

NOON = datetime.datetime(2025, 6, 1, 12, 0, tzinfo=datetime.UTC)

Restorer = Callable[..., Restored]


def _databases(server: Server) -> set[str]:
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        return {row[0] for row in session.execute("SELECT datname FROM pg_database")}


def _fingerprint(database: Database) -> str:
    with contextlib.closing(connect(database)) as session:
        return read_catalog(session).fingerprint


def _execute(database: Database, *statements: str) -> None:
    for statement in statements:
        fill(database, statement)


@pytest.fixture
def tidy(server: Server) -> Iterator[None]:
    """Drop the databases that a test makes."""
    before = _databases(server)
    yield
    for name in _databases(server) - before:
        drop_database(server.database().with_name(name), force=True)


@pytest.fixture
def bring_back(here: Settings, server: Server, tidy: None) -> Restorer:
    """Restore a backup to the newest server."""

    def run(backup: Backup, *, settings: Settings = here, **options: object) -> Restored:
        return restore(backup, settings, server=server.database(), clock=lambda: NOON, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def backup(clinic: Database, back_up: Backer) -> Backup:
    return back_up(clinic)


@pytest.mark.parametrize("jobs", [pytest.param(1, id="one connection"), pytest.param(3, id="three connections")])
def test_everything_comes_back(clinic: Database, backup: Backup, bring_back: Restorer, jobs: int) -> None:
    restored = bring_back(backup, jobs=jobs)

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
    restored = restore(backup, here, server=older.database(), jobs=jobs)
    try:
        assert contents_of(restored.database) == contents_of(clinic)
        assert any("the server is older" in note for note in restored.notes)
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
    _execute(
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


@pytest.fixture
def role(server: Server) -> Iterator[str]:
    """A role that may create databases; dropped at the end."""
    _execute(server.database(), "CREATE ROLE clinic_role LOGIN CREATEDB")
    yield "clinic_role"
    rows: list[str] = []
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        rows = [row[0] for row in session.execute("SELECT datname FROM pg_database WHERE datallowconn")]
    for name in rows:
        _execute(server.database().with_name(name), "DROP OWNED BY clinic_role")
    for name in rows:
        if name not in ("postgres", "template1") and name.startswith("test_"):
            _execute(server.database(), f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER')
    _execute(server.database(), "DROP ROLE IF EXISTS clinic_role")


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
    restored = bring_back(_with_contents(backup, locale=locale))

    assert restored.notes == ("the server does not have the collation xx_YY.UTF-8; text sorts by the server's default",)


def _with_contents(backup: Backup, **changes: object) -> Backup:
    assert backup.manifest is not None
    contents = dataclasses.replace(backup.manifest.contents, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(backup, manifest=dataclasses.replace(backup.manifest, contents=contents))


def test_an_existing_database_is_refused_and_not_touched(
    clinic: Database, backup: Backup, bring_back: Restorer, server: Server
) -> None:
    before = (_databases(server), contents_of(clinic))
    with pytest.raises(DatabaseExistsError, match=f"the database '{clinic.name}' exists") as caught:
        bring_back(backup, target=clinic.name)

    assert caught.value.exit_code == 3
    assert (_databases(server), contents_of(clinic)) == before


def test_overwriting_swaps_and_keeps_the_old_database(clinic: Database, back_up: Backer, bring_back: Restorer) -> None:
    _execute(clinic, f"ALTER DATABASE \"{clinic.name}\" SET app.jwt_secret TO 'canary'")
    good = contents_of(clinic)
    made = back_up(clinic)
    _execute(clinic, "DELETE FROM pets", "DROP TABLE visits")
    bad = contents_of(clinic)
    restored = bring_back(made, target=clinic.name, overwrite=True)

    assert (restored.database.name, restored.replaced) == (clinic.name, f"{clinic.name}_before_20250601_120000")
    assert contents_of(clinic) == good
    assert contents_of(clinic.with_name(restored.replaced)) == bad
    with contextlib.closing(connect(clinic)) as session:
        assert session.execute("SHOW app.jwt_secret").fetchone() == ("canary",)


def test_overwriting_a_database_that_does_not_exist_makes_it(backup: Backup, bring_back: Restorer) -> None:
    restored = bring_back(backup, target="test_not_there", overwrite=True)

    assert (restored.database.name, restored.replaced) == ("test_not_there", "")


def test_overwriting_ends_sessions_and_keeps_new_ones_out_until_it_is_done(
    clinic: Database, back_up: Backer, bring_back: Restorer
) -> None:
    made = back_up(clinic)
    _execute(clinic, "DELETE FROM pets")
    over = threading.Event()
    seen: list[int] = []

    def reconnect() -> None:
        import psycopg

        while not over.is_set():
            try:
                with psycopg.connect(**clinic.parameters, autocommit=True) as session:  # type: ignore[arg-type]
                    for _ in range(1000):
                        row = session.execute("SELECT count(*) FROM pets").fetchone()
                        seen.append(row[0] if row else -1)
            except psycopg.Error:
                continue

    application = [threading.Thread(target=reconnect) for _ in range(3)]
    for thread in application:
        thread.start()
    try:
        time.sleep(0.3)
        restored = bring_back(made, target=clinic.name, overwrite=True)
        time.sleep(0.3)
    finally:
        over.set()
        for thread in application:
            thread.join()

    assert restored.replaced
    assert set(seen) == {0, 400}
    assert seen[-1] == 400


def test_a_database_that_cannot_be_freed_is_not_replaced_and_the_restored_one_is_kept(
    server: Server, role: str, back_up: Backer, here: Settings, tidy: None
) -> None:
    own = create_database(server.database().with_name("test_own"), owner=role)
    fill(own, f"CREATE TABLE t AS SELECT 1 AS x; ALTER TABLE t OWNER TO {role}")
    made = back_up(own)
    as_role = server.database().with_parameters(user=role)
    with contextlib.closing(connect(own)) as superuser:
        superuser.execute("SELECT 1")
        with pytest.raises(RestoreFailedError, match=r"'test_own' cannot be replaced: .*being accessed by other users") as caught:
            restore(made, here, server=as_role, target="test_own", overwrite=True, clock=lambda: NOON)

    assert "what was restored is kept as 'test_own_restored_20250601_120000'" in caught.value.message
    assert {name for name in _databases(server) if "own" in name} == {"test_own", "test_own_restored_20250601_120000"}
    assert contents_of(own.with_name("test_own_restored_20250601_120000")) == contents_of(own)


def test_a_user_without_rights_over_the_owner_restores_what_is_its_own(
    clinic: Database, role: str, backup: Backup, here: Settings, server: Server, tidy: None
) -> None:
    restored = restore(backup, here, server=server.database().with_parameters(user=role), clock=lambda: NOON)

    assert contents_of(restored.database)['"public"."pets"'] == contents_of(clinic)['"public"."pets"']
    assert restored.notes[0] == "everything belongs to the user that restores: the user may not act for role postgres"


def test_owners_and_grantees_that_are_missing_are_left_out_and_said(
    clinic: Database, back_up: Backer, bring_back: Restorer, server: Server
) -> None:
    _execute(server.database(), "CREATE ROLE gone_owner", "CREATE ROLE gone_reader")
    _execute(clinic, "ALTER TABLE clients OWNER TO gone_owner", "GRANT SELECT ON pets TO gone_reader")
    made = back_up(clinic)
    _execute(clinic, "DROP VIEW planned", "REASSIGN OWNED BY gone_owner TO CURRENT_USER", "DROP OWNED BY gone_reader")
    _execute(server.database(), "DROP ROLE gone_owner", "DROP ROLE gone_reader")
    restored = bring_back(made)

    assert restored.notes == (
        "everything belongs to the user that restores: the server has no role gone_owner",
        "privileges on objects are left out: the server has no role gone_owner, gone_reader",
    )
    assert contents_of(restored.database)['"public"."clients"'] == contents_of(clinic)['"public"."clients"']


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"extensions": {"no_such": "1.0"}}, "the server lacks no_such, which the backup needs", id="extension"),
        pytest.param(
            {"roles": Roles(policies=("no_role",))}, "policies of the backup name roles .*: no_role", id="policy's role"
        ),
    ],
)
def test_what_the_server_lacks_is_said_before_anything_is_touched(
    backup: Backup, bring_back: Restorer, server: Server, changes: dict[str, object], message: str
) -> None:
    before = _databases(server)
    with pytest.raises(RestoreFailedError, match=message) as caught:
        bring_back(_with_contents(backup, **changes))

    assert caught.value.exit_code == 4
    assert _databases(server) == before


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_backup_is_refused_before_anything_is_made(
    backup: Backup, bring_back: Restorer, server: Server, damage: str
) -> None:
    dump = backup.path / "database.dump"
    data = dump.read_bytes()
    dump.unlink()
    if damage != "remove":
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if damage == "flip" else data[:middle]
        dump.write_bytes(changed)
    before = _databases(server)

    with pytest.raises(BackupInvalidError, match=f"backup {backup.name} is damaged: .*/database.dump"):
        bring_back(backup)
    assert _databases(server) == before


def test_a_backup_that_is_gone_is_said(backup: Backup, bring_back: Restorer) -> None:
    backup.path.rename(backup.path.with_name("elsewhere"))

    with pytest.raises(BackupInvalidError, match=f"backup {backup.name} cannot be opened"):
        bring_back(backup)


_UNRESTORABLE = """
    CREATE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x';
    CREATE TABLE t AS SELECT generate_series(1, 100) AS x;
    CREATE UNIQUE INDEX once ON t (f(x));
    CREATE OR REPLACE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
"""


def test_a_restore_that_fails_half_way_leaves_no_database(
    database: Database, back_up: Backer, bring_back: Restorer, server: Server
) -> None:
    made = back_up(fill(database, _UNRESTORABLE))
    before = _databases(server)
    with pytest.raises(RestoreFailedError, match=f"backup {made.name} was not restored: .*could not create unique index"):
        bring_back(made)

    assert _databases(server) == before


def test_a_restore_that_fails_on_an_older_server_is_noticed_too(
    database: Database, back_up: Backer, here: Settings, server_of: Callable[[int], Server]
) -> None:
    made = back_up(fill(database, _UNRESTORABLE))
    older = server_of(15)
    before = _databases(older)
    with pytest.raises(RestoreFailedError, match="could not create unique index"):
        restore(made, here, server=older.database())

    assert _databases(older) == before


def test_a_table_that_is_missing_after_the_restore_is_a_failure(backup: Backup, bring_back: Restorer, server: Server) -> None:
    assert backup.manifest is not None
    before = _databases(server)
    with pytest.raises(RestoreFailedError, match=r"1 of 8 tables are missing after the restore: public\.lost"):
        bring_back(_with_contents(backup, tables={**backup.manifest.contents.tables, "public.lost": 3}))

    assert _databases(server) == before


def test_a_restore_into_a_database_that_is_there_and_empty(
    clinic: Database, backup: Backup, bring_back: Restorer, server: Server
) -> None:
    empty = create_database(server.database().with_name("test_empty"))
    restored = bring_back(backup, target="test_empty", create=False)

    assert restored.database == empty
    assert contents_of(empty) == contents_of(clinic)


def test_a_restore_into_a_database_with_tables_is_refused(backup: Backup, bring_back: Restorer, server: Server) -> None:
    fill(create_database(server.database().with_name("test_used")), "CREATE TABLE t (x int)")

    with pytest.raises(DatabaseExistsError, match="the database 'test_used' has 1 tables"):
        bring_back(backup, target="test_used", create=False)


def test_a_read_only_server_is_refused(backup: Backup, here: Settings, server: Server) -> None:
    read_only = server.database().with_parameters(options="-c default_transaction_read_only=on")

    with pytest.raises(ReadOnlyServerError, match="the server is read-only"):
        restore(backup, here, server=read_only)


def test_retention_does_not_remove_a_backup_that_is_being_restored(
    clinic: Database, back_up: Backer, bring_back: Restorer, here: Settings
) -> None:
    old, _ = back_up(clinic), back_up(clinic)
    pruned: list[Backup] = []
    bring_back(old, progress=lambda _text: pruned.extend(prune_backups(here, keep=1)))

    assert pruned == []
    assert [backup.name for backup in prune_backups(here, keep=1)] == [old.name]


_RESTORE = """
import pathlib, signal, sys, time
from seachange.backup import find_backup, restore
from seachange.config import Settings
from seachange.postgres.connection import parse
def say(text):
    print(text, flush=True)
    if text.startswith("checking"):
        time.sleep(60)
settings = Settings(root=pathlib.Path(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"})
restore(find_backup(settings), settings, server=parse(sys.argv[2]), progress=say)
"""


@contextlib.contextmanager
def _restoring(here: Settings, server: Server) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a restore."""
    command = [sys.executable, "-c", _RESTORE, str(here.root), server.database().url()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("checking"):
            assert process.poll() is None
        yield process


def test_ctrl_c_leaves_no_half_restored_database(backup: Backup, here: Settings, server: Server) -> None:
    before = _databases(server)
    with _restoring(here, server) as process:
        assert len(_databases(server) - before) == 1
        process.send_signal(signal.SIGINT)

    assert _databases(server) == before


def test_what_a_killed_restore_left_is_dropped_by_the_next(
    backup: Backup, here: Settings, server: Server, bring_back: Restorer
) -> None:
    before = _databases(server)
    with _restoring(here, server) as process:
        process.kill()
    (left,) = _databases(server) - before
    restored = bring_back(backup)

    assert left.startswith("seachange_restoring_")
    assert _databases(server) - before == {restored.database.name}


def test_a_restore_under_way_is_not_taken_for_a_leftover(
    backup: Backup, here: Settings, server: Server, bring_back: Restorer
) -> None:
    before = _databases(server)
    with _restoring(here, server) as process:
        (under_way,) = _databases(server) - before
        bring_back(backup)

        assert under_way in _databases(server)
        process.send_signal(signal.SIGINT)


def test_an_interruption_from_another_thread_ends_the_restore_and_cleans_up(
    backup: Backup, bring_back: Restorer, server: Server
) -> None:
    before = _databases(server)
    try:
        with pytest.raises(InterruptedRunError):
            bring_back(backup, progress=lambda text: interrupt.interrupt_all() if text.startswith("restoring") else None)
    finally:
        interrupt.reset()

    assert _databases(server) == before


@pytest.mark.parametrize(
    ("happens", "error", "message"),
    [
        pytest.param("cut", RestoreFailedError, "was not restored: .*pg_restore", id="cut"),
        pytest.param("swallow", TimeoutExceededError, "pg_restore made no progress for 3 s", id="swallowed"),
    ],
)
def test_a_connection_that_breaks_in_the_middle_leaves_no_database(
    database: Database,
    back_up: Backer,
    here: Settings,
    server: Server,
    happens: str,
    error: type[Exception],
    message: str,
) -> None:
    made = back_up(fill(database, BIG))
    impatient = dataclasses.replace(here, stall_timeout=3_000)
    before = _databases(server)
    with proxied(server.database()) as (proxy, behind):
        proxy.at(1_000_000, lambda: happens)
        with pytest.raises(error, match=message):
            restore(made, impatient, server=behind)

    assert _databases(server) == before


def test_a_long_statement_of_a_restore_is_not_taken_for_a_dead_connection(
    database: Database, back_up: Backer, bring_back: Restorer, here: Settings
) -> None:
    slow = """
        CREATE FUNCTION slow(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(5)';
        CREATE TABLE t AS SELECT 1 AS x;
        CREATE TABLE empty (x int CHECK (slow(x) = 1));
        CREATE MATERIALIZED VIEW slowly AS SELECT slow(x) FROM t;
    """
    made = back_up(fill(database, slow))

    assert bring_back(made, settings=dataclasses.replace(here, stall_timeout=3_000)).tables == 2


def test_the_latest_backup_is_found_and_restored(clinic: Database, back_up: Backer, bring_back: Restorer, here: Settings) -> None:
    back_up(clinic)
    _execute(clinic, "DELETE FROM pets", "REFRESH MATERIALIZED VIEW counted")
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


def test_a_server_that_is_stopped_in_the_middle_is_what_is_reported(backup: Backup, here: Settings) -> None:
    with throwaway(here) as own:

        def stop(text: str) -> None:
            if text.startswith("restoring"):
                assert own.pid is not None
                os.kill(own.pid, signal.SIGQUIT)
                time.sleep(0.5)

        with pytest.raises(ServerUnreachableError) as caught:
            restore(backup, dataclasses.replace(here, migration_timeout=500), server=own.database(), progress=stop)

    assert "(tried " in caught.value.message
