"""What a text says about its locks, its work, and what it sets."""

from __future__ import annotations

import pytest

from seachange.postgres.statements import Build, Lock, Work, classify


@pytest.mark.parametrize(
    ("text", "lock", "work"),
    [
        pytest.param("INSERT INTO t (a) VALUES (%(a)s::INTEGER)", Lock.DATA, Work.LONG, id="placeholders of psycopg"),
        pytest.param("INSERT INTO t (a) VALUES ($1)", Lock.DATA, Work.LONG, id="placeholders of asyncpg"),
        pytest.param("UPDATE t SET a = '100%%' WHERE b = %(b)s; SELECT 1", Lock.DATA, Work.LONG, id="a doubled percent sign"),
        pytest.param("INSERT INTO t VALUES ('a;b')", Lock.DATA, Work.LONG, id="a semicolon that ends nothing"),
        pytest.param("INSERT INTO t VALUES (1); DROP TABLE t", Lock.BLOCKING, Work.LONG, id="more after data"),
        pytest.param("-- why\n/* and so */ ALTER TABLE t ADD c int", Lock.BLOCKING, Work.SHORT, id="comments before"),
        pytest.param("ALTER TABLE t VALIDATE CONSTRAINT c, ADD d int", Lock.BLOCKING, Work.SHORT, id="one command blocks"),
        pytest.param("CREATE INDEX i ON t (a)", Lock.BLOCKING, Work.LONG, id="an index build"),
        pytest.param("DO $$ BEGIN PERFORM 1; END $$", Lock.BLOCKING, Work.LONG, id="nobody knows what a block does"),
        pytest.param("ALTER TABEL t ADD c int", Lock.BLOCKING, Work.LONG, id="no SQL"),
        pytest.param("SAVEPOINT s", Lock.SESSION, Work.SHORT, id="a savepoint"),
        pytest.param("", Lock.SESSION, Work.SHORT, id="nothing"),
    ],
)
def test_a_text_has_the_class_of_the_strongest_of_its_statements(text: str, lock: Lock, work: Work) -> None:
    found = classify(text)

    assert (found.lock, found.work) == (lock, work)


@pytest.mark.parametrize(
    ("text", "build"),
    [
        pytest.param("CREATE INDEX CONCURRENTLY i ON t (a)", Build(table='"t"', index='"i"'), id="an index"),
        pytest.param(
            'create unique index concurrently if not exists "I""x" on "S".t (a)',
            Build(table='"S"."t"', index='"I""x"'),
            id="quoted",
        ),
        pytest.param("CREATE INDEX CONCURRENTLY ON t (a)", Build(table='"t"'), id="without a name"),
        pytest.param("REINDEX INDEX CONCURRENTLY s.i", Build(index='"s"."i"', again=True), id="an index again"),
        pytest.param("REINDEX (VERBOSE) TABLE CONCURRENTLY t", Build(table='"t"', again=True), id="all of a table again"),
        pytest.param("CREATE INDEX i ON t (a)", None, id="not concurrently"),
        pytest.param("SELECT 'CREATE INDEX CONCURRENTLY i ON t (a)'", None, id="only mentioned"),
    ],
)
def test_a_concurrent_build_says_what_it_builds(text: str, build: Build | None) -> None:
    found = classify(text)

    assert (found.build, found.concurrent) == (build, build is not None)


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        pytest.param("SET lock_timeout = '5s'", {"lock_timeout": False}, id="for the session"),
        pytest.param(
            "SET LOCAL Lock_Timeout TO 0; SET statement_timeout = 1", {"lock_timeout": True, "statement_timeout": False}
        ),
        pytest.param("select pg_catalog.set_config('lock_timeout', '1s', true)", {"lock_timeout": True}, id="by a function"),
        pytest.param("RESET lock_timeout", {"lock_timeout": False}, id="back to the default"),
        pytest.param("SELECT 1", {}, id="nothing"),
    ],
)
def test_a_text_says_which_parameters_it_sets(text: str, sets: dict[str, bool]) -> None:
    assert dict(classify(text).sets) == sets


def test_a_role_is_named() -> None:
    assert classify('CREATE ROLE "Reader" NOLOGIN').makes_role == "Reader"
    assert classify("DROP ROLE IF EXISTS a, b").drops_roles == ("a", "b")


@pytest.mark.parametrize(
    ("text", "atomic"),
    [
        pytest.param("CREATE INDEX CONCURRENTLY i ON t (a)", True, id="a build leaves an invalid index, which is dropped"),
        pytest.param("ALTER TYPE e ADD VALUE 'x'", True, id="a label"),
        pytest.param("CALL p()", False, id="a procedure may commit"),
        pytest.param("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", False, id="half detached is another state"),
        pytest.param("INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2)", False, id="a commit in between"),
    ],
)
def test_what_may_be_half_done_is_not_tried_again_alone(text: str, atomic: bool) -> None:  # noqa: FBT001
    assert classify(text).atomic == atomic
