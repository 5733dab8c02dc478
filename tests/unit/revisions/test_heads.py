"""Heads: which should be one, where they came from, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.revisions.heads import Base, join, read_heads, revision_of
from seachange.revisions.history import History, read_history
from tests.unit.revisions.graphs import Node, write

A, B, C = (Node(name="a", down=()), Node(name="b", down=("a",)), Node(name="c", down=("a",)))


def history_of(tmp_path: Path, *nodes: Node, labels: dict[str, str] | None = None) -> History:
    settings = write(tmp_path, nodes)
    for name, label in (labels or {}).items():
        (path,) = tmp_path.rglob(f"{name}_title.py")
        path.write_text(path.read_text().replace("branch_labels = None", f"branch_labels = {label!r}"))
    return read_history(settings)


def base(*published: str, missing: tuple[Node, ...] = ()) -> Base:
    read = [revision_of(node.text.encode(), path=Path(f"{node.name}.py"), location="x") for node in missing]
    names = frozenset((*published, *(node.name for node in missing)))
    return Base(
        name="origin/main", commit="1", merge_base="0", published=names, missing=tuple(each for each in read if each is not None)
    )


def codes(history: History, found: Base | None) -> list[str]:
    return [finding.code for finding in read_heads(history, found).findings]


@pytest.mark.parametrize(
    ("nodes", "labels", "expected"),
    [
        pytest.param((A, B), {}, (), id="one head"),
        pytest.param((A, B, C), {}, (("b", "c"),), id="two heads"),
        pytest.param((A, B, C), {"a": "trunk"}, (("b", "c"),), id="two heads of one branch"),
        pytest.param((A, B, C), {"c": "reports"}, (), id="a branch with a label off the trunk"),
        pytest.param((A, B, C), {"b": "one", "c": "two"}, (), id="two branches"),
        pytest.param((A, Node(name="x", down=())), {"a": "one", "x": "two"}, (), id="two bases with labels"),
        pytest.param((A, Node(name="x", down=())), {}, (("a", "x"),), id="two bases"),
        pytest.param((A, Node(name="x", down=(), depends=("a",))), {"a": "one"}, (), id="what it depends on lends no label"),
        pytest.param(
            (A, B, C, Node(name="d", down=("c",)), Node(name="e", down=("c",))),
            {"c": "reports"},
            (("d", "e"),),
            id="two heads of a branch beside the trunk",
        ),
    ],
)
def test_heads_that_should_be_one(
    tmp_path: Path, nodes: tuple[Node, ...], labels: dict[str, str], expected: tuple[tuple[str, ...], ...]
) -> None:
    assert history_of(tmp_path, *nodes, labels=labels).rivals == expected


def test_without_a_base_branch_only_the_heads_count(tmp_path: Path) -> None:
    found = read_heads(history_of(tmp_path, A, B, C), None)

    assert [(head.revision, head.origin) for head in found.heads] == [("b", "unknown"), ("c", "unknown")]
    assert found.mine == ()
    assert [finding.hint for finding in found.findings] == [
        "`invoke migration.rebase --revision ID` puts one after the other, `invoke migration.merge` joins them"
    ]


@pytest.mark.parametrize(
    ("published", "hint"),
    [
        pytest.param(("a", "b"), "`invoke migration.rebase` puts yours after b", id="one is mine"),
        pytest.param(("a",), "`invoke migration.rebase` puts them one after the other", id="both are mine"),
        pytest.param(("a", "b", "c"), "all are published: `invoke migration.merge` joins them", id="both are published"),
    ],
)
def test_the_hint_names_the_command_that_helps(tmp_path: Path, published: tuple[str, ...], hint: str) -> None:
    (finding,) = read_heads(history_of(tmp_path, A, B, C), base(*published)).findings

    assert finding.code == "several-heads"
    assert finding.hint.startswith(hint)


def test_a_revision_of_mine_that_does_not_follow_the_head_of_the_base_branch_is_found(tmp_path: Path) -> None:
    found = read_heads(history_of(tmp_path, A, B), base("a", missing=(C,)))

    assert [(head.revision, head.origin) for head in found.heads] == [("b", "mine"), ("c", "not here yet")]
    assert found.mine == ("b",)
    (finding,) = found.findings
    assert (finding.code, finding.file) == ("behind-base", "migrations/odd/b_title.py")
    assert finding.message == "b was added after a, and the head of origin/main is c by now"
    assert "git rebase origin/main" in finding.hint
    assert "invoke migration.rebase" in finding.hint


@pytest.mark.parametrize(
    ("nodes", "found", "expected"),
    [
        pytest.param((A,), base("a", missing=(C,)), [], id="behind the base branch with nothing of mine"),
        pytest.param((A, B), base("a", "b"), [], id="nothing is mine"),
        pytest.param((A, B, Node(name="d", down=("b",))), base("a", "b"), [], id="mine follows"),
        pytest.param((A, B, C, Node(name="d", down=("b", "c"))), base("a", "b"), [], id="mine was joined"),
        pytest.param((A, B, Node(name="d", down=("b",))), base("a", "d"), ["below-published"], id="mine was put in between"),
    ],
)
def test_what_is_found_beside_the_base_branch(tmp_path: Path, nodes: tuple[Node, ...], found: Base, expected: list[str]) -> None:
    assert codes(history_of(tmp_path, *nodes), found) == expected


def test_joining_keeps_the_revisions_of_the_working_tree(tmp_path: Path) -> None:
    other = base(missing=(Node(name="b", down=("c",)), C)).missing

    whole = join(history_of(tmp_path, A, B), other)

    assert whole.by_id["b"].down_revisions == ("a",)
    assert [revision.revision for revision in whole.revisions] == ["a", "b", "c"]


def test_labels_reach_down_the_line(tmp_path: Path) -> None:
    history = history_of(tmp_path, A, B, labels={"a": "one", "b": "two"})

    assert [sorted(history.labels(name)) for name in ("b", "a")] == [["one", "two"], ["one"]]


def test_a_file_that_is_no_revision_is_none() -> None:
    assert revision_of(b"x = (", path=Path("a.py"), location="x") is None
