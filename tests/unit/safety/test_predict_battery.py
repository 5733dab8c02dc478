"""Predictions measured against the truth table of what PostgreSQL does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import postgast
import pytest

from seachange.plan import Statement
from seachange.safety.facts import LockMode, StatementFacts
from seachange.safety.predict import Predictor
from tests.project import REPOSITORY

_BATTERY = REPOSITORY / "tests" / "battery"
_MAJORS = (14, 15, 16, 17, 18)
_RELATIONS = ("table", "view", "materialized view")

# Lines where not even the statements that made the schema tell what happens.
_ONLY_THE_ROWS_TELL = {
    "alter table t add column c int not null": "there are rows, which have no value then",
    "alter table nopk add column c bigint primary key default 1": "there are two rows, which have the same value then",
}
_ONLY_THE_SERVER_TELLS = {
    "alter table t drop column a": "a view reads the column; of a view only its tables are known",
    "alter table t alter column a type text": "a view reads the column; of a view only its tables are known",
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


def _rows() -> Iterator[tuple[str, str, str]]:
    line = ""
    for text in (_BATTERY / "lock_matrix.txt").read_text(encoding="utf-8").splitlines():
        if text.startswith(" "):
            versions, _, truth = text.strip().partition(" ")
            yield line, versions, truth.strip()
        else:
            line = text


def _truths(major: int) -> dict[str, str]:
    """Return the lines to look at: those where the versions differ at each, all others once."""
    wanted = ("all", str(major)) if major == _MAJORS[-1] else (str(major),)
    return {
        line: _comparable(line, truth) for line, versions, truth in _rows() if any(each in versions.split("+") for each in wanted)
    }


def _comparable(line: str, truth: str) -> str:
    """Return a line of the table in the words of facts, which leave out what is only a consequence."""
    if truth.startswith("ERR"):
        return "ERR"
    text = truth.replace("FKSCAN", "SCAN").replace("newfile", "REWRITE")
    if line.startswith("truncate"):
        text = text.replace("REWRITE", "").replace("IDXBUILD", "")
    if line.startswith("create table"):
        text = text.replace("IDXBUILD", "")
    if re.search(r"alter column \w+ type", line):
        # The index is there again, and it is the same file where nothing else says that it is built.
        text = re.sub(r"drops:\S+", "", text)
    if line.startswith("drop table"):
        text = re.sub(r",\w+_(?:pkey|a|s|txt)\b", "", text)
    return " ".join(re.sub(r":(\S+)", lambda found: ":" + ",".join(sorted(found[1].split(","))), part) for part in text.split())


def _statements(line: str) -> list[Statement]:
    found: list[Statement] = []
    for sql in line.split(" >>> "):
        # SET LOCAL goes with the statement behind it, all else is committed before it.
        again = bool(found) and found[-1].sql.startswith("set local")
        found.append(Statement(sql=sql, transaction=found[-1].transaction if again else len(found) + 1))
    return found


def _predicted(line: str, *, major: int, setup: str) -> str:
    predictor = Predictor(major=major)
    predictor.revision(Statement(sql=sql) for sql in postgast.split(setup))
    found = predictor.revision(_statements(line)).statements
    return "ERR" if any(each.error for each in found) else _words(found[-1])


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


def _among(truths: dict[str, str], lines: dict[str, str]) -> list[str]:
    return sorted(line for line in lines if line in truths)


def _read(name: str) -> str:
    return Path(_BATTERY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("major", _MAJORS)
def test_with_the_schema_known_only_rows_and_columns_of_views_stay_hidden(major: int) -> None:
    truths, setup = _truths(major), _read("setup.sql")
    missed = [line for line, truth in truths.items() if _predicted(line, major=major, setup=setup) != truth]

    assert sorted(missed) == _among(truths, _ONLY_THE_ROWS_TELL | _ONLY_THE_SERVER_TELLS)


@pytest.mark.parametrize("major", _MAJORS)
def test_a_statement_alone_is_predicted_but_for_what_stands_in_the_schema(major: int) -> None:
    truths, missed = _truths(major), []
    for line, truth in truths.items():
        # Which indexes a table has is not known then, but a table that is written anew has all of them built.
        said = _predicted(line, major=major, setup="")
        missed += [] if said == truth or said == truth.replace("REWRITE IDXBUILD", "REWRITE") else [line]

    known = _ONLY_THE_ROWS_TELL | _ONLY_THE_SERVER_TELLS | _WORSE_IS_ASSUMED | _TOO_LITTLE_IS_SEEN
    assert sorted(missed) == _among(truths, known)
