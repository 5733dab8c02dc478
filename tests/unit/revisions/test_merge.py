"""A merge revision: in the project's own template, id, file name and location."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import RefusedError
from seachange.revisions.history import read_history
from seachange.revisions.merge import plan_merge, write_merge
from seachange.revisions.project import open_project
from tests.project import REPOSITORY
from tests.unit.revisions.graphs import BEGIN_MS, Node, write


def two_heads(tmp_path: Path, *more: Node) -> Settings:
    first, second, third = (str(BEGIN_MS + 1000 * index) for index in range(3))
    nodes = (Node(name=first, down=()), Node(name=second, down=(first,), when=1), Node(name=third, down=(first,), when=2))
    return write(tmp_path, (*nodes, *more))


def merged(settings: Settings, **options: str) -> str:
    project = open_project(settings)
    merge = plan_merge(project, read_history(settings), **options)
    write_merge(project, merge)
    return merge.file


def test_it_joins_the_heads_and_does_nothing(tmp_path: Path) -> None:
    settings = two_heads(tmp_path)

    file = merged(settings, name="JoinHeads", location="odd")
    history = read_history(settings)

    (head,) = (history.by_id[name] for name in history.heads)
    assert file == f"migrations/odd/{head.revision}-JoinHeads.py"
    assert head.down_revisions == (str(BEGIN_MS + 1000), str(BEGIN_MS + 2000))
    assert (head.title, head.upgrade, head.downgrade) == ("Join heads", "empty", "empty")
    text = head.path.read_text().replace("\n", " ")
    assert f"Joins {BEGIN_MS + 1000} (Title of {BEGIN_MS + 1000}) and {BEGIN_MS + 2000}" in text
    assert f"Revises: {BEGIN_MS + 1000}, {BEGIN_MS + 2000}" in text


def test_the_projects_own_template_and_file_name_are_used(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(REPOSITORY / "tests" / "projects" / "two_heads", project)
    template = project / "migrations" / "script.py.mako"
    template.write_text(template.read_text() + "\n# ours\n")

    file = merged(Settings(root=project))

    assert file == "migrations/versions/0005_merge_0003_and_0004.py"
    assert (project / file).read_text().endswith("# ours\n")


def test_one_head_is_refused(tmp_path: Path) -> None:
    settings = write(tmp_path, (Node(name="a", down=()),))

    with pytest.raises(RefusedError, match="there is nothing to join: the history has one head, a"):
        merged(settings)


def test_an_empty_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="there is nothing to join: the history has no revisions"):
        merged(write(tmp_path, ()))


def test_only_the_heads_that_are_named_are_joined(tmp_path: Path) -> None:
    settings = two_heads(tmp_path, Node(name="1800000000000", down=(str(BEGIN_MS),), when=9))
    project = open_project(settings)

    merge = plan_merge(project, read_history(settings), revisions=["18", str(BEGIN_MS + 1000)])

    assert merge.down_revisions == (str(BEGIN_MS + 1000), "1800000000000")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        pytest.param([str(BEGIN_MS), str(BEGIN_MS + 1000)], "is no head", id="one that others follow"),
        pytest.param([str(BEGIN_MS + 1000)], "alone cannot be joined", id="only one"),
    ],
)
def test_heads_have_to_be_named_in_pairs(tmp_path: Path, named: list[str], message: str) -> None:
    settings = two_heads(tmp_path)

    with pytest.raises(RefusedError, match=message):
        plan_merge(open_project(settings), read_history(settings), revisions=named)


def test_branches_with_labels_stay_apart_unless_named(tmp_path: Path) -> None:
    settings = two_heads(tmp_path)
    (path,) = tmp_path.rglob(f"{BEGIN_MS + 2000}_title.py")
    path.write_text(path.read_text().replace("branch_labels = None", 'branch_labels = "reports"'))
    project, history = open_project(settings), read_history(settings)

    with pytest.raises(RefusedError, match="belong to branches with labels of their own"):
        plan_merge(project, history)

    assert len(plan_merge(project, history, revisions=history.heads).down_revisions) == 2
