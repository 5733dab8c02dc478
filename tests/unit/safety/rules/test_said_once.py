"""What one rule says no other repeats, and what the server refused is not said to have happened."""

from __future__ import annotations

import dataclasses

import pytest

from seachange.safety.environment import Environment
from seachange.safety.facts import Dropped, RelationLock, ServerError, StatementFacts
from seachange.safety.lint import lint
from seachange.safety.rules import Context, load_rules
from tests.unit.safety.rules.facts import catalog, found, locks, revision, statement, table

_REFUSED = ServerError(sqlstate="2BP01", message="other objects depend on it")


@pytest.mark.parametrize(
    ("rule", "sql"),
    [
        pytest.param("SC601", "DROP TABLE t", id="a table"),
        pytest.param("SC602", "ALTER TABLE t DROP COLUMN a", id="a column"),
        pytest.param("SC610", "DROP TABLE t; CREATE TABLE t (id int)", id="a table that is made again"),
    ],
)
def test_a_drop_that_the_server_refused_loses_nothing(rule: str, sql: str) -> None:
    before = catalog(table("t", "id bigint, a text"))

    assert len(found(rule, statement(sql, new="t=AX"), before=before)) == 1
    assert found(rule, statement(sql, error=_REFUSED), before=before) == []


def test_an_index_that_goes_before_its_table_is_not_told() -> None:
    index = statement("DROP INDEX t_a", new="t=AX")
    whole = statement("DROP TABLE t", held="t=AX", dropped=(Dropped(name="public.t", kind="table"),))

    assert len(found("SC302", index)) == 1
    assert found("SC302", index, whole) == []
    assert len(found("SC302", index, dataclasses.replace(whole, transaction=2))) == 1


def test_a_required_column_fails_rather_than_being_read() -> None:
    def added(definition: str) -> StatementFacts:
        return statement(f"ALTER TABLE t ADD c {definition}", new="t=AX", scans={"public.t": 0}, verified=("public.t",))

    assert found("SC110", added("int NOT NULL")) == []
    assert len(found("SC110", added("int GENERATED ALWAYS AS (a + 1) VIRTUAL NOT NULL"))) == 1


def test_the_tables_that_a_dropped_one_refers_to_are_one_finding() -> None:
    assert found("SC519", statement("DROP TABLE t", new="t=AX u=AX v=AX")) == [
        "1: DROP TABLE public.t takes ACCESS EXCLUSIVE on public.u and public.v, which it refers to"
    ]


def test_passes_of_one_line_are_not_said_to_be_in_several() -> None:
    passes = [statement(f"ALTER TABLE t ALTER {name} TYPE json", new="t=AX", rewrites=("public.t",)) for name in "ab"]
    facts = revision(*passes)
    facts = dataclasses.replace(facts, statements=tuple(dataclasses.replace(each, line=7) for each in facts.statements))

    (finding,) = lint([facts], rules={"SC512": load_rules()["SC512"]})

    assert finding.message == "2 passes over public.t in one transaction: one would do"


@pytest.mark.parametrize(
    ("version", "count"), [pytest.param(170004, 1, id="older than the trace"), pytest.param(180001, 0, id="as new")]
)
def test_what_an_older_real_server_refuses_is_said_of_a_newer_trace(version: int, count: int) -> None:
    sql = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT VALID"
    before = catalog(table("t", "a bigint", kind="partitioned table"), table("u"))
    new = (*locks("u=SRX"), RelationLock(relation="public.t", mode=locks("t=SRX")[0].mode, kind="partitioned table"))
    facts = revision(StatementFacts(sql=sql, new_locks=new), before=before, major=18)

    found = lint([facts], rules={"SC219": load_rules()["SC219"]}, context=Context(environment=Environment(version=version)))

    assert len(found) == count
