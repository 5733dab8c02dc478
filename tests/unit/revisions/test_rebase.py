"""Planning a rebase: which file becomes what, when it is refused, and that all files are written or none."""

from __future__ import annotations

import datetime
import os
import subprocess
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import HistoryInvalidError, NotWritableError, RefusedError
from seachange.revisions.changes import FileChange, unified_diff, written
from seachange.revisions.history import History, read_history
from seachange.revisions.rebase import Rebase, plan_rebase
from tests.unit.revisions.graphs import BEGIN_MS, Node, write

NOW = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.UTC)
NOW_MS = int(NOW.timestamp() * 1000)
FIRST, THEIRS, MINE, LATER = (str(BEGIN_MS + 1000 * index) for index in range(4))


def stamped(tmp_path: Path, *more: Node) -> Settings:
    nodes = (
        Node(name=FIRST, down=()),
        Node(name=THEIRS, down=(FIRST,), when=1),
        Node(name=MINE, down=(FIRST,), when=2, quote="'"),
        Node(name=LATER, down=(MINE,), depends=(MINE,), when=3),
    )
    return write(tmp_path, (*nodes, *more))


def snapshot(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (settings.root / "migrations").rglob("*") if path.is_file()}


def texts(plan: Rebase) -> dict[str, str]:
    return {change.target.name: change.after.decode() for change in plan.changes}


def rebased(settings: Settings, plan: Rebase) -> History:
    with written(plan.changes):
        pass
    return read_history(settings)


def test_timestamps_are_renewed_in_id_file_name_and_every_reference(tmp_path: Path) -> None:
    settings = stamped(tmp_path)
    first, second = str(NOW_MS), str(NOW_MS + 1)

    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)
    history = rebased(settings, plan)

    assert [(move.revision, move.new_revision, move.new_down_revision) for move in plan.moves] == [
        (MINE, first, THEIRS),
        (LATER, second, first),
    ]
    assert history.by_id[second].depends_on == (first,)
    assert history.by_id[first].created == NOW
    assert {path.name for path in tmp_path.rglob("1*.py")} == {f"{name}_title.py" for name in (FIRST, THEIRS, first, second)}
    expected = Node(name=MINE, down=(FIRST,), when=2, quote="'").text
    for old, new in ((f"ID: {MINE}", f"ID: {first}"), (f"'{MINE}'", f"'{first}'"), (f": {FIRST}", f": {THEIRS}")):
        expected = expected.replace(old, new)
    expected = expected.replace(f"= '{FIRST}'", f"= '{THEIRS}'").replace("2023-11-14 22:13:22+00:00", "2026-05-04 03:02:01+00:00")
    assert texts(plan)[f"{first}_title.py"] == expected


def test_what_still_names_an_old_id_is_said(tmp_path: Path) -> None:
    settings = stamped(tmp_path)

    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)

    assert plan.notes == (
        f"migrations/even/{NOW_MS}_title.py:1 still says {MINE}",
        f"migrations/odd/{NOW_MS + 1}_title.py:1 still says {LATER}",
    )


def test_a_revision_of_another_branch_that_depends_on_it_is_corrected_and_stays(tmp_path: Path) -> None:
    settings = stamped(tmp_path, Node(name="1900000000000", down=(), depends=(MINE,), when=9))
    path = tmp_path / "migrations" / "even" / "1900000000000_title.py"
    path.write_text(path.read_text().replace("branch_labels = None", 'branch_labels = "reports"'))

    history = rebased(settings, plan_rebase(read_history(settings), moved=[MINE], now=NOW))

    assert history.by_id["1900000000000"].depends_on == (str(NOW_MS),)
    assert history.by_id["1900000000000"].down_revisions == ()


def test_a_head_that_depends_on_it_cannot_be_followed(tmp_path: Path) -> None:
    settings = stamped(tmp_path, Node(name="1900000000000", down=(THEIRS,), depends=(MINE,), when=9))

    with pytest.raises(RefusedError, match=f"needs {MINE} to have run before"):
        plan_rebase(read_history(settings), moved=[MINE], now=NOW)


def test_files_beside_a_revision_are_renamed_with_it(tmp_path: Path) -> None:
    settings = stamped(tmp_path)
    path = tmp_path / "migrations" / "even" / f"{MINE}_title.py"
    path.with_suffix(".up.sql").write_text("SELECT 1")
    path.write_text(path.read_text().replace('run("up")', f'run("{MINE}_title.up.sql")'))

    rebased(settings, plan_rebase(read_history(settings), moved=[MINE], now=NOW))

    assert path.with_name(f"{NOW_MS}_title.up.sql").read_text() == "SELECT 1"
    assert f'run("{NOW_MS}_title.up.sql")' in path.with_name(f"{NOW_MS}_title.py").read_text()
    assert not list(path.parent.glob(f"{MINE}*"))


