"""Rules that look at the real server: its transactions and its publications."""

from __future__ import annotations

import pytest

from seachange.postgres.catalog import Constraint
from seachange.safety.environment import Environment, OpenTransaction, PreparedTransaction, Publication
from seachange.safety.facts import StatementFacts
from seachange.safety.lint import lint
from seachange.safety.rules import RULES, Context, load_rules
from tests.unit.safety.rules.facts import catalog, revision, statement, table

ADD = statement("ALTER TABLE t ADD COLUMN a int", new="t=AX")


def found(rule: str, one: StatementFacts, environment: Environment, **fields: object) -> list[tuple[str, str]]:
    load_rules()
    facts = revision(one, **fields)
    context = Context(environment=environment)
    return [(finding.severity, finding.message) for finding in lint([facts], rules={rule: RULES[rule]}, context=context)]


def test_old_and_prepared_transactions_stand_in_the_way_of_a_blocking_lock() -> None:
    environment = Environment(
        version=180000,
        transactions=(
            OpenTransaction(pid=7, user="a", application="report", state="idle in transaction", age_s=90),
            OpenTransaction(pid=8, user="a", application="", state="active", age_s=0.1),
            OpenTransaction(pid=9, user="", application="", state="active", age_s=900, autovacuum=True),
        ),
        prepared=(PreparedTransaction(gid="x1", owner="a", age_s=86400),),
    )

    assert found("SC516", ADD, environment) == [
        ("warning", "process 7 (report) idle in transaction, in a transaction of 90 s: a blocking lock may have to wait for it"),
        ("warning", "the prepared transaction 'x1' of 86400 s keeps its locks until somebody ends it"),
    ]
    assert found("SC516", statement("ANALYZE t", new="t=SUX"), environment) == []


@pytest.mark.parametrize(
    ("published", "severity"),
    [
        pytest.param(Publication(name="p", tables=("public.t",)), "error", id="published"),
        pytest.param(Publication(name="p", all_tables=True), "error", id="all tables"),
        pytest.param(Publication(name="p", tables=("public.u",)), "warning", id="another table"),
        pytest.param(Publication(name="p", tables=("public.t",), updates=False, deletes=False), "warning", id="inserts only"),
    ],
)
def test_a_published_table_without_a_key_is_grave(published: Publication, severity: str) -> None:
    key = Constraint(name="t_pkey", kind="primary key", definition="PRIMARY KEY (id)", columns=("id",))
    environment = Environment(version=180000, publications=(published,))
    drop = statement("ALTER TABLE t DROP CONSTRAINT t_pkey", new="t=AX")

    actual = found("SC1111", drop, environment, before=catalog(table("t", constraints=(key,))), after=catalog(table("t")))

    assert [each for each, _ in actual] == [severity]


def test_a_renamed_label_stops_subscribers_where_there_are_any() -> None:
    rename = statement("ALTER TYPE state RENAME VALUE 'sent' TO 'shipped'")
    published = Environment(version=180000, publications=(Publication(name="p", all_tables=True),))

    assert found("SC1112", rename, published) == [
        ("warning", "subscribers of p do not know the label 'shipped': their subscription stops at the first row")
    ]
    assert found("SC1112", rename, Environment(version=180000)) == []
