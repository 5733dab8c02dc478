"""Restored copies: like their origin, from the cache the second time, and nothing left of those that failed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from pathlib import Path

import pytest

from seachange.backup import Backup, copies
from seachange.backup.copies import restored_copy
from seachange.config import Settings
from seachange.errors import BackupInvalidError, BinaryNotFoundError, ConfigError, CopyImpossibleError, OutOfDiskError
from seachange.postgres._places import run_roots
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server, sweep, throwaway
from tests.integration.backup.conftest import Backer, contents_of, databases_of, execute, fill, with_contents


def kept(settings: Settings) -> list[Path]:
    """Return the copies that are in the cache."""
    found = Path(settings.cache_dir).glob("rehearsals/*/*")
    return sorted(path for path in found if not path.name.startswith(".") and not path.parent.name.startswith("."))


def running() -> set[Path]:
    """Return the folders of servers that this process runs, or ran."""
    return {folder for root in run_roots() for folder in root.glob(f".partial-{os.getpid()}-*")}


def ask(database: Database, query: str) -> tuple[object, ...]:
    """Return the only row of a query."""
    with contextlib.closing(connect(database, autocommit=True)) as session:
        row = session.execute(query.encode()).fetchone()
        assert row is not None
        return tuple(row)


def test_a_backup_is_restored_once_and_then_copied(warm: Settings, clinic: Database, backup: Backup) -> None:
    hits, found = [], []
    for _ in range(2):
        with restored_copy(backup, warm) as copy:
            hits.append(copy.hit)
            found.append(contents_of(copy.database))
            execute(copy.database, "DELETE FROM pets")

    assert hits == [False, True]
    assert found == [contents_of(clinic)] * 2
    assert len(kept(warm)) == 1


def test_the_copy_has_the_name_and_the_major_version_of_its_origin(
    warm: Settings, each_database: Database, back_up: Backer
) -> None:
    fill(each_database)
    with restored_copy(back_up(each_database), warm) as copy:
        name, version = ask(copy.database, "SELECT current_database(), current_setting('server_version_num')::int / 10000")

    assert (name, version) == (
        each_database.name,
        ask(each_database, "SELECT current_setting('server_version_num')::int / 10000")[0],
    )


def test_a_database_called_like_one_of_the_server_gets_another_name(warm: Settings, backup: Backup) -> None:
    with restored_copy(with_contents(backup, database="postgres"), warm) as copy:
        assert copy.database.name == "postgres_copy"


def test_settings_of_the_origin_hold_for_every_session_of_the_copy(warm: Settings, back_up: Backer) -> None:
    with throwaway(warm) as origin:
        execute(origin.database(), "ALTER SYSTEM SET timezone = 'Asia/Tokyo'", "ALTER SYSTEM SET datestyle = 'German'")
        execute(origin.database(), "ALTER SYSTEM SET search_path = '$user', 'Größe \"x\"', public", "SELECT pg_reload_conf()")
        database = fill(origin.database(), "CREATE DATABASE shop") and origin.database("shop")
        execute(database, "ALTER DATABASE shop SET statement_timeout = '7s'", "CREATE ROLE clerk")
        execute(database, "ALTER ROLE clerk IN DATABASE shop SET work_mem = '9MB'")
        made = back_up(database)
    query = (
        "SELECT current_setting('timezone'), current_setting('datestyle'), current_setting('search_path'), current_schemas(false)"
    )
    with restored_copy(made, warm) as copy:
        found = ask(copy.database, query)
        roles = ask(copy.database, "SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole")

    assert found == ("Asia/Tokyo", "German, DMY", '"$user", "Größe ""x""", public', ["public"])
    assert roles == (["work_mem=9MB"],)


