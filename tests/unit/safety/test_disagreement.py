"""Where a prediction and a trace contradict each other."""

from __future__ import annotations

import dataclasses

import pytest

from seachange.plan import Statement
from seachange.safety.disagreement import compare
from seachange.safety.facts import Dropped, IndexBuild, LockMode, RelationLock, RevisionFacts, ServerError, StatementFacts
from seachange.safety.predict import predict

_EXCLUSIVE = RelationLock(relation="public.t", mode=LockMode.ACCESS_EXCLUSIVE)


def _compare(sql: str, seen: StatementFacts) -> list[str]:
    predicted = predict([Statement(sql=sql, line=3)], major=17)
    traced = RevisionFacts(revision="1", statements=(dataclasses.replace(seen, sql=sql, line=3),))
    return [str(each) for each in compare(predicted, traced)]


@pytest.mark.parametrize(
    ("sql", "seen", "sentences"),
    [
        pytest.param("ALTER TABLE t ADD c int", StatementFacts(sql="", new_locks=(_EXCLUSIVE,)), [], id="agreed"),
        pytest.param(
            "ALTER TABLE t ALTER c TYPE varchar(40)",
            StatementFacts(sql="", new_locks=(_EXCLUSIVE,)),
            ["predicted a rewrite of public.t, the server did none"],
            id="no rewrite",
        ),
        pytest.param(
            "ALTER TABLE t ADD c weight",
            StatementFacts(
                sql="", new_locks=(_EXCLUSIVE,), rewrites=("public.t",), index_builds=(IndexBuild(index="i", table="public.t"),)
            ),
            [
                "the server did a rewrite of public.t, which was not predicted",
                "the server did an index build of public.t, which was not predicted",
            ],
            id="a domain",
        ),
        pytest.param(
            "DROP TABLE t",
            StatementFacts(sql="", new_locks=(_EXCLUSIVE, RelationLock(relation="public.p", mode=LockMode.ACCESS_EXCLUSIVE))),
            ["the server took ACCESS EXCLUSIVE on public.p, which was not predicted"],
            id="another table",
        ),
        pytest.param(
            "ALTER TABLE t ADD c int",
            StatementFacts(sql="", new_locks=(RelationLock(relation="public.t", mode=LockMode.SHARE),)),
            ["predicted ACCESS EXCLUSIVE on public.t, the server took SHARE"],
            id="another mode",
        ),
        pytest.param(
            "ALTER TABLE t ADD c int",
            StatementFacts(sql="", error=ServerError(sqlstate="42701", message='column "c" exists')),
            ['the server refused (column "c" exists), which was not predicted'],
            id="refused",
        ),
        pytest.param("COMMIT", StatementFacts(sql="", held_locks=(_EXCLUSIVE,)), [], id="the end of a transaction"),
        pytest.param("DO $$ begin end $$", StatementFacts(sql="", rewrites=("public.t",)), [], id="what no text explains"),
    ],
)
def test_each_contradiction_is_a_sentence(sql: str, seen: StatementFacts, sentences: list[str]) -> None:
    assert _compare(sql, seen) == sentences


def test_an_index_build_follows_from_a_predicted_rewrite() -> None:
    built = (IndexBuild(index="public.i", table="public.t"),)
    seen = StatementFacts(sql="", new_locks=(_EXCLUSIVE,), rewrites=("public.t",), index_builds=built)

    assert _compare("ALTER TABLE t ADD c serial", seen) == []


def test_a_statement_that_only_one_has_is_not_compared() -> None:
    traced = RevisionFacts(revision="1", statements=(StatementFacts(sql="DROP TABLE t", line=9, new_locks=(_EXCLUSIVE,)),))

    assert compare(predict([Statement(sql="DROP TABLE u", line=9)], major=17), traced) == ()


def test_a_dropped_table_is_not_missed_in_the_statements_after_it() -> None:
    texts = ("DROP TABLE t", "ALTER TABLE u ADD c int")
    other = RelationLock(relation="public.u", mode=LockMode.ACCESS_EXCLUSIVE)
    dropping = StatementFacts(
        sql=texts[0], line=1, new_locks=(_EXCLUSIVE,), dropped=(Dropped(name="public.t", kind="table", table="public.t"),)
    )
    altering = StatementFacts(sql=texts[1], line=2, number=2, new_locks=(other,))
    predicted = predict([Statement(sql=sql, line=line) for line, sql in enumerate(texts, 1)], major=17)

    assert compare(predicted, RevisionFacts(revision="1", statements=(dropping, altering))) == ()
