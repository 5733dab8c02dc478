"""Predictions measured against the truth table of what PostgreSQL does."""

from __future__ import annotations

import postgast
import pytest

from seachange.plan import Statement
from seachange.safety.facts import LockMode, StatementFacts
from seachange.safety.predict import Predictor
from tests.battery import FOLDER, MAJORS, TRUTH, read_table

_RELATIONS = ("table", "view", "materialized view")

# Lines where not even the statements that made the schema tell what happens.
_ONLY_THE_ROWS_TELL = {
    "alter table t add column c int not null": "there are rows, which have no value then",
    "alter table nopk add column c bigint primary key default 1": "there are two rows, which have the same value then",
}
_ONLY_THE_SERVER_TELLS = {
    "create unique index concurrently u on t((1))": "every row has the same value",
    "reindex index concurrently u": "it is still the same value",
    "drop index concurrently if exists u_ccnew": "the server made it, and left it when it failed",
}

# Lines of which the statement alone, with no schema, says too little. First those where the worse is assumed.
_WORSE_IS_ASSUMED = {
    "alter table t alter column s type varchar(50)": "the old type",
    "alter table t alter column s type varchar": "the old type",
    "alter table t alter column s type text": "the old type",
    "alter table t alter column txt type varchar": "the old type",
    "alter table t alter column txt type citext": "the old type",
    'alter table t alter column txt type text collate "C"': "the old type",
    "alter table t alter column n type numeric(12,2)": "the old type",
    "alter table t alter column n type numeric": "the old type",
    "set local timezone='UTC' >>> alter table t alter column ts type timestamptz": "the old type",
    "alter table t alter column tstz type timestamptz(6)": "the old type",
    "alter table t alter column inter type interval": "the old type",
    "alter table t alter column ip type inet": "the old type",
    "alter table chk alter column a set not null": "the check that proves it",
    "alter table nopk add primary key using index nopk_id": "that its column is NOT NULL",
    "create index if not exists t_a on t(a)": "that it is there",
    "alter table t set logged": "that it is logged",
    "alter table pt attach partition s2 for values from (5000) to (6000)": "the check that proves it",
    "drop table t": "the view that needs it",
    "alter table t drop column a": "the view that needs it",
    "alter table t alter column a type text": "the view that needs it",
    "drop table y": "the keys that refer to it",
}
_TOO_LITTLE_IS_SEEN = {
    "alter table t add column c dm": "that it is a domain with a check",
    "alter table t add column c dm default 5": "that it is a domain with a check",
    "alter table t drop column txt": "the index on it",
    "alter table ref validate constraint ref_fk": "that it is a foreign key, and to which table",
    "alter table ref drop constraint ref_fk": "that it is a foreign key, and to which table",
    "alter table t drop constraint t_pkey": "that it has an index",
    "drop index t_a": "the table of the index",
    "reindex index t_a": "the table of the index",
    "refresh materialized view mv": "the table that it reads",
    "drop table pt2": "that it is a partition",
    "create index i on pt(k)": "its partitions",
    "truncate y cascade": "the tables that refer to it",
    "drop table t cascade": "the views that read it",
    "drop table y cascade": "the tables that refer to it",
    "drop table z": "the table that it refers to",
    "alter domain dmf add constraint k check (value>0)": "the columns of the domain",
    "alter table idt alter column id drop identity": "that it has a sequence",
    "drop type en cascade": "the columns of the type",
}


def _truths(major: int, name: str) -> dict[str, str]:
    """Return the lines of a file to look at, with what they do: where the versions differ at each, all others once."""
    text = TRUTH.read_text(encoding="utf-8")
    older = {} if major == MAJORS[0] else read_table(text, major - 1)
    truths = read_table(text, major)
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return {line: _comparable(truths[line]) for line in lines if truths[line] != older.get(line) and truths[line] != "polled"}


def _comparable(truth: str) -> str:
    """Return what a line does as a prediction can say it: without the words of the server."""
    if truth.startswith("ERR"):
        return "ERR"
    words = truth.replace("FKSCAN", "SCAN").replace("newfile", "REWRITE").split()
    return " ".join(word for word in words if not word.startswith("held:"))


def _predicted(line: str, predictor: Predictor, *, transaction: int = 1) -> str:
    statements = [Statement(sql=sql, transaction=transaction) for sql in line.split(" >>> ")]
    found = predictor.revision(statements).statements
    return "ERR" if any(each.error for each in found) else _words(found[-1])


def _with_schema(major: int) -> Predictor:
    predictor = Predictor(major=major)
    setup = (FOLDER / "setup.sql").read_text(encoding="utf-8")
    predictor.revision(Statement(sql=sql) for sql in postgast.split(setup))
    return predictor


def _words(facts: StatementFacts) -> str:
    locks = {
        each.relation: each.mode for each in facts.new_locks if each.kind in _RELATIONS and each.mode > LockMode.ACCESS_SHARE
    }
    dropped = [each.name for each in facts.dropped if each.kind in (*_RELATIONS, "index", "sequence")]
    return " ".join(
        word
        for word in (
            ",".join(f"{_bare(name)}={mode.short}" for name, mode in sorted(locks.items())),
            "REWRITE" if facts.rewrites else "",
            "IDXBUILD" if facts.index_builds else "",
            "SCAN" if facts.verified else "",
            "PROVED" if facts.proofs else "",
            "scan:" + ",".join(sorted(map(_bare, facts.scans))) if facts.scans else "",
            "drops:" + ",".join(sorted(map(_bare, dropped))) if dropped else "",
        )
        if word
    )


def _bare(name: str) -> str:
    return name.removeprefix("public.")


def _among(truths: dict[str, str], *lines: dict[str, str]) -> list[str]:
    return sorted(line for each in lines for line in each if line in truths)


@pytest.mark.parametrize("major", MAJORS)
def test_with_the_schema_known_only_the_rows_stay_hidden(major: int) -> None:
    truths = _truths(major, "statements.sql")
    missed = [line for line, truth in truths.items() if _predicted(line, _with_schema(major)) != truth]

    assert sorted(missed) == _among(truths, _ONLY_THE_ROWS_TELL)


def test_outside_of_a_transaction_it_is_the_same() -> None:
    # They follow each other: what one has made is there for the next.
    truths, predictor = _truths(MAJORS[0], "outside.sql"), _with_schema(MAJORS[0])
    missed = [line for line, truth in truths.items() if _predicted(line, predictor, transaction=0) != truth]

    assert sorted(missed) == _among(truths, _ONLY_THE_SERVER_TELLS)


@pytest.mark.parametrize("major", MAJORS)
def test_a_statement_alone_is_predicted_but_for_what_stands_in_the_schema(major: int) -> None:
    truths, missed = _truths(major, "statements.sql"), []
    for line, truth in truths.items():
        # Which indexes a table has is not known then, but a table that is written anew has all of them built.
        said = _predicted(line, Predictor(major=major))
        missed += [] if said == truth or said == truth.replace("REWRITE IDXBUILD", "REWRITE") else [line]

    assert sorted(missed) == _among(truths, _ONLY_THE_ROWS_TELL, _WORSE_IS_ASSUMED, _TOO_LITTLE_IS_SEEN)
