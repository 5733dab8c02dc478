"""Targets: which revisions a word such as head, -1 or a label means."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seachange.config import Settings
from seachange.errors import HistoryInvalidError, RevisionUnknownError
from seachange.revisions.history import History, read_history
from seachange.revisions.planning import plan_downgrade, plan_upgrade
from tests.project import Project


@pytest.fixture
def branches(scenario: Callable[[str], Project]) -> History:
    """Two bases, a merge, a label and a dependency: a1 <- b1, c1 <- d1; x1 (audit) <- x2, which needs d1."""
    return read_history(Settings(root=scenario("branches").path))


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        pytest.param((), "heads", ["a1", "b1", "c1", "d1", "x1", "x2"], id="everything"),
        pytest.param(("b1",), "heads", ["c1", "d1", "x1", "x2"], id="what is missing"),
        pytest.param(("b1",), "d1", ["c1", "d1"], id="a revision"),
        pytest.param((), "+2", ["a1", "b1"], id="two steps"),
        pytest.param(("d1",), "audit", ["x1", "x2"], id="a branch label"),
        pytest.param(("d1",), "audit@head", ["x1", "x2"], id="the head of a branch"),
        pytest.param(("x2",), "heads", [], id="nothing"),
    ],
)
def test_an_upgrade_takes_what_is_missing_in_order(
    branches: History, current: tuple[str, ...], target: str, expected: list[str]
) -> None:
    plan = plan_upgrade(branches, current=current, target=target)

    assert [revision.revision for revision in plan.revisions] == expected


@pytest.mark.parametrize(
    ("current", "target", "expected", "left"),
    [
        pytest.param(("x2",), "base", ["x2", "x1", "d1", "c1", "b1", "a1"], (), id="everything"),
        pytest.param(("x2",), "-1", ["x2"], ("d1", "x1"), id="one step"),
        pytest.param(("d1",), "a1", ["d1", "c1", "b1"], ("a1",), id="all that follow a revision"),
        pytest.param(("d1",), "b1", ["d1"], ("b1", "c1"), id="the other side of a merge stays"),
        pytest.param(("x2",), "d1", ["x2"], ("d1", "x1"), id="what depends on a revision goes"),
    ],
)
def test_a_downgrade_takes_what_follows_newest_first(
    branches: History, current: tuple[str, ...], target: str, expected: list[str], left: tuple[str, ...]
) -> None:
    plan = plan_downgrade(branches, current=current, target=target)

    assert [revision.revision for revision in plan.revisions] == expected
    assert plan.target == left


def test_a_plan_names_files_and_what_can_be_undone(scenario: Callable[[str], Project]) -> None:
    history = read_history(Settings(root=scenario("irreversible").path))

    plan = plan_upgrade(history, current=("0001",))

    assert [(each.file, each.title, each.reversible) for each in plan.revisions] == [
        ("migrations/versions/0002_add_email.py", "Add email to clients", False),
        ("migrations/versions/0003_unique_email.py", "Make the email of clients unique", True),
    ]


def test_an_unknown_revision_of_the_database_is_named(branches: History) -> None:
    with pytest.raises(RevisionUnknownError, match="the database is at revision zz, which is in no file"):
        plan_upgrade(branches, current=("zz",))


def test_a_history_with_faults_is_not_planned(scenario: Callable[[str], Project]) -> None:
    with pytest.raises(HistoryInvalidError) as caught:
        plan_upgrade(read_history(Settings(root=scenario("faulty_graph").path)), current=())

    assert caught.value.hint == "`invoke migration.validate` lists every fault with its remedy"