def test_random_ids_and_the_names_of_their_files_stay(tmp_path: Path) -> None:
    nodes = (
        Node(name="aaaaaaaaaaaa", down=()),
        Node(name="bbbbbbbbbbbb", down=("aaaaaaaaaaaa",), when=1),
        Node(name="cccccccccccc", down=("aaaaaaaaaaaa",), when=2),
    )
    settings = write(tmp_path, nodes)

    plan = plan_rebase(read_history(settings), moved=["cccccccccccc"], now=NOW)

    expected = nodes[2].text.replace("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    assert texts(plan) == {"cccccccccccc_title.py": expected}


def test_a_random_id_that_would_be_older_than_its_parent_gets_a_new_date_in_docstring_and_file_name(tmp_path: Path) -> None:
    settings = write(
        tmp_path,
        (
            Node(name="aaaaaaaaaaaa", down=()),
            Node(name="bbbbbbbbbbbb", down=("aaaaaaaaaaaa",), when=2),
            Node(name="cccccccccccc", down=("aaaaaaaaaaaa",), when=1),
        ),
    )
    path = tmp_path / "migrations" / "even" / "cccccccccccc_title.py"
    path.rename(path.with_name("2023_11_14_2213-cccccccccccc_title.py"))

    plan = plan_rebase(read_history(settings), moved=["cccccccccccc"], now=NOW)

    assert [Path(move.new_file).name for move in plan.moves] == ["2026_05_04_0302-cccccccccccc_title.py"]
    assert "Create Date: 2026-05-04 03:02:01+00:00\n" in plan.changes[0].after.decode()


def test_numbers_go_on(tmp_path: Path) -> None:
    nodes = (Node(name="0001", down=()), Node(name="0003", down=("0001",), when=2), Node(name="0002", down=("0001",), when=1))
    settings = write(tmp_path, nodes)

    history = rebased(settings, plan_rebase(read_history(settings), moved=["0002"], now=NOW))

    assert [revision.revision for revision in history.revisions] == ["0001", "0003", "0004"]


def test_what_stands_at_its_place_already_is_left_alone(tmp_path: Path) -> None:
    settings = write(tmp_path, (Node(name=FIRST, down=()), Node(name=MINE, down=(FIRST,), when=2)))

    assert plan_rebase(read_history(settings), moved=[MINE], now=NOW).moves == ()


@pytest.mark.parametrize(
    ("onto", "message"),
    [
        pytest.param("", "there are 2 other heads", id="it is not plain which"),
        pytest.param(FIRST, "is no head of the revisions that stay", id="one that others follow"),
    ],
)
def test_the_head_to_follow_has_to_be_plain(tmp_path: Path, onto: str, message: str) -> None:
    settings = stamped(tmp_path, Node(name="1800000000000", down=(FIRST,), when=9))

    with pytest.raises(RefusedError, match=message):
        plan_rebase(read_history(settings), moved=[MINE], now=NOW, onto=onto)


def test_a_branch_with_a_label_of_its_own_is_no_other_head(tmp_path: Path) -> None:
    settings = stamped(tmp_path, Node(name="1800000000000", down=(), when=9))
    path = tmp_path / "migrations" / "even" / "1800000000000_title.py"
    path.write_text(path.read_text().replace("branch_labels = None", 'branch_labels = "reports"'))

    assert plan_rebase(read_history(settings), moved=[MINE], now=NOW).onto == THEIRS


def test_a_history_that_is_no_order_is_refused(tmp_path: Path) -> None:
    settings = stamped(tmp_path, Node(name="1800000000000", down=("1799999999999",), when=9))

    with pytest.raises(HistoryInvalidError):
        plan_rebase(read_history(settings), moved=[MINE], now=NOW)


@pytest.mark.parametrize("error", [pytest.param(RuntimeError, id="an error"), pytest.param(KeyboardInterrupt, id="Ctrl-C")])
def test_files_are_as_they_were_when_what_follows_fails(tmp_path: Path, error: type[BaseException]) -> None:
    settings = stamped(tmp_path)
    script = tmp_path / "migrations" / "even" / f"{MINE}_title.py"
    script.chmod(0o755)
    before = snapshot(settings)
    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)

    with pytest.raises(error), written(plan.changes):
        raise error(script.with_name(f"{NOW_MS}_title.py").stat().st_mode)

    assert snapshot(settings) == before
    assert script.stat().st_mode & 0o777 == 0o755


def test_nothing_is_written_when_one_of_the_new_names_is_taken(tmp_path: Path) -> None:
    settings = stamped(tmp_path)
    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)
    (tmp_path / "migrations" / "odd" / f"{NOW_MS + 1}_title.py").write_text("mine")
    before = snapshot(settings)

    with pytest.raises(NotWritableError, match="exists already"), written(plan.changes):
        pass

    assert snapshot(settings) == before


def test_nothing_is_written_when_a_file_was_changed_meanwhile(tmp_path: Path) -> None:
    settings = stamped(tmp_path)
    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)
    path = tmp_path / "migrations" / "odd" / f"{LATER}_title.py"
    path.write_text(path.read_text() + "# more\n")
    before = snapshot(settings)

    with pytest.raises(NotWritableError, match="was changed meanwhile"), written(plan.changes):
        pass

    assert snapshot(settings) == before


def test_the_diff_is_what_git_applies(tmp_path: Path) -> None:
    settings = stamped(tmp_path)
    (tmp_path / "last").write_bytes(b"no line end")
    plan = plan_rebase(read_history(settings), moved=[MINE], now=NOW)
    last = FileChange(path=tmp_path / "last", target=tmp_path / "last", before=b"no line end", after=b"still none")
    new = FileChange(path=tmp_path / "new", target=tmp_path / "new", before=None, after=b"new\n")
    diff = unified_diff([*plan.changes, last, new], root=tmp_path)
    done = subprocess.run(["git", "apply", "-"], input=diff, cwd=tmp_path, text=True, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr + diff
    for change in (*plan.changes, last, new):
        assert change.target.read_bytes() == change.after
    assert not os.path.lexists(tmp_path / "migrations" / "even" / f"{MINE}_title.py")