def test_roles_are_made_with_what_row_security_makes_of_them(warm: Settings, back_up: Backer) -> None:
    statements = (
        "CREATE ROLE plain",
        'CREATE ROLE "Über ""x""" BYPASSRLS LOGIN',
        "CREATE ROLE chief SUPERUSER",
        "CREATE TABLE pets (id int)",
        "ALTER TABLE pets OWNER TO plain",
        "ALTER TABLE pets ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON pets TO plain USING (id > 1)",
        'GRANT SELECT ON pets TO "Über ""x"""',
        "CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$",
        "CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()",
        "ALTER EVENT TRIGGER noted OWNER TO chief",
    )
    with throwaway(warm) as origin:
        execute(origin.database(), "CREATE DATABASE shop")
        execute(origin.database("shop"), *statements)
        made = back_up(origin.database("shop"))
    with restored_copy(made, warm) as copy, contextlib.closing(connect(copy.database, autocommit=True)) as session:
        roles = session.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE oid >= 16384 ORDER BY rolname"
        ).fetchall()
        owner = session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'pets'").fetchall()

    assert roles == [("chief", True, False, False), ("plain", False, False, False), ('Über "x"', False, True, False)]
    assert owner == [("plain",)]


def test_what_is_only_read_is_kept_too(warm: Settings, backup: Backup) -> None:
    with restored_copy(backup, warm, read_only=True) as copy:
        first = copy.hit
    with restored_copy(backup, warm) as copy:
        second = copy.hit

    assert (first, second) == (False, True)


@pytest.mark.parametrize(("limit", "left"), [pytest.param(0, 0, id="none"), pytest.param(1, 1, id="one")])
def test_only_so_many_copies_stay(warm: Settings, clinic: Database, back_up: Backer, limit: int, left: int) -> None:
    settings = dataclasses.replace(warm, rehearsal_keep=limit)
    for _ in range(2):
        with restored_copy(back_up(clinic), settings) as copy:
            assert ask(copy.database, "SELECT count(*) FROM clients") == (500,)

    assert len(kept(warm)) == left


def test_a_copy_that_is_not_to_be_kept_is_not(warm: Settings, backup: Backup) -> None:
    with restored_copy(backup, warm, keep=False) as copy:
        assert ask(copy.database, "SELECT count(*) FROM clients") == (500,)

    assert kept(warm) == []


def test_much_data_stays_on_the_disk_of_the_cache(warm: Settings, backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_LARGE_BYTES", 0)
    for _ in range(2):
        with restored_copy(backup, warm) as copy:
            assert copy.server.data_dir is not None
            assert copy.server.data_dir.is_relative_to(warm.cache_dir)
            assert ask(copy.database, "SELECT count(*) FROM clients") == (500,)

    assert len(kept(warm)) == 1


def test_a_look_sees_what_was_restored_and_not_what_was_kept(warm: Settings, backup: Backup) -> None:
    seen = []
    for _ in range(2):
        with restored_copy(
            backup, warm, look=lambda database: seen.append(ask(database, "SELECT count(*) FROM clients"))
        ) as copy:
            execute(copy.database, "TRUNCATE clients CASCADE")

    assert seen == [(500,), (500,)]


def test_nothing_is_left_of_a_copy_that_failed(warm: Settings, backup: Backup) -> None:
    before = running()

    def fail(_: Database) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), restored_copy(backup, warm, look=fail):
        pass

    assert kept(warm) == []
    # A process that nobody waits for removes the data.
    deadline = time.monotonic() + 10
    while running() - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running() - before == set()


def test_a_copy_in_the_cache_that_does_not_start_is_made_anew(warm: Settings, backup: Backup) -> None:
    with restored_copy(backup, warm):
        pass
    (kept(warm)[0] / "data" / "global" / "pg_control").unlink()
    with restored_copy(backup, warm) as copy:
        assert (copy.hit, ask(copy.database, "SELECT count(*) FROM clients")) == (False, (500,))


def test_what_a_killed_run_left_in_the_cache_is_swept(warm: Settings, backup: Backup) -> None:
    with restored_copy(backup, warm):
        pass
    left = kept(warm)[0].parent / ".partial-4194300-01234567"
    left.mkdir()
    sweep(warm)

    assert not left.exists()


