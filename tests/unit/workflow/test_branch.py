"""The base branch: found in real repositories, compared with the working tree."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.revisions.heads import added, read_heads
from seachange.revisions.history import read_history
from seachange.workflow.branch import Branch, find_base
from tests.repository import git
from tests.unit.revisions.graphs import Node, write

A, B, C = (Node(name="a", down=()), Node(name="b", down=("a",)), Node(name="c", down=("a",)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project whose first revision is on main, and one more on the branch ``work``, which is checked out."""
    folder = tmp_path / "project"
    folder.mkdir()
    settings = write(folder, [A])
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(settings)
    git(folder, "checkout", "--quiet", "-b", "work")
    add(settings, B)
    return settings


def add(settings: Settings, node: Node) -> Path:
    path = settings.root / "migrations" / "even" / f"{node.name}_title.py"
    path.write_text(node.text)
    commit(settings)
    return path


def commit(settings: Settings) -> None:
    git(settings.root, "add", "--all")
    git(settings.root, "commit", "--quiet", "--message", "change")


def found(settings: Settings, *, name: str = "") -> Branch:
    return find_base(settings, read_history(settings), name=name)


def mine(settings: Settings) -> tuple[str, ...]:
    history = read_history(settings)
    return added(history, find_base(settings, history).base)


def on_main(settings: Settings, node: Node) -> None:
    git(settings.root, "checkout", "--quiet", "main")
    add(settings, node)
    git(settings.root, "checkout", "--quiet", "work")


def test_what_was_added_since_the_merge_base_is_mine_committed_or_not(settings: Settings) -> None:
    (settings.root / "migrations" / "odd" / "d_title.py").write_text(Node(name="d", down=("b",)).text)

    assert mine(settings) == ("b", "d")


def test_what_the_base_branch_has_gone_on_to_is_read_from_its_commit(settings: Settings) -> None:
    on_main(settings, C)

    base = found(settings).base

    assert base is not None
    assert [(each.revision, each.down_revisions, each.location) for each in base.missing] == [("c", ("a",), "migrations/even")]
    assert base.name == "main"
    assert mine(settings) == ("b",)


def test_after_a_merge_of_the_base_branch_its_revisions_are_not_mine(settings: Settings) -> None:
    on_main(settings, C)
    git(settings.root, "merge", "--quiet", "main")

    base = found(settings).base

    assert base is not None
    assert (mine(settings), base.missing) == (("b",), ())


def test_a_revision_that_was_squashed_into_the_base_branch_is_not_mine(settings: Settings) -> None:
    on_main(settings, B)

    assert mine(settings) == ()


def test_a_published_revision_that_was_edited_or_moved_is_not_mine(settings: Settings) -> None:
    path = settings.root / "migrations" / "even" / "a_title.py"
    path.write_text(path.read_text() + "# edited\n")
    path.rename(settings.root / "migrations" / "odd" / "renamed.py")

    assert mine(settings) == ("b",)


def test_a_published_revision_that_was_removed_is_not_awaited(settings: Settings) -> None:
    (settings.root / "migrations" / "even" / "a_title.py").unlink()

    base = found(settings).base

    assert base is not None
    assert (base.missing, sorted(base.published)) == ((), ["a"])


def test_an_id_that_both_branches_took_is_found_before_and_after_the_merge(settings: Settings) -> None:
    add(settings, Node(name="0002", down=("a",)))
    git(settings.root, "checkout", "--quiet", "main")
    other = settings.root / "migrations" / "even" / "0002_other.py"
    other.write_text(Node(name="0002", down=("a",)).text)
    commit(settings)
    git(settings.root, "checkout", "--quiet", "work")

    before = read_heads(read_history(settings), found(settings).base).findings
    git(settings.root, "merge", "--quiet", "main")
    after = read_heads(read_history(settings), found(settings).base).findings

    assert [(finding.code, finding.message) for finding in before if finding.code == "duplicate-revision"] == [
        ("duplicate-revision", "0002 is migrations/even/0002_title.py here and migrations/even/0002_other.py on main")
    ]
    assert [(finding.code, finding.message) for finding in after if finding.code == "duplicate-revision"] == [
        ("duplicate-revision", "0002 is migrations/even/0002_other.py here and migrations/even/0002_title.py here")
    ]


