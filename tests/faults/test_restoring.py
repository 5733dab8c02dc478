"""Restores that meet sessions, errors, missing roles and extensions, other encodings, and connections that break."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading

import pytest
from psycopg import sql

from seachange.backup import Backup, restore
from seachange.backup.contents import Roles
from seachange.backup.ownership import Ownership
from seachange.backup.restore import How
from seachange.config import Settings
from seachange.errors import DatabaseExistsError, RestoreFailedError, SeachangeError
from seachange.postgres.connection import Database, connect, create_database
from seachange.postgres.server import Server, throwaway
from tests.faults.disks import make_tablespace, open_folder
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask, failure, soon
from tests.integration.backup.conftest import BIG, Backer, Restorer, contents_of, databases_of, execute, fill, with_contents
from tests.integration.backup.proxy import proxied


@fault(
    "a role that owns objects or was granted something is missing",
    catalogue=21,
    expected="refused with exit 4 before anything is touched, all of it named; `--no-owner` restores without them, and says so",
)
def test_owners_that_are_missing_are_left_out_and_said(
    clinic: Database, back_up: Backer, bring_back: Restorer, server: Server, observed: Observed
) -> None:
    execute(server.database(), "CREATE ROLE gone_owner", "CREATE ROLE gone_reader")
    execute(clinic, "ALTER TABLE clients OWNER TO gone_owner", "GRANT SELECT ON pets TO gone_reader")
    made = back_up(clinic)
    execute(clinic, "DROP VIEW planned", "REASSIGN OWNED BY gone_owner TO CURRENT_USER", "DROP OWNED BY gone_reader")
    execute(server.database(), "DROP ROLE gone_owner", "DROP ROLE gone_reader")
    before = databases_of(server)
    with pytest.raises(RestoreFailedError) as caught:
        bring_back(made)
    assert (caught.value.exit_code, databases_of(server)) == (4, before)
    restored = bring_back(made, how=How(ownership=Ownership(owners=False)))

    assert contents_of(restored.database)['"public"."clients"'] == contents_of(clinic)['"public"."clients"']
    observed.tell(f"{failure(caught)}; without owners restored, notes: {', '.join(restored.notes)}")


@fault(
    "an extension, or a role that a policy names, is missing on the server",
    catalogue=21,
    expected="refused with exit 4 before anything is touched, with what is missing",
)
@pytest.mark.parametrize(
    "changes", [{"extensions": {"no_such": "1.0"}}, {"roles": Roles(policies=("no_role",))}], ids=["extension", "role"]
)
def test_what_the_server_lacks_is_said_before_anything_is_touched(
    backup: Backup, bring_back: Restorer, server: Server, changes: dict[str, object], observed: Observed
) -> None:
    before = databases_of(server)
    with pytest.raises(RestoreFailedError) as caught:
        bring_back(with_contents(backup, **changes))

    assert caught.value.exit_code == 4
    assert databases_of(server) == before
    observed.tell(failure(caught))


@fault(
    "a restore over a database whose sessions are connected and come back all the time",
    catalogue=26,
    expected="restored beside it, then sessions are ended and held off for the swap; the old database is kept",
)
def test_sessions_are_ended_and_held_off_until_the_swap_is_done(
    clinic: Database, back_up: Backer, bring_back: Restorer, observed: Observed
) -> None:
    import psycopg

    made = back_up(clinic)
    execute(clinic, "DELETE FROM pets")
    over, seen = threading.Event(), []

    def reconnect() -> None:
        while not over.is_set():
            with contextlib.suppress(psycopg.Error), psycopg.connect(**clinic.parameters, autocommit=True) as session:  # type: ignore[arg-type]
                while not over.is_set():
                    row = session.execute("SELECT count(*) FROM pets").fetchone()
                    seen.append(row[0] if row else -1)

    application = [threading.Thread(target=reconnect) for _ in range(3)]
    for thread in application:
        thread.start()
    try:
        assert soon(lambda: seen)
        restored = bring_back(made, target=clinic.name, overwrite=True)
        assert soon(lambda: seen[-1] == 400)
    finally:
        over.set()
        for thread in application:
            thread.join()

    assert set(seen) == {0, 400}
    assert ask(clinic.with_name(restored.replaced), "SELECT count(*) FROM pets") == [(0,)]
    observed.tell(f"3 clients saw the old rows, then the new ones, never anything else; kept as {restored.replaced}")


@fault(
    "a restore into a database that exists",
    catalogue=(26, 27),
    expected="refused with exit 3 unless it is to be replaced; not touched",
)
def test_an_existing_database_is_refused_and_not_touched(
    clinic: Database, backup: Backup, bring_back: Restorer, server: Server, observed: Observed
) -> None:
    before = (databases_of(server), contents_of(clinic))
    with pytest.raises(DatabaseExistsError) as caught:
        bring_back(backup, target=clinic.name)

    assert caught.value.exit_code == 3
    assert (databases_of(server), contents_of(clinic)) == before
    observed.tell(failure(caught))


_UNRESTORABLE = """
    CREATE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT x';
    CREATE TABLE t AS SELECT generate_series(1, 100) AS x;
    CREATE UNIQUE INDEX once ON t (f(x));
    CREATE OR REPLACE FUNCTION f(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
"""


@fault(
    "the server refuses something half way through a restore",
    catalogue=27,
    expected="exit 4 with the server's words; the half-restored database is dropped",
)
def test_a_restore_that_fails_half_way_leaves_no_database(
    database: Database, back_up: Backer, server: Server, each_format: Settings, observed: Observed
) -> None:
    made = back_up(fill(database, _UNRESTORABLE), each_format)
    before = databases_of(server)
    with pytest.raises(RestoreFailedError, match="could not create unique index") as caught:
        restore(made, each_format, server=server.database())

    assert caught.value.exit_code == 4
    assert databases_of(server) == before
    observed.tell('exit 4, "... could not create unique index"; the server has the databases that it had')


@fault(
    "the connection of a restore is cut, or swallowed by a proxy",
    catalogue=(5, 6),
    expected="exit 4 or 6, swallowed noticed after stall_timeout; the half-restored database is dropped",
)
@pytest.mark.parametrize("happens", ["cut", "swallow"])
def test_a_connection_that_breaks_in_the_middle_leaves_no_database(
    database: Database, back_up: Backer, each_format: Settings, server: Server, happens: str, observed: Observed
) -> None:
    made = back_up(fill(database, BIG), each_format)
    impatient = dataclasses.replace(each_format, stall_timeout=2_000)
    before = databases_of(server)
    with proxied(server.database()) as (proxy, behind):
        proxy.at(1_000_000, lambda: happens)
        with pytest.raises(SeachangeError) as caught:
            restore(made, impatient, server=behind)

    assert caught.value.exit_code == (4 if happens == "cut" else 6)
    assert databases_of(server) == before
    what = "no progress" if "no progress" in caught.value.message else "was not restored"
    observed.tell(f"{happens}: exit {int(caught.value.exit_code)}, {what}; the server has the databases that it had")


@fault(
    "the backend of pg_restore is killed in the middle",
    catalogue=(4, 27),
    expected="exit 4; the half-restored database is dropped",
)
def test_a_killed_backend_of_a_restore_leaves_no_database(
    database: Database, back_up: Backer, each_format: Settings, server: Server, observed: Observed
) -> None:
    made = back_up(fill(database, BIG), each_format)
    before = databases_of(server)

    def kill() -> str:
        ask(server.database(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_restore'")
        return "go on"

    with proxied(server.database()) as (proxy, behind):
        proxy.at(1_000_000, kill)
        with pytest.raises(SeachangeError) as caught:
            restore(made, each_format, server=behind)

    assert caught.value.exit_code == 4
    assert databases_of(server) == before
    observed.tell(f"exit {int(caught.value.exit_code)}; the server has the databases that it had")


@fault(
    "the server crashes in the middle of a restore and starts again",
    catalogue=4,
    expected="exit 4 or 6; what the crash left is dropped, at once or by the next restore",
)
def test_what_a_crash_in_the_middle_left_is_swept_by_the_next_restore(
    database: Database, back_up: Backer, here: Settings, settings: Settings, observed: Observed
) -> None:
    made = back_up(fill(database, BIG))
    with throwaway(settings) as own, proxied(own.database()) as (proxy, behind):
        before = databases_of(own)

        def crash() -> str:
            # A process of the server that is killed makes it end all sessions and recover from its log.
            ((pid,),) = ask(own.database(), "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
            os.kill(int(str(pid)), signal.SIGKILL)
            return "go on"

        proxy.at(1_000_000, crash)
        with pytest.raises(SeachangeError) as caught:
            restore(made, dataclasses.replace(here, migration_timeout=3_000), server=behind)
        assert soon(lambda: _reached(own))
        restored = restore(made, here, server=own.database())

        assert databases_of(own) - before == {restored.database.name}
    assert caught.value.exit_code in (4, 6)
    observed.tell(
        f"exit {int(caught.value.exit_code)}; after the next restore the server has one database more: the restored one"
    )


def _reached(server: Server) -> bool:
    with contextlib.suppress(SeachangeError):
        return bool(ask(server.database(), "SELECT 1"))
    return False


@fault(
    "the encoding and the collation of the database are not those of the server, or not to be had",
    catalogue=31,
    expected="the encoding comes back; a collation that the server lacks is replaced, and that is said",
)
def test_encoding_and_collation_come_back_or_are_said(
    server: Server, back_up: Backer, bring_back: Restorer, observed: Observed
) -> None:
    latin = server.database().with_name("test_latin")
    options = sql.SQL("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc")
    create_database(latin, template="template0", options=options)
    made = back_up(fill(latin, "CREATE TABLE t AS SELECT 'größe'::text AS x"))
    query = "SELECT pg_encoding_to_char(encoding), datcollate, x FROM pg_database, t WHERE datname = current_database()"
    (facts,) = ask(bring_back(made, target="test_latin_1").database, query)
    assert made.manifest is not None
    missing = dataclasses.replace(made.manifest.contents.locale, collate="xx_YY.UTF-8", ctype="xx_YY.UTF-8")
    replaced = bring_back(with_contents(made, locale=missing), target="test_latin_2")
    (instead,) = ask(replaced.database, query)

    assert (facts, instead[0], instead[2]) == (("LATIN1", "C", "größe"), "LATIN1", "größe")
    assert len(replaced.notes) == 1
    observed.tell(f"{facts[0]} with collation {facts[1]} came back; {replaced.notes[0]}")


@fault(
    "the tablespace of a table is missing",
    catalogue=31,
    expected="the table goes to the default tablespace, and that is said",
)
def test_a_tablespace_that_is_missing_is_said(
    settings: Settings, server: Server, back_up: Backer, bring_back: Restorer, observed: Observed
) -> None:
    with throwaway(settings) as source, open_folder() as folder:
        make_tablespace(source, folder)
        made = back_up(fill(source.database(), "CREATE TABLE t TABLESPACE small AS SELECT 1 AS x"))
    restored = bring_back(made)

    assert ask(restored.database, "SELECT x FROM t") == [(1,)]
    (note,) = [note for note in restored.notes if "tablespace" in note]
    observed.tell(f"restored; note: {note}")


@fault(
    "a long statement of a restore, which moves no byte for longer than stall_timeout",
    catalogue=(6, 31),
    expected="not taken for a dead connection: the server is seen working",
)
def test_a_long_statement_is_not_taken_for_a_dead_connection(
    database: Database, back_up: Backer, bring_back: Restorer, here: Settings, observed: Observed
) -> None:
    slow = """
        CREATE FUNCTION slow(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
        CREATE TABLE t AS SELECT 1 AS x;
        CREATE MATERIALIZED VIEW slowly AS SELECT slow(x) FROM t;
        CREATE OR REPLACE FUNCTION slow(x int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(4)';
    """
    restored = bring_back(back_up(fill(database, slow)), settings=dataclasses.replace(here, stall_timeout=2_000))

    assert restored.tables == 1
    observed.tell("a statement of 4 s with stall_timeout = 2 s: restored")


@fault(
    "a user that holds the database open and may not be ended by the user that restores over it",
    catalogue=26,
    expected="exit 4: it is not replaced, and what was restored is kept under a dated name",
)
def test_a_database_that_cannot_be_freed_is_not_replaced(
    server: Server, role: str, back_up: Backer, here: Settings, tidy: None, observed: Observed
) -> None:
    own = create_database(server.database().with_name("test_own"), owner=role)
    made = back_up(fill(own, f"CREATE TABLE t AS SELECT 1 AS x; ALTER TABLE t OWNER TO {role}"))
    with contextlib.closing(connect(own)) as superuser:
        superuser.execute("SELECT 1")
        with pytest.raises(RestoreFailedError, match="what was restored is kept as") as caught:
            restore(made, here, server=server.database().with_parameters(user=role), target="test_own", overwrite=True)

    assert caught.value.exit_code == 4
    assert contents_of(own)
    observed.tell(failure(caught))
