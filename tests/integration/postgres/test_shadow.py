"""Shadow databases come from the cache when their state is known, and are built once when it is not."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import DatabaseExistsError
from seachange.postgres import binaries
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.postgres.shadow import shadow
from tests.integration.postgres.processes import ask, folder_of, processes_in

_TABLES = "select string_agg(tablename::text, ' ' order by tablename) from pg_tables where schemaname = 'public'"


class Building:
    """What is done to a database to bring it to a state, and how often it was done."""

    def __init__(self, *statements: str) -> None:
        self.statements = statements
        self.times = 0

    def __call__(self, database: Database) -> None:
        self.times += 1
        with connect(database) as session:
            for statement in self.statements:
                session.execute(statement)


def entries(settings: Settings) -> list[Path]:
    """Return what is in the cache, whether finished or not."""
    return sorted(Path(settings.cache_dir).glob("shadows/*/*"))


def tables(database: Database) -> object:
    return ask(database, _TABLES)


def put(settings: Settings, key: str, *statements: str) -> None:
    """Put a state into the cache."""
    with shadow(settings, key=key, build=Building(*statements)):
        pass


def test_state_is_built_once_and_then_comes_from_the_cache(warm: Settings) -> None:
    build = Building("create table a ()")
    seen = []
    for _ in range(3):
        with shadow(warm, key="one", build=build) as made:
            seen.append((made.hit, tables(made.clone())))

    assert (seen, build.times) == ([(False, "a"), (True, "a"), (True, "a")], 1)
    assert len(entries(warm)) == 1


def test_clones_are_independent_and_have_the_names_that_were_asked_for(warm: Settings) -> None:
    with shadow(warm, key="one", build=Building("create table a ()")) as made:
        first, second, named = made.clone(), made.clone(), made.clone('a=b "c"')
        with connect(first) as session:
            session.execute("create table b ()")

        assert [tables(database) for database in (first, second, named)] == ["a b", "a", "a"]
        assert named.name == 'a=b "c"'
        with pytest.raises(DatabaseExistsError):
            made.clone('a=b "c"')


def test_clones_are_not_kept(warm: Settings) -> None:
    build = Building("create table a ()")
    for _ in range(2):
        with shadow(warm, key="one", build=build) as made:
            made.clone("mine")

    assert build.times == 1


def test_missing_state_is_built_on_the_nearest_ancestor_in_the_cache(warm: Settings) -> None:
    put(warm, "older", "create table a ()")
    put(warm, "old", "create table a ()", "create table b ()")
    build = Building("create table never ()")
    from_older, from_old, from_newer = Building("create table x ()"), Building("create table c ()"), Building("create table y ()")

    ancestors = [("newer", from_newer), ("old", from_old), ("older", from_older)]
    with shadow(warm, key="new", build=build, ancestors=ancestors) as made:
        assert (made.hit, tables(made.clone())) == (False, "a b c")

    assert (build.times, from_newer.times, from_old.times, from_older.times) == (0, 0, 1, 0)
    with shadow(warm, key="new", build=build) as made:
        assert (made.hit, tables(made.clone())) == (True, "a b c")
    assert [len(list(entry.glob("data/base/*"))) for entry in entries(warm)] == [4, 4, 4]


def test_database_that_was_brought_further_is_kept_as_its_own_state(warm: Settings) -> None:
    with shadow(warm, key="one", build=Building("create table a ()")) as made:
        further = made.clone()
        Building("create table b ()")(further)
        made.keep_as("two", further)

    never = Building("create table never ()")
    for key, expected in (("one", "a"), ("two", "a b")):
        with shadow(warm, key=key, build=never) as made:
            assert (made.hit, tables(made.clone())) == (True, expected)


def test_failed_build_is_not_kept(warm: Settings) -> None:
    with pytest.raises(Exception, match="syntax error"), shadow(warm, key="one", build=Building("nonsense")):
        pass

    assert entries(warm) == []
    build = Building("create table a ()")
    with shadow(warm, key="one", build=build) as made:
        assert not made.hit


def test_state_is_kept_when_the_work_with_it_fails(warm: Settings) -> None:
    with pytest.raises(ValueError, match="mine"), shadow(warm, key="one", build=Building("create table a ()")):
        raise ValueError("mine")

    with shadow(warm, key="one", build=Building()) as made:
        assert made.hit


def test_interrupted_work_ends_at_once_and_keeps_nothing(warm: Settings) -> None:
    with contextlib.suppress(KeyboardInterrupt), shadow(warm, key="one", build=Building("create table a ()")) as made:
        folder = folder_of(made.server)
        raise KeyboardInterrupt

    assert (entries(warm), folder.exists(), processes_in(folder)) == ([], False, [])


def test_roles_that_the_work_created_do_not_become_part_of_the_state(warm: Settings) -> None:
    build = Building("create role of_the_state")
    work = Building("create role of_the_work")
    for _ in range(2):
        with shadow(warm, key="one", build=build) as made:
            work(made.clone())
    with shadow(warm, key="one", build=build) as made:
        pass

    assert build.times == 3
    with shadow(warm, key="one", build=build) as made:
        roles = ask(made.server.database(), "select string_agg(rolname::text, ' ') from pg_roles where rolname ~ '^of_'")
        assert (made.hit, roles) == (True, "of_the_state")


def test_session_left_open_on_a_clone_does_not_prevent_keeping(warm: Settings) -> None:
    with shadow(warm, key="one", build=Building("create table a ()")) as made:
        further = made.clone()
        sessions = [connect(further), connect(made.clone())]
        made.keep_as("two", further)
    for session in sessions:
        session.close()

    assert len(entries(warm)) == 2


def test_states_not_used_for_longest_are_pruned(warm: Settings) -> None:
    few = dataclasses.replace(warm, shadow_keep=2)
    for key in ("one", "two"):
        put(few, key, "create table a ()")
    with shadow(few, key="one", build=Building()) as made:
        assert made.hit
    put(few, "three", "create table a ()")

    hits = {}
    for key in ("one", "two", "three"):
        with shadow(dataclasses.replace(warm, shadow_keep=0), key=key, build=Building()) as made:
            hits[key] = made.hit
    assert (hits, len(entries(warm))) == ({"one": True, "two": False, "three": True}, 2)


def test_state_in_use_is_not_pruned_while_it_is_copied(warm: Settings) -> None:
    put(warm, "one", "create table a ()")
    (entry,) = entries(warm)
    holder = "import sys, time; from pathlib import Path; from seachange.partial import shared\n"
    holder += "with shared(Path(sys.argv[1])): print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", holder, str(entry)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        put(dataclasses.replace(warm, shadow_keep=1), "two", "create table a ()")
        assert len(entries(warm)) == 2
        process.kill()


def test_damaged_state_is_built_anew(warm: Settings, caplog: pytest.LogCaptureFixture) -> None:
    put(warm, "one", "create table a ()")
    (entry,) = entries(warm)
    (entry / "data" / "global" / "pg_control").write_bytes(b"")
    build = Building("create table b ()")

    with caplog.at_level(logging.WARNING, "seachange"), shadow(warm, key="one", build=build) as made:
        assert (made.hit, tables(made.clone())) == (False, "b")
    assert "is unusable and is built anew: the PostgreSQL server of" in caplog.text
    with shadow(warm, key="one", build=build) as made:
        assert made.hit


def test_majors_have_states_of_their_own(warm: Settings, settings: Settings) -> None:
    older = binaries.server(settings, 14)
    both = dataclasses.replace(warm, environment={**warm.environment, "SEACHANGE_PG14_BIN": str(older.bin_dir)})
    build = Building("create table a ()")
    for major in (18, 14, 18, 14):
        with shadow(both, key="one", build=build, major=major) as made:
            assert made.server.major == major

    assert build.times == 2


_RACER = """
import sys, time
from pathlib import Path
from seachange import config
from seachange.postgres.connection import connect
from seachange.postgres.shadow import shadow

