"""`migration.heads`, `migration.rebase` and `migration.merge` as a user runs them, in real repositories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.project import Outcome, Project
from tests.repository import git

FIRST, THEIRS, MINE, LATER = "1750000000000", "1750000002000", "1750000001000", "1750000003000"


@pytest.fixture
def diverged(scenario: Callable[[str], Project]) -> Project:
    """A branch that began before main went on: main is one ahead, the branch has two revisions of its own."""
    project = scenario("diverged")
    versions = project.path / "migrations" / "versions"
    kept = {path: path.read_bytes() for name in (THEIRS, MINE, LATER) for path in versions.glob(f"{name}-*")}
    theirs, *mine = kept
    for path in kept:
        path.unlink()
    (project.path / ".gitignore").write_text("logs/\n.seachange/\n__pycache__/\n")
    git(project.path, "init", "--quiet", "--initial-branch", "main")
    commit(project)
    git(project.path, "branch", "work")
    theirs.write_bytes(kept[theirs])
    commit(project)
    git(project.path, "checkout", "--quiet", "work")
    for path in mine:
        path.write_bytes(kept[path])
    commit(project)
    return project


def commit(project: Project) -> None:
    git(project.path, "add", "--all")
    git(project.path, "commit", "--quiet", "--message", "change")


def answered(outcome: Outcome, schema: str) -> dict[str, object]:
    document: dict[str, object] = json.loads(outcome.stdout)
    assert document["schema"] == schema, outcome
    return document


def names(project: Project) -> list[str]:
    return sorted(path.name for path in (project.path / "migrations" / "versions").glob("*.py"))


def test_a_branch_is_brought_after_main(diverged: Project) -> None:
    behind = diverged.invoke("migration.heads", "--check")
    early = diverged.invoke("migration.rebase")
    git(diverged.path, "merge", "--quiet", "--no-edit", "main")
    several = diverged.invoke("migration.heads", "--check")
    listed = diverged.invoke("migration.heads")
    dry = diverged.invoke("--dry", "migration.rebase")
    untouched = git(diverged.path, "status", "--porcelain")
    done = diverged.invoke("migration.rebase")
    after = diverged.invoke("migration.heads", "--check")
    valid = diverged.invoke("migration.validate")
    again = diverged.invoke("migration.rebase")

    assert behind.exit_code == 2, behind
    assert f"{MINE} was added after {FIRST}, and the head of main is {THEIRS} by now [behind-base]" in behind.stdout
    assert "hint: `git merge main` or `git rebase main`, then `invoke migration.rebase`" in behind.stdout
    assert (early.exit_code, early.stderr.splitlines()) == (
        3,
        [
            f"error: main has gone on to {THEIRS}, which the working tree has not",
            "hint: `git merge main` or `git rebase main` first, then this command again",
        ],
    )
    assert several.exit_code == 2, several
    assert f"hint: `invoke migration.rebase` puts yours after {THEIRS}" in several.stdout
    assert listed.exit_code == 0, listed
    assert (
        f"added since the merge base {git(diverged.path, 'rev-parse', 'main')[:10]} with main: {MINE}, {LATER}" in listed.stdout
    )
    assert (dry.exit_code, untouched) == (0, ""), dry
    assert f"-down_revision: str | None = '{FIRST}'  # as it was then" in dry.stdout
    assert f"+down_revision: str | None = '{THEIRS}'  # as it was then" in dry.stdout
    assert "2 revisions would be rebased" in dry.stdout
    assert done.exit_code == 0, done
    assert f"ok: 2 revisions rebased onto {THEIRS}" in done.stdout
    assert "tried on PostgreSQL" in done.stdout
    assert (after.exit_code, valid.exit_code) == (0, 0), (after, valid)
    assert [name for name in names(diverged) if name.startswith(("1750000001", "1750000003"))] == []
    assert (again.exit_code, again.stdout) == (0, "ok: nothing to rebase: there is one head\n"), again


def test_the_answers_are_documents_too(diverged: Project) -> None:
    git(diverged.path, "merge", "--quiet", "--no-edit", "main")

    heads = answered(diverged.invoke("migration.heads", "--check", "--format", "json"), "seachange.migration.heads/1")
    rebase = answered(
        diverged.invoke("migration.rebase", "--no-trial", "--dry-run", "--format", "json"), "seachange.migration.rebase/1"
    )
    merge = answered(diverged.invoke("migration.merge", "--dry-run", "--format", "json"), "seachange.migration.merge/1")

    assert [(one["revision"], one["origin"]) for one in heads["heads"]] == [(THEIRS, "published"), (LATER, "mine")]  # type: ignore[attr-defined]
    assert [one["code"] for one in heads["findings"]] == ["several-heads"]  # type: ignore[attr-defined]
    assert [one["revision"] for one in rebase["moves"]] == [MINE, LATER]  # type: ignore[attr-defined]
    assert (rebase["onto"], rebase["dry_run"]) == (THEIRS, True)
    assert merge["merge"]["down_revisions"] == [THEIRS, LATER]  # type: ignore[index]
    assert len(names(diverged)) == 4


def test_a_head_that_the_development_server_has_is_joined_instead(diverged: Project) -> None:
    assert diverged.invoke("migration.apply").exit_code == 0
    git(diverged.path, "merge", "--quiet", "--no-edit", "main")
    before = names(diverged)

    refused = diverged.invoke("migration.rebase")
    merged = diverged.invoke("migration.merge", "--name", "JoinMain")
    check = diverged.invoke("migration.heads", "--check")
    applied = diverged.invoke("migration.apply")
    once_more = diverged.invoke("migration.merge")

    assert refused.exit_code == 3, refused
    assert f"error: {MINE}, {LATER} are applied on the development server (postgresql://" in refused.stderr
    assert "otherwise join the heads: `invoke migration.merge`" in refused.stderr
    assert merged.exit_code == 0, merged
    (new,) = set(names(diverged)) - set(before)
    assert new.endswith("-JoinMain.py")
    assert merged.stdout == f"ok: migrations/versions/{new}: {new[:13]} joins {THEIRS} and {LATER}\n"
    assert check.exit_code == 0, check
    assert applied.exit_code == 0, applied
    assert (once_more.exit_code, once_more.stderr.splitlines()[0]) == (
        3,
        f"error: there is nothing to join: the history has one head, {new[:13]}",
    )


def test_a_head_that_only_ones_own_server_has_is_reverted_there_and_rebased(diverged: Project) -> None:
    assert diverged.invoke("migration.apply").exit_code == 0
    git(diverged.path, "merge", "--quiet", "--no-edit", "main")

    refused = diverged.invoke("migration.rebase")
    reverted = [diverged.invoke("migration.revert", "--yes") for _ in range(2)]
    rebased = diverged.invoke("migration.rebase")
    applied = diverged.invoke("migration.apply")

    assert "hint: undo it there by `invoke migration.revert` if it is yours alone" in refused.stderr, refused
    assert [outcome.exit_code for outcome in reverted] == [0, 0], reverted
    assert rebased.exit_code == 0, rebased
    assert applied.exit_code == 0, applied
    assert "3 applied" in applied.stdout


def test_a_shallow_clone_in_ci_says_what_to_fetch(diverged: Project, tmp_path: Path) -> None:
    git(diverged.path, "checkout", "--quiet", "main")
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "work", f"file://{diverged.path}", "clone")
    clone = Project(path=tmp_path / "clone")

    listed, checked = clone.invoke("migration.heads"), clone.invoke("migration.heads", "--check")

    assert listed.exit_code == 0, listed
    assert "only the heads were counted: there is no base branch" in listed.stdout
    assert checked.exit_code == 1, checked
    assert "in this shallow clone" in checked.stderr
    assert "hint: fetch the whole history: `fetch-depth: 0` for actions/checkout" in checked.stderr


def test_without_git_the_heads_are_counted(scenario: Callable[[str], Project]) -> None:
    outcome = scenario("two_heads").invoke("migration.heads", "--check")

    assert outcome.exit_code == 2, outcome
    assert "only the heads were counted: in no git repository" in outcome.stdout
    assert "2 heads that should be one: 0003, 0004 [several-heads]" in outcome.stdout


def test_without_git_the_revision_has_to_be_named(scenario: Callable[[str], Project]) -> None:
    project = scenario("two_heads")

    unknown = project.invoke("migration.rebase")
    named = project.invoke("migration.rebase", "--revision", "0004", "--no-trial")

    assert unknown.exit_code == 1, unknown
    assert "hint: name the first of them with --revision" in unknown.stderr
    assert named.exit_code == 0, named
    assert "0004 follows 0003 (before: 0002)" in named.stdout
