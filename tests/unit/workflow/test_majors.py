"""Versions of PostgreSQL as people name them, and what differs between traces."""

from __future__ import annotations

import pytest

from seachange.errors import ConfigError
from seachange.safety.facts import LockMode, RelationLock, RevisionFacts, ServerError, StatementFacts, Trace
from seachange.workflow.majors import compare_majors, parse_majors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("14-18", (14, 15, 16, 17, 18), id="a range"),
        pytest.param("18, 16", (16, 18), id="a list"),
        pytest.param("14-15,15,18", (14, 15, 18), id="both"),
    ],
)
def test_versions_are_named_by_ranges_and_lists(text: str, expected: tuple[int, ...]) -> None:
    assert parse_majors(text) == expected


@pytest.mark.parametrize("text", ["", "new", "18-14", "13", "14-19", "16,"])
def test_what_names_no_supported_version_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--majors"):
        parse_majors(text)


def of(major: int, facts: StatementFacts) -> Trace:
    return Trace(major=major, revisions=(RevisionFacts(revision="0001", statements=(facts,)),))


def test_differences_are_told_by_version() -> None:
    place = StatementFacts(sql="alter table t", file="a.py", line=7)
    lock = RelationLock(relation="public.t", mode=LockMode.ACCESS_EXCLUSIVE)
    failing = StatementFacts(sql="alter table t", file="a.py", line=7, error=ServerError(sqlstate="42601", message="no"))
    rewriting = StatementFacts(sql="alter table t", file="a.py", line=7, new_locks=(lock,), rewrites=("public.t",))
    locking = StatementFacts(sql="alter table t", file="a.py", line=7, new_locks=(lock,))

    assert compare_majors([of(14, failing), of(15, failing), of(18, place)]) == (
        'a.py:7: errors with "no" on 14-15, works on 18',
    )
    assert compare_majors([of(14, rewriting), of(16, rewriting), of(17, rewriting), of(18, locking)]) == (
        "a.py:7: rewrites public.t on 14, 16-17, not on 18",
    )
    assert compare_majors([of(14, locking), of(18, locking)]) == ()
