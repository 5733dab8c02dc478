"""What counts as a disagreement between the history in a database, its version table and the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.revisions.history import History, read_history
from seachange.revisions.ledger import file_hash
from seachange.revisions.reconcile import Recorded, findings_of, mismatches
from tests.project import Project


@pytest.fixture
def project(scenario: Callable[[str], Project]) -> Settings:
    return Settings(root=scenario("linear").path)


def recorded(history: History, *names: str, outcome: str = "applied", direction: str = "upgrade") -> dict[str, Recorded]:
    return {
        name: Recorded(
            revision=name,
            direction=direction,
            outcome=outcome,
            content_hash=history.by_id[name].content_hash,
            file_hash=file_hash(history.by_id[name].path),
            run_id="run1",
            actor="ann@host",
        )
        for name in names
    }


def found(history: History, *current: str, known: dict[str, Recorded], baseline: bool = False) -> list[tuple[str, str]]:
    return [(one.kind, one.revision) for one in mismatches(history, current=current, recorded=known, baseline=baseline)]


def change(project: Settings, name: str, text: str) -> Path:
    path = next((project.root / "migrations" / "versions").glob(f"{name}_*.py"))
    path.write_text(path.read_text() + text)
    return path


@pytest.mark.parametrize(
    ("current", "applied", "expected"),
    [
        pytest.param("0002", ("0001", "0002"), [], id="all of it was run by Seachange"),
        pytest.param("0003", ("0001", "0002"), [("applied-elsewhere", "0003")], id="plain alembic went on"),
        pytest.param(
            "0001",
            ("0001", "0002", "0003"),
            [("reverted-elsewhere", "0003"), ("reverted-elsewhere", "0002")],
            id="plain alembic went back",
        ),
        pytest.param("0002", (), [], id="there is no history yet"),
    ],
)
def test_the_version_table_is_compared_with_the_history(
    project: Settings, current: str, applied: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    history = read_history(project)

    assert found(history, current, known=recorded(history, *applied)) == expected


def test_a_revision_that_was_reverted_counts_as_not_applied(project: Settings) -> None:
    history = read_history(project)
    known = recorded(history, "0001", "0002") | recorded(history, "0003", outcome="reverted", direction="downgrade")

    assert found(history, "0002", known=known) == []
    assert found(history, "0003", known=known) == [("applied-elsewhere", "0003")]


def test_repair_counts_what_was_applied_before_there_was_a_history(project: Settings) -> None:
    history = read_history(project)

    assert found(history, "0002", known={}, baseline=True) == [("applied-elsewhere", "0001"), ("applied-elsewhere", "0002")]


def test_a_file_that_changed_after_it_was_applied_is_found(project: Settings) -> None:
    known = recorded(read_history(project), "0001", "0002", "0003")
    change(project, "0002", "\nprint('more')\n")

    assert found(read_history(project), "0003", known=known) == [("changed-after-apply", "0002")]


def test_a_file_that_changed_before_it_is_applied_is_nobodys_business(project: Settings) -> None:
    known = recorded(read_history(project), "0001", "0002")
    change(project, "0003", "\nprint('more')\n")

    assert found(read_history(project), "0002", known=known) == []


def test_other_line_ends_are_no_change(project: Settings) -> None:
    before = read_history(project)
    known = recorded(before, "0001", "0002", "0003")
    path = change(project, "0002", "")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    after = read_history(project)
    assert after.by_id["0002"].content_hash != before.by_id["0002"].content_hash
    assert found(after, "0003", known=known) == []


def test_a_change_in_what_a_revision_imports_is_no_change_of_the_revision(project: Settings) -> None:
    change(project, "0002", "\nfrom linear_models import Base  # noqa\n")
    before = read_history(project)
    known = recorded(before, "0001", "0002", "0003")
    models = project.root / "linear_models.py"
    models.write_text(models.read_text() + "\nX = 1\n")

    after = read_history(project)
    assert after.by_id["0002"].content_hash != before.by_id["0002"].content_hash
    assert found(after, "0003", known=known) == []


def test_a_deleted_revision_is_found(project: Settings) -> None:
    before = read_history(project)
    known = recorded(before, "0001", "0002", "0003")
    change(project, "0003", "").unlink()

    assert found(read_history(project), "0002", known=known) == [("deleted-after-apply", "0003")]


def test_findings_are_warnings_and_few(project: Settings) -> None:
    history = read_history(project)
    known = recorded(history, "0001")
    known["gone"] = known["0001"]

    findings = findings_of(mismatches(history, current=["0003"], recorded=known))

    assert [(finding.severity, finding.code, finding.message) for finding in findings] == [
        ("warning", "applied-elsewhere", "0002, 0003: applied, but not by Seachange"),
        ("warning", "deleted-after-apply", "gone: recorded as applied, but its file is gone"),
    ]


def test_many_changed_files_are_one_finding(project: Settings) -> None:
    history = read_history(project)
    folder = project.root / "migrations" / "versions"
    for number in range(4, 11):
        text = f'revision = "{number:04}"\ndown_revision = "{number - 1:04}"\n'
        (folder / f"{number:04}_x.py").write_text(text)
    history = read_history(project)
    known = recorded(history, *history.by_id)
    for number in range(4, 11):
        change(project, f"{number:04}", "# changed\n")

    (finding,) = findings_of(mismatches(read_history(project), current=["0010"], recorded=known))

    assert finding.message == "0004, 0005, 0006, 0007, 0008 and 2 more: applied, and its file was changed after that"
