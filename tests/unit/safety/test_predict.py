"""What the text of statements says about what they will do."""

from __future__ import annotations

import postgast
import pytest

from seachange.plan import Statement
from seachange.postgres.catalog import Catalog, Column, Constraint, Domain, Index, Table, TypeRef
from seachange.safety.facts import IndexBuild, LockMode, RevisionFacts
from seachange.safety.predict import Predictor, is_opaque, predict
from tests.project import REPOSITORY

_INTEGER = TypeRef(schema="pg_catalog", name="int4")


def _predict(*texts: str, transaction: int = 1, major: int = 17, before: Catalog | None = None) -> RevisionFacts:
    return predict((Statement(sql=text, transaction=transaction) for text in texts), major=major, before=before)


def _locks(facts: RevisionFacts) -> list[dict[str, str]]:
    return [{lock.relation: lock.mode.short for lock in each.new_locks} for each in facts.statements]


def _catalog() -> Catalog:
    table = Table(
        schema="public",
        name="pets",
        columns=(
            Column(name="id", type="integer", type_ref=_INTEGER, not_null=True),
            Column(name="name", type="character varying(20)", type_ref=_INTEGER),
            Column(name="owner_id", type="integer", type_ref=_INTEGER),
        ),
        constraints=(
            Constraint(name="pets_pkey", kind="primary key", definition="PRIMARY KEY (id)", columns=("id",)),
            Constraint(name="named", kind="check", definition="CHECK ((name IS NOT NULL))", columns=("name",)),
            Constraint(
                name="pets_owner_id_fkey",
                kind="foreign key",
                definition="FOREIGN KEY (owner_id) REFERENCES owners(id)",
                columns=("owner_id",),
                validated=False,
                references_schema="public",
                references_table="owners",
            ),
        ),
        indexes=(Index(name="pets_name", definition="CREATE INDEX pets_name ON pets (name)", columns=("name",)),),
    )
    weight = Domain(schema="public", name="weight", type="numeric", type_ref=_INTEGER, not_null=True)
    return Catalog(server_version=170000, tables=(table, Table(schema="public", name="owners")), domains=(weight,))


def test_the_facts_of_a_text_are_inferred_and_say_where_it_stands() -> None:
    statement = Statement(sql="ALTER TABLE t ADD c int", file="versions/1.py", line=7, transaction=1, count=3)
    (found,) = predict([statement], major=17).statements

    assert (found.provenance, found.where, found.count, found.number) == ("inferred", "versions/1.py:7", 3, 1)


def test_a_table_of_the_same_revision_is_nobodys_concern() -> None:
    facts = _predict(
        "CREATE TABLE t (id bigint PRIMARY KEY, pet_id bigint REFERENCES pets (id))",
        "CREATE INDEX t_pet ON t (pet_id)",
        "ALTER TABLE t ADD c uuid DEFAULT gen_random_uuid()",
        "DROP INDEX t_pet",
    )

    assert _locks(facts) == [{"public.pets": "SRX"}, {}, {}, {}]
    assert [each.long_work() for each in facts.statements] == [{}, {}, {}, {}]
    assert facts.statements[0].created == ("public.t",)


def test_a_table_of_an_earlier_revision_is_somebodys_concern_and_known() -> None:
    predictor = Predictor(major=17)
    predictor.revision([Statement(sql="CREATE TABLE t (a varchar(10)); CREATE INDEX t_a ON t (a)")])
    facts = predictor.revision(
        [Statement(sql="ALTER TABLE t ALTER a TYPE varchar(20)"), Statement(sql="ALTER TABLE t ALTER a TYPE char(20)")]
    )

    assert [each.rewrites for each in facts.statements] == [(), ("public.t",)]
    assert facts.statements[1].index_builds == (IndexBuild(index="public.t_a", table="public.t"),)


def test_locks_are_held_to_the_end_of_the_transaction() -> None:
    statements = [
        Statement(sql="ALTER TABLE t ADD c int", transaction=1),
        Statement(sql="UPDATE t SET c = 1", transaction=1),
        Statement(sql="UPDATE t SET c = 2", transaction=2),
    ]
    facts = predict(statements, major=17)

    assert [[lock.mode.short for lock in each.held_locks] for each in facts.statements] == [[], ["AX"], []]
    assert [[lock.mode.short for lock in each.new_locks] for each in facts.statements] == [["AX"], [], ["RX"]]