def build(database):
    with connect(database) as session:
        session.execute("create table a ()")

print("ready", flush=True)
sys.stdin.readline()
with shadow(config.load(Path(sys.argv[1])), key="one", build=build) as made:
    with connect(made.clone()) as session:
        print(session.execute("select count(*) from a").fetchone()[0], made.hit, flush=True)
"""


def test_processes_that_miss_at_the_same_time_all_succeed_and_keep_one(warm: Settings) -> None:
    environment = {**warm.environment, "SEACHANGE_CACHE_DIR": warm.cache_dir}
    command = [sys.executable, "-c", _RACER, str(warm.root)]
    racers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout
        assert racer.stdout.readline() == "ready\n"
    said = []
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    for racer in racers:
        said.append(racer.communicate(timeout=120)[0].split()[0])

    assert (said, [racer.returncode for racer in racers]) == (["0"] * 4, [0] * 4)
    assert len(entries(warm)) == 1
    with shadow(warm, key="one", build=Building()) as made:
        assert made.hit


def test_killed_run_leaves_nothing_in_the_cache(warm: Settings) -> None:
    environment = {**warm.environment, "SEACHANGE_CACHE_DIR": warm.cache_dir}
    script = _RACER + "    time.sleep(60)\n"
    command = [sys.executable, "-c", script, str(warm.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write("go\n")
        process.stdin.flush()
        assert [process.stdout.readline(), process.stdout.readline()] == ["ready\n", "0 False\n"]
        process.kill()

    assert entries(warm) == []


def test_lent_server_is_worked_on_without_the_cache(warm: Settings, server: Server) -> None:
    lending = dataclasses.replace(warm, environment={**warm.environment, "SEACHANGE_ADMIN_URL": server.database().url()})
    build = Building("create table a ()")
    for _ in range(2):
        with shadow(lending, key="one", build=build) as made:
            clone = made.clone()
            assert (made.hit, tables(clone), clone.name.startswith("seachange_tmp_")) == (False, "a", True)
            made.keep_as("two", clone)

    assert (build.times, entries(warm)) == (2, [])
    names = "select count(*) from pg_database where datname like 'seachange_tmp%'"
    assert ask(server.database(), names) == 0