@pytest.mark.parametrize(
    ("branches", "variables", "expected"),
    [
        pytest.param(["origin/main", "origin/other"], {}, "origin/main", id="the remote before the local one"),
        pytest.param(["origin/other"], {}, "main", id="the local one"),
        pytest.param(["origin/main", "origin/dev"], {"GITHUB_BASE_REF": "dev"}, "origin/dev", id="the target on GitHub"),
        pytest.param(
            ["origin/main", "origin/dev"], {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "dev"}, "origin/dev", id="the target on GitLab"
        ),
        pytest.param(["origin/main"], {"GITHUB_BASE_REF": "gone"}, "origin/main", id="a target that was not fetched"),
    ],
)
def test_the_usual_branches_are_tried_in_order(
    settings: Settings, branches: list[str], variables: dict[str, str], expected: str
) -> None:
    for name in branches:
        git(settings.root, "update-ref", f"refs/remotes/{name}", "main")

    base = found(dataclasses.replace(settings, environment=variables)).base

    assert base is not None
    assert base.name == expected


def test_the_remotes_own_choice_comes_first(settings: Settings) -> None:
    for name in ("main", "trunk"):
        git(settings.root, "update-ref", f"refs/remotes/origin/{name}", "main")
    git(settings.root, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")

    base = found(settings).base

    assert base is not None
    assert base.name == "origin/trunk"


def test_a_setting_names_the_branch_and_a_flag_overrides_it(settings: Settings) -> None:
    for name in ("one", "two"):
        git(settings.root, "branch", name, "main")
    named = dataclasses.replace(settings, base_branch="one")

    assert [found(named).base.name, found(named, name="two").base.name] == ["one", "two"]  # type: ignore[union-attr]


def test_a_branch_that_is_named_and_not_there_is_an_error(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="there is no branch nowhere"):
        found(settings, name="nowhere")


def test_a_name_that_looks_like_an_option_is_no_branch(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="there is no branch --all"):
        found(settings, name="--all")


def test_a_branch_without_a_common_commit_is_an_error(settings: Settings) -> None:
    git(settings.root, "checkout", "--quiet", "--orphan", "alone")
    commit(settings)

    with pytest.raises(ConfigError, match="main and the working tree have no commit in common"):
        found(settings)


def test_without_a_repository_nothing_is_known(tmp_path: Path) -> None:
    assert found(write(tmp_path, [A])).note == "in no git repository, so nothing is known of what is published"


def test_without_git_nothing_is_known(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert found(settings).note == "in no git repository, so nothing is known of what is published"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_a_repository_that_git_does_not_trust_is_an_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for path in (settings.root, settings.root / ".git"):
        os.chown(path, 65534, 65534)

    with pytest.raises(ConfigError, match="git does not trust the repository") as caught:
        found(settings)
    assert caught.value.hint == f"git config --global --add safe.directory {settings.root}"


def test_without_a_commit_nothing_is_known(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    assert found(write(tmp_path, [A])).note == "nothing is committed yet, so nothing is known of what is published"


def test_without_a_base_branch_nothing_is_known(settings: Settings) -> None:
    git(settings.root, "branch", "--quiet", "--delete", "--force", "main")

    assert found(settings).note.startswith("there is no base branch")


def test_a_shallow_clone_says_how_to_fetch_more(settings: Settings, tmp_path: Path) -> None:
    git(settings.root, "checkout", "--quiet", "main")
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "work", f"file://{settings.root}", "clone")
    clone = Settings(root=tmp_path / "clone")
    history = read_history(clone)

    assert find_base(clone, history).note.startswith(
        "there is no base branch (origin/HEAD, main or master) in this shallow clone"
    )
    with pytest.raises(ConfigError, match="in this shallow clone") as caught:
        find_base(clone, history, required=True)
    assert "fetch-depth: 0" in caught.value.hint
    assert "GIT_DEPTH: 0" in caught.value.hint


def test_a_shallow_clone_with_both_tips_and_nothing_between_says_the_same(settings: Settings, tmp_path: Path) -> None:
    on_main(settings, C)
    git(settings.root, "checkout", "--quiet", "main")
    git(
        tmp_path, "clone", "--quiet", "--depth", "1", "--no-single-branch", "--branch", "work", f"file://{settings.root}", "clone"
    )
    clone = Settings(root=tmp_path / "clone")

    with pytest.raises(ConfigError, match="have no commit in common in this shallow clone") as caught:
        found(clone)
    assert "git fetch --unshallow" in caught.value.hint


@pytest.mark.parametrize("variables", [pytest.param({}, id="by hand"), pytest.param({"GIT_DIR": ".git"}, id="in a hook")])
def test_a_project_in_a_folder_of_the_repository_is_compared_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    (tmp_path / "service").mkdir()
    settings = write(tmp_path / "service", [A])
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "begin")
    git(tmp_path, "checkout", "--quiet", "-b", "work")
    add(settings, B)
    on_main(settings, C)

    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    base = found(settings).base

    assert base is not None
    assert (mine(settings), [each.revision for each in base.missing]) == (("b",), ["c"])