def test_an_index_is_built_concurrently_outside_of_a_transaction_only() -> None:
    text = "CREATE INDEX CONCURRENTLY pets_born ON pets (born)"
    outside, inside = _predict(text, transaction=0).statements[0], _predict(text).statements[0]

    assert [(lock.relation, lock.mode) for lock in outside.new_locks] == [("public.pets", LockMode.SHARE_UPDATE_EXCLUSIVE)]
    assert outside.index_builds == (IndexBuild(index="public.pets_born", table="public.pets"),)
    assert inside.error is not None
    assert inside.error.sqlstate == "25001"


@pytest.mark.parametrize(
    ("default", "rewrites"),
    [
        pytest.param("0", False, id="constant"),
        pytest.param("now()", False, id="stable"),
        pytest.param("CURRENT_TIMESTAMP", False, id="word of SQL"),
        pytest.param("(now() AT TIME ZONE 'utc')", False, id="in another zone"),
        pytest.param("gen_random_uuid()", True, id="volatile"),
        pytest.param("lower(random()::text)", True, id="volatile within"),
        pytest.param("app.next_number()", True, id="unknown"),
    ],
)
def test_a_default_decides_whether_a_new_column_is_written_into_every_row(default: str, *, rewrites: bool) -> None:
    (found,) = _predict(f"ALTER TABLE t ADD c text DEFAULT {default}").statements

    assert bool(found.rewrites) is rewrites


def test_a_function_of_the_history_is_as_volatile_as_it_says() -> None:
    facts = _predict(
        "CREATE FUNCTION steady() RETURNS int LANGUAGE sql STABLE AS 'select 1'",
        "CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'select 1'",
        "ALTER TABLE t ADD a int DEFAULT steady()",
        "ALTER TABLE t ADD b int DEFAULT other()",
    )

    assert [bool(each.rewrites) for each in facts.statements] == [False, False, False, True]


@pytest.mark.parametrize(
    ("old", "new", "work"),
    [
        ("varchar(10)", "text", "nothing"),
        ("varchar(10)", "varchar(9)", "rewrite"),
        ("numeric(5,2)", "numeric(9,2)", "nothing"),
        ("numeric(5)", "numeric(9,0)", "nothing"),
        ("numeric", "numeric(9,2)", "rewrite"),
        ("time(3)", "time(6)", "nothing"),
        ("timestamptz", "timestamptz(3)", "rewrite"),
        ("interval day to second", "interval", "rewrite"),
        ("varbit(3)", "varbit(8)", "nothing"),
        ("bit(3)", "bit(8)", "rewrite"),
        ("int[]", "bigint[]", "rewrite"),
        ("int[]", "integer[]", "nothing"),
        ("citext", "text", "indexes"),
        ("int", "oid", "indexes"),
    ],
)
def test_changing_a_type_takes_what_the_pair_of_types_takes(old: str, new: str, work: str) -> None:
    predictor = Predictor(major=17)
    predictor.revision([Statement(sql=f"CREATE TABLE t (c {old}); CREATE INDEX t_c ON t (c)")])
    (found,) = predictor.revision([Statement(sql=f"ALTER TABLE t ALTER c TYPE {new}")]).statements

    assert ("rewrite" if found.rewrites else "indexes" if found.index_builds else "nothing") == work


@pytest.mark.parametrize(
    ("using", "rewrites"),
    [
        pytest.param("c", False, id="itself"),
        pytest.param("c::text", False, id="cast to its type"),
        pytest.param("c::varchar(3)::text", True, id="cut on the way"),
        pytest.param("upper(c)", True, id="computed"),
    ],
)
def test_what_using_computes_is_written_into_every_row(using: str, *, rewrites: bool) -> None:
    predictor = Predictor(major=17)
    predictor.revision([Statement(sql="CREATE TABLE t (c varchar(10))")])
    (found,) = predictor.revision([Statement(sql=f"ALTER TABLE t ALTER c TYPE text USING {using}")]).statements

    assert bool(found.rewrites) is rewrites


def test_a_catalogue_tells_what_the_text_does_not() -> None:
    facts = _predict(
        "ALTER TABLE pets ALTER name SET NOT NULL",
        "ALTER TABLE pets ALTER name TYPE varchar(40)",
        "ALTER TABLE pets ADD w weight",
        "ALTER TABLE pets VALIDATE CONSTRAINT pets_owner_id_fkey",
        "DROP INDEX pets_name",
        before=_catalog(),
    )
    proven, widened, domain, validated, dropped = facts.statements

    assert (proven.proofs, proven.verified) == (("named",), ())
    assert widened.rewrites == ()
    assert domain.rewrites == ("public.pets",)
    assert validated.verified == ("public.pets", "public.owners")
    assert dropped.dropped[0].table == "public.pets"


