"""Plain files of SQL, traced as psql would run them."""

from __future__ import annotations

import pytest

from seachange.errors import StatementFailedError
from seachange.postgres.connection import Database, connect
from seachange.safety.facts import LockMode, RevisionFacts, ServerError
from seachange.safety.trace import trace_sql
from tests.integration.safety.tracing import locks

_FILE = """-- a release
CREATE TABLE t (id int PRIMARY KEY, a int);
INSERT INTO t SELECT n, n FROM generate_series(1, 100) n WHERE 'x%' <> '100 %s';

BEGIN;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
ALTER TABLE t ADD CONSTRAINT k CHECK (a > 0) NOT VALID;
ALTER TABLE t
  VALIDATE CONSTRAINT k;
COMMIT;
CREATE INDEX CONCURRENTLY i ON t (a);
BEGIN; DROP TABLE t; ROLLBACK;
SELECT count(*) FROM t
"""


@pytest.fixture
def facts(each_database: Database) -> RevisionFacts:
    return trace_sql(each_database, _FILE, file="releases/0042.sql")


def test_each_statement_has_its_line_and_its_transaction(facts: RevisionFacts) -> None:
    assert (facts.revision, facts.file) == ("0042", "releases/0042.sql")
    assert [(each.number, each.where.partition(":")[2], each.transaction) for each in facts.statements] == [
        *((1, "2", 0), (2, "3", 0)),
        *((3, "5", 1), (4, "6", 1), (5, "7", 1), (6, "8", 1), (7, "10", 1)),
        (8, "11", 0),
        *((9, "12", 2), (10, "12", 2), (11, "12", 2)),
        (12, "13", 0),
    ]
    assert [each.error for each in facts.statements] == [None] * 12


def test_what_is_held_to_the_commit_is_one_window(facts: RevisionFacts) -> None:
    (window,) = [each for each in facts.windows if each.transaction == 1 and each.relation == "public.t"]

    assert window.mode is LockMode.ACCESS_EXCLUSIVE
    assert dict(window.long_work()) == {6: {"public.t": ("scan",)}}
    assert facts.statements[4].settings["transaction_isolation"] == "repeatable read"


def test_statements_outside_of_a_transaction_have_their_locks(facts: RevisionFacts) -> None:
    assert [locks(facts.statements[number - 1]) for number in (2, 8, 12)] == [
        {"public.t": "RX"},
        {"public.t": "SUX"},
        {"public.t": "AS"},
    ]
    assert facts.statements[1].changes == {"public.t": 100}
    assert [build.index for build in facts.statements[7].index_builds] == ["public.i"]


def test_a_session_has_no_limits_of_ours(facts: RevisionFacts) -> None:
    assert {each.settings["lock_timeout"] for each in facts.statements if each.settings} == {"0"}


def test_the_catalogue_is_read_before_and_after(facts: RevisionFacts, each_database: Database) -> None:
    assert facts.before is not None
    assert facts.after is not None
    assert [[table.name for table in each.tables] for each in (facts.before, facts.after)] == [[], ["t"]]
    with connect(each_database) as session:
        assert session.info.server_version // 10000 == facts.major


def test_what_comes_after_an_error_is_not_run(database: Database) -> None:
    facts = trace_sql(database, "create table t ();\nbegin;\nalter table u add c int;\ncreate table v ();\n", file="a.sql")

    assert [each.line for each in facts.statements] == [1, 2, 3]
    assert facts.statements[-1].error == ServerError(sqlstate="42P01", message='relation "u" does not exist')


def test_what_cannot_be_in_a_transaction_fails_in_one(database: Database) -> None:
    facts = trace_sql(database, "create table t (a int);\nbegin;\ncreate index concurrently i on t (a);\n", file="a.sql")

    assert facts.statements[-1].error == ServerError(
        sqlstate="25001", message="CREATE INDEX CONCURRENTLY cannot run inside a transaction block"
    )


def test_what_only_psql_understands_is_refused_before_anything_is_run(database: Database) -> None:
    with pytest.raises(StatementFailedError, match=r"a.sql:2: \\set is a command of psql"):
        trace_sql(database, "create table t ();\n\\set x 1\n", file="a.sql")
    with connect(database) as session:
        assert session.execute("select to_regclass('t')::text").fetchone() == (None,)


def test_what_is_no_sql_is_answered_by_the_server(database: Database) -> None:
    facts = trace_sql(database, "create table t (a int);\nalter table t add unique (a) not valid;\n", file="a.sql")

    assert [(each.line, each.error) for each in facts.statements] == [
        (1, None),
        (2, ServerError(sqlstate="0A000", message="UNIQUE constraints cannot be marked NOT VALID")),
    ]
