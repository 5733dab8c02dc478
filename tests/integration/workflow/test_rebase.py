"""A rebase beside real databases: one that has applied a revision forbids it, one that cannot say so does too."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.errors import ExitCode, RefusedError, RevisionRejectedError
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.runner import upgrade
from seachange.revisions.validate import validate
from seachange.workflow.rebase import rebase
from tests.project import Project, clean_environment
from tests.repository import git

FIRST, THEIRS, MINE, LATER = "1750000000000", "1750000002000", "1750000001000", "1750000003000"


@pytest.fixture
def diverged(scenario: Callable[[str], Project]) -> Settings:
    """Two heads: one on main, and a line of two on the branch that is checked out."""
    root = scenario("diverged").path
    versions = root / "migrations" / "versions"
    kept = {path: path.read_bytes() for name in (THEIRS, MINE, LATER) for path in versions.glob(f"{name}-*")}
    theirs, *mine = kept
    for path in kept:
        path.unlink()
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "begin")
    theirs.write_bytes(kept[theirs])
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "theirs")
    git(root, "checkout", "--quiet", "-b", "work")
    for path in mine:
        path.write_bytes(kept[path])
    return config.load(root, environ=clean_environment())


def at(settings: Settings, database: Database, **flags: object) -> Settings:
    return dataclasses.replace(settings, database_url=database.url(), **flags)  # type: ignore[arg-type]


def files(settings: Settings) -> dict[str, bytes]:
    folder = settings.root / "migrations" / "versions"
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_the_line_is_tried_after_the_other_head_and_kept(diverged: Settings, database: Database) -> None:
    upgrade(database, diverged, target=THEIRS)
    before = files(diverged)

    done = rebase(at(diverged, database))

    history = read_history(diverged)
    first, second = (move.new_revision for move in done.plan.moves)
    assert [revision.revision for revision in history.revisions] == [FIRST, THEIRS, first, second]
    assert [finding for finding in validate(history) if finding.severity == "error"] == []
    after = files(diverged)
    assert {name: after[name] for name in before if name in after} == {
        name: content for name, content in before.items() if name.startswith((FIRST, THEIRS))
    }
    assert done.facts[-1].startswith("tried on PostgreSQL ")
    assert done.facts[-1].endswith(": upgrade, downgrade, second upgrade")
    assert upgrade(database, diverged).revisions == (first, second)


@pytest.mark.parametrize("applied", [pytest.param(MINE, id="the first"), pytest.param(LATER, id="the last")])
def test_what_the_database_has_applied_keeps_its_place(diverged: Settings, database: Database, applied: str) -> None:
    upgrade(database, diverged, target=applied)
    before = files(diverged)

    with pytest.raises(RefusedError, match=rf"{MINE}.* applied on DATABASE_URL \(postgresql://") as caught:
        rebase(at(diverged, database))

    assert caught.value.exit_code == ExitCode.REFUSED
    assert "migration.merge" in caught.value.hint
    assert files(diverged) == before


def test_a_database_that_a_variable_names_counts_too(diverged: Settings, database: Database) -> None:
    upgrade(database, diverged, target=MINE)
    known = dataclasses.replace(
        diverged, known_databases=("STAGING_URL",), environment={**diverged.environment, "STAGING_URL": database.url()}
    )

    with pytest.raises(RefusedError, match=rf"{MINE} is applied on STAGING_URL \(postgresql://"):
        rebase(known)


def test_a_tenants_version_table_in_another_schema_counts_too(diverged: Settings, database: Database) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create schema tenant create table alembic_version (version_num varchar(32) primary key)")
        session.execute("insert into tenant.alembic_version values (%s)", [LATER])

    with pytest.raises(RefusedError, match=f"{MINE}, {LATER} are applied on DATABASE_URL"):
        rebase(at(diverged, database))


def test_a_database_at_a_revision_that_no_file_has_cannot_say(diverged: Settings, database: Database) -> None:
    upgrade(database, diverged, target=LATER)
    (path,) = (diverged.root / "migrations" / "versions").glob(f"{LATER}-*")
    path.unlink()

    with pytest.raises(
        RefusedError, match=f"cannot say whether it has applied {MINE}: it is at {LATER}, which is in no file here"
    ):
        rebase(at(diverged, database))


def test_a_database_at_a_revision_that_only_the_base_branch_has_can_say(diverged: Settings, database: Database) -> None:
    upgrade(database, diverged, target=THEIRS)
    git(diverged.root, "checkout", "--quiet", "-b", "before", "main~1")
    folder = diverged.root / "migrations" / "versions"
    (path,) = folder.glob(f"{MINE}-*")
    (folder / "1750000001500-AddFax.py").write_text(path.read_text().replace(MINE, "1750000001500").replace("email", "fax"))
    assert THEIRS not in read_history(diverged).by_id

    done = rebase(at(diverged, database), revisions=[MINE], onto="1750000001500", trial=False)

    assert done.plan.moves[0].new_down_revision == "1750000001500"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        pytest.param({"database_url": "postgresql://u:s3cret@127.0.0.1:1/d"}, "DATABASE_URL", id="nobody answers"),
        pytest.param({"known_databases": ("STAGING_URL",)}, "the variable STAGING_URL of known_databases is not set", id="unset"),
    ],
)
def test_a_database_that_cannot_be_asked_forbids_it_unless_that_is_accepted(
    diverged: Settings, flags: dict[str, object], message: str
) -> None:
    settings = dataclasses.replace(diverged, **flags)  # type: ignore[arg-type]
    before = files(diverged)

    with pytest.raises(RefusedError, match="cannot say whether it has applied") as caught:
        rebase(settings)
    assert message in caught.value.message
    assert "s3cret" not in caught.value.message
    assert "--offline" in caught.value.hint
    assert files(diverged) == before

    done = rebase(settings, offline=True, trial=False)
    assert done.facts[0].startswith("not asked: ")
    assert len(read_history(diverged).heads) == 1


def test_a_database_that_does_not_exist_has_applied_nothing(diverged: Settings, database: Database) -> None:
    done = rebase(at(diverged, database.with_name("not_there")), trial=False)

    assert done.facts[0].endswith("does not exist, so it has applied nothing")


def test_a_line_that_fails_after_the_other_head_is_not_kept(diverged: Settings) -> None:
    (path,) = (diverged.root / "migrations" / "versions").glob(f"{MINE}-*")
    path.write_text(path.read_text().replace("email", "phone"))
    before = files(diverged)

    with pytest.raises(RevisionRejectedError, match="does not stand at its new place, its upgrade fails") as caught:
        rebase(diverged)

    assert caught.value.exit_code == ExitCode.FAILED_UNCHANGED
    assert "--no-trial" in caught.value.hint
    assert files(diverged) == before
    assert len(rebase(diverged, trial=False).plan.moves) == 2


def test_a_history_that_cannot_begin_on_an_empty_server_is_not_tried(diverged: Settings) -> None:
    (path,) = (diverged.root / "migrations" / "versions").glob(f"{FIRST}-*")
    path.write_text(
        path.read_text().replace("op.create_table(", 'op.execute("SELECT 1 FROM made_by_hand")\n    op.create_table(')
    )

    done = rebase(diverged)

    assert done.facts[0].startswith(f"not tried on a throwaway server: revision {FIRST} fails on an empty throwaway server")


def test_nothing_is_left_of_a_dry_run(diverged: Settings, database: Database) -> None:
    before = files(diverged)

    done = rebase(at(diverged, database), dry_run=True)

    assert files(diverged) == before
    assert Path(done.plan.moves[0].file).name == f"{MINE}-AddEmail.py"
    assert f"rename from migrations/versions/{MINE}-AddEmail.py" in done.diff