def test_a_check_that_a_widened_column_is_in_is_looked_through_again() -> None:
    (found,) = _predict("ALTER TABLE pets ALTER name TYPE varchar(40)", before=_catalog()).statements

    assert found.verified == ("public.pets",)


def test_what_two_transactions_split_is_validated_online() -> None:
    statements = [
        Statement(sql="ALTER TABLE a ADD CONSTRAINT k FOREIGN KEY (b_id) REFERENCES b NOT VALID", transaction=1),
        Statement(sql="ALTER TABLE a VALIDATE CONSTRAINT k", transaction=2),
    ]
    first, second = predict(statements, major=17).statements

    assert (_locks(RevisionFacts(revision="", statements=(first,))), first.verified) == (
        [{"public.a": "SRX", "public.b": "SRX"}],
        (),
    )
    assert _locks(RevisionFacts(revision="", statements=(second,))) == [{"public.a": "SUX", "public.b": "RS"}]
    assert second.verified == ("public.a", "public.b")


def test_a_search_path_gives_names_their_schema() -> None:
    facts = _predict("SET search_path TO app, public", "ALTER TABLE t ADD c int")

    assert _locks(facts) == [{}, {"app.t": "AX"}]
    assert facts.statements[1].settings == {"search_path": "app, public"}


def test_a_setting_of_one_transaction_is_gone_with_it() -> None:
    statements = [
        Statement(sql="SET LOCAL lock_timeout = '2s'", transaction=1),
        Statement(sql="ALTER TABLE t ADD c int", transaction=1),
        Statement(sql="ALTER TABLE t ADD d int", transaction=2),
    ]

    assert [dict(each.settings) for each in predict(statements, major=17).statements] == [{}, {"lock_timeout": "2s"}, {}]


def test_rows_are_counted_where_the_text_names_them() -> None:
    facts = _predict(
        "INSERT INTO t (a) VALUES (1), (2)", "INSERT INTO t SELECT * FROM u", "DELETE FROM t WHERE id = 1", "UPDATE t SET a = 1"
    )

    assert [dict(each.changes) for each in facts.statements] == [
        {"public.t": 2},
        {"public.t": 0},
        {"public.t": 0},
        {"public.t": 0},
    ]
    assert [sorted(each.scans) for each in facts.statements] == [[], ["public.u"], [], ["public.t"]]


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        pytest.param("ALTER TABLE t ADD c int GENERATED ALWAYS AS (a * 2) VIRTUAL", 18, id="virtual column"),
        pytest.param("ALTER TABLE t ADD CONSTRAINT k NOT NULL a NOT VALID", 18, id="NOT NULL NOT VALID"),
        pytest.param("ALTER TABLE t SET ACCESS METHOD heap", 15, id="access method"),
    ],
)
def test_what_a_version_does_not_know_is_refused(sql: str, first: int) -> None:
    refused = [major for major in range(14, 19) if _predict(sql, major=major).statements[0].error]

    assert refused == list(range(14, first))


@pytest.mark.parametrize("transaction", [0, 1])
def test_no_kind_of_statement_is_too_much(transaction: int) -> None:
    texts = postgast.split((REPOSITORY / "tests" / "battery" / "all_kinds.sql").read_text(encoding="utf-8"))
    statements = [Statement(sql=text, transaction=transaction) for text in texts]

    # Once from nothing, and once with all that the first time has left behind.
    predictor = Predictor(major=17)
    for _ in range(2):
        assert len(predictor.revision(statements).statements) == len(texts)


def test_what_is_refused_does_nothing() -> None:
    (found,) = _predict("CREATE INDEX CONCURRENTLY i ON t (a)").statements

    assert (found.new_locks, found.index_builds, found.long_work()) == ((), (), {})


def test_statements_that_no_text_explains_are_opaque() -> None:
    assert [is_opaque(each) for each in ("DO $$ begin end $$", "CALL f()", "FROBNICATE t", "SELECT 1", " ; ")] == [
        *(True, True, True),
        *(False, False),
    ]