def test_a_missing_extension_is_named_with_the_remedy(warm: Settings, backup: Backup) -> None:
    needy = with_contents(backup, extensions={"plpgsql": "1.0", "postgis": "3.4.2"})
    with (
        pytest.raises(CopyImpossibleError, match=r"lacks the extension postgis 3\.4\.2, which the backup needs") as caught,
        restored_copy(needy, warm),
    ):
        pass

    assert "SEACHANGE_PG" in caught.value.hint
    assert "db.servers" in caught.value.hint


def test_without_a_server_of_that_version_there_is_no_copy(warm: Settings, backup: Backup) -> None:
    assert backup.manifest is not None
    old = dataclasses.replace(backup.manifest.server, version_number=90_600)
    aged = dataclasses.replace(backup, manifest=dataclasses.replace(backup.manifest, server=old))
    with pytest.raises(BinaryNotFoundError, match="PostgreSQL 9 was not found"), restored_copy(aged, warm):
        pass


def test_a_copy_that_will_not_fit_is_not_begun(warm: Settings, backup: Backup) -> None:
    huge = with_contents(backup, size_bytes=10**15)
    with (
        pytest.raises(OutOfDiskError, match="takes about 953,674,316 MB, and the disk of the cache has"),
        restored_copy(huge, warm),
    ):
        pass

    assert kept(warm) == []


def test_a_damaged_backup_is_not_restored(warm: Settings, backup: Backup) -> None:
    dump = next(backup.path.glob("*.dump"))
    data = bytearray(dump.read_bytes())
    data[len(data) // 2] ^= 1
    dump.write_bytes(data)
    with pytest.raises(BackupInvalidError, match=r"database\.dump does not match its digest"), restored_copy(backup, warm):
        pass


def test_on_a_lent_server_it_is_restored_every_time_and_nothing_stays(
    warm: Settings, server: Server, back_up: Backer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with throwaway(warm, major=server.major) as origin:
        execute(origin.database(), "CREATE ROLE lent_owner", "CREATE DATABASE shop")
        execute(origin.database("shop"), "CREATE TABLE pets AS SELECT 1 AS id", "ALTER TABLE pets OWNER TO lent_owner")
        made = back_up(origin.database("shop"))
    parameters = server.database().parameters
    url = f"postgresql://{parameters['user']}@/postgres?host={parameters['host']}&port={parameters['port']}"
    lent = dataclasses.replace(warm, environment={**warm.environment, "SEACHANGE_ADMIN_URL": url})
    before = databases_of(server)
    for _ in range(2):
        with restored_copy(made, lent) as copy:
            assert (copy.hit, ask(copy.database, "SELECT tableowner FROM pg_tables WHERE tablename = 'pets'")) == (
                False,
                ("lent_owner",),
            )

    assert databases_of(server) == before
    assert ask(server.database(), "SELECT count(*) FROM pg_roles WHERE rolname = 'lent_owner'") == (0,)
    assert kept(warm) == []


def test_a_mask_is_applied_before_anything_sees_or_keeps_the_data(warm: Settings, database: Database, back_up: Backer) -> None:
    fill(database, "CREATE TABLE people AS SELECT n AS id, 'canary-' || md5(n::text) AS name FROM generate_series(1, 50) n")
    made = back_up(database)
    with restored_copy(made, warm, mask=(("people.name", "'person ' || id"),)) as copy:
        assert ask(copy.database, "SELECT min(name) FROM people") == ("person 1",)
    with restored_copy(made, warm) as copy:
        hit = copy.hit
        plain = ask(copy.database, "SELECT count(*) FROM people WHERE name LIKE 'canary-%'")

    holding = [path for path in kept(warm) if any(b"canary-" in file.read_bytes() for file in path.rglob("*") if file.is_file())]
    assert (hit, plain, len(kept(warm)), len(holding)) == (False, (50,), 2, 1)


def test_a_mask_that_fits_no_column_is_refused_and_keeps_nothing(warm: Settings, backup: Backup) -> None:
    with pytest.raises(ConfigError, match="nobody"), restored_copy(backup, warm, mask=(("nobody.name", "''"),)):
        pass

    assert kept(warm) == []
