"""Reading many files at once: several processes find what one finds, and one of them may fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.revisions._readers import read_all
from seachange.revisions.history import read_history
from seachange.revisions.validate import validate
from tests.graphs import write_history


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The revision files of a long history, one of them broken and one with a fault."""
    folder = write_history(tmp_path_factory.mktemp("long") / "project", 1100)
    first, second, *_ = sorted(folder.glob("00000000040*"))
    first.write_text("def broken(\n")
    second.write_text(second.read_text().replace("op.drop_table", 'op.execute("SELEC 1") or op.drop_table'))
    return folder


def test_a_long_history_is_read_whole_and_its_faults_are_found(versions: Path) -> None:
    history = read_history(Settings(root=versions.parent.parent))

    assert len(history.revisions) == 1099
    assert {finding.code for finding in validate(history)} == {
        "syntax-error", "sql-syntax", "missing-down-revision", "several-heads",
    }  # fmt: skip


def test_processes_that_fail_leave_their_share_to_be_read_later(versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(path) for path in sorted(versions.iterdir())]
    whole = read_all(paths)
    monkeypatch.setattr(sys, "executable", "/bin/false")

    assert set(read_all(paths)) < set(whole) or not whole


def test_few_files_are_not_worth_a_process(versions: Path) -> None:
    assert read_all([str(path) for path in sorted(versions.iterdir())[:900]]) == {}
