"""Validation: every fault of a history is found, with its place and its remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.revisions._headers import parse_header
from seachange.revisions.history import read_history
from seachange.revisions.validate import validate
from tests.project import REPOSITORY, Project

Scenario = Callable[[str], Project]


def found(root: Path) -> list[tuple[str, str, str]]:
    return [(each.code, each.severity, each.where) for each in validate(read_history(Settings(root=root)))]


@pytest.mark.parametrize("name", ["linear", "failing_half_way", "branches", "not_transactional"])
def test_a_sound_history_has_no_finding(scenario: Scenario, name: str) -> None:
    assert found(scenario(name).path) == []


def test_two_heads_are_found_at_the_newer_one(scenario: Scenario) -> None:
    (finding,) = validate(read_history(Settings(root=scenario("two_heads").path)))

    assert finding.message == "the history has 2 heads: 0003, 0004"
    assert finding.hint == "put yours after the other: `invoke migration.rebase`; or join them: `invoke migration.merge`"
    assert (finding.code, finding.severity, finding.line) == ("several-heads", "error", 6)


def test_a_syntax_error_is_found_with_its_line(scenario: Scenario) -> None:
    (finding,) = validate(read_history(Settings(root=scenario("syntax_error").path)))

    assert (finding.code, finding.where) == ("syntax-error", "migrations/versions/0003_unique_email.py:9")
    assert finding.message.startswith("0003_unique_email.py does not compile: ")


def test_every_fault_of_a_broken_graph_is_found_at_its_place(scenario: Scenario) -> None:
    versions = "migrations/versions"

    assert sorted(found(scenario("faulty_graph").path)) == [
        ("computed-header", "error", f"{versions}/computed.py:3"),
        ("cyclic-down-revision", "error", f"{versions}/0003_circle.py:6"),
        ("duplicate-revision", "error", f"{versions}/0001_create_clients.py:6"),
        ("empty-upgrade", "warning", f"{versions}/0005_renamed.py:9"),
        ("file-name-contradicts", "error", f"{versions}/0005_renamed.py:5"),
        ("missing-down-revision", "error", f"{versions}/0002_add_email.py:7"),
        ("no-revision", "error", f"{versions}/notes.py"),
        ("several-heads", "error", f"{versions}/0005_renamed.py:6"),
    ]


def test_the_messages_name_the_revisions(scenario: Scenario) -> None:
    messages = [each.message for each in validate(read_history(Settings(root=scenario("faulty_graph").path)))]

    assert "revisions follow each other in a circle: 0003 <- 0004 <- 0003" in messages
    assert "the file name says 0005, the file says revision 0006" in messages
    assert "down_revision of 0002 is 0009, which is in no file" in messages


def _typeorm(project: Project, *, first: str, second: str) -> None:
    versions = project.path / "migrations" / "versions"
    for old, new in (("0001_create_clients.py", first), ("0002_add_email.py", second)):
        text = (versions / old).read_text().replace('"0001"', f'"{first}"').replace('"0002"', f'"{second}"')
        (versions / old).unlink()
        (versions / f"{new}-Name.py").write_text(text)
    (versions / "0003_unique_email.py").unlink()


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param("1749000000001", [], id="later"),
        pytest.param("1748999999999", ["decreasing-timestamp"], id="earlier than what it follows"),
    ],
)
def test_timestamps_must_increase_along_the_chain(scenario: Scenario, second: str, expected: list[str]) -> None:
    project = scenario("linear")
    _typeorm(project, first="1749000000000", second=second)

    assert [code for code, _, _ in found(project.path)] == expected


def test_equal_timestamps_of_different_revisions_are_found(scenario: Scenario) -> None:
    project = scenario("linear")
    versions = project.path / "migrations" / "versions"
    for path in versions.glob("*.py"):
        path.write_text(path.read_text().replace('."""', '.\n\nCreate Date: 2024-01-01 10:00:00\n"""', 1))

    assert [(code, severity) for code, severity, _ in found(project.path)] == [("duplicate-timestamp", "warning")] * 2


def test_an_unreadable_location_is_found(scenario: Scenario) -> None:
    project = scenario("linear")
    project.replace("pyproject.toml", old="prepend_sys_path", new='version_locations = ["%(here)s/nowhere"]\nprepend_sys_path')

    assert found(project.path) == [("unreadable-location", "error", "nowhere")]


def test_a_downgrade_that_cannot_go_back_is_a_warning(scenario: Scenario) -> None:
    project = scenario("linear")
    versions = "migrations/versions"
    project.replace(f"{versions}/0002_add_email.py", old='op.drop_column("clients", "email")', new="pass")
    project.replace(f"{versions}/0003_unique_email.py", old="def downgrade", new="def undo")

    assert found(project.path) == [
        ("empty-downgrade", "warning", f"{versions}/0002_add_email.py:14"),
        ("missing-downgrade", "warning", f"{versions}/0003_unique_email.py:5"),
    ]


def test_a_declared_irreversible_revision_is_no_fault(scenario: Scenario) -> None:
    assert found(scenario("irreversible").path) == []


@pytest.mark.parametrize(
    ("imported", "body", "expected"),
    [
        pytest.param("from seachange import irreversible", 'irreversible("gone")', ("raises", "gone"), id="called"),
        pytest.param("from seachange import irreversible as no", 'no(why="gone")', ("raises", "gone"), id="by another name"),
        pytest.param("import seachange", 'seachange.irreversible("go" + "ne")', ("raises", "gone"), id="by its module"),
        pytest.param(
            "WHY = 'gone'", "from seachange import irreversible\n    irreversible(WHY)", ("raises", "gone"), id="inside"
        ),
        pytest.param("", 'raise NotImplementedError("gone")', ("raises", "gone"), id="raised"),
        pytest.param("", "raise NotImplementedError", ("raises", ""), id="without words"),
        pytest.param("import os", "raise ValueError(os.name)", ("raises", ""), id="computed words"),
        pytest.param("def irreversible(why): ...", 'irreversible("gone")', ("present", ""), id="a function of the file"),
        pytest.param("import os", "os.getcwd()", ("present", ""), id="something else"),
    ],
)
def test_a_downgrade_that_refuses_is_read_with_its_reason(imported: str, body: str, expected: tuple[str, str]) -> None:
    source = f"{imported}\nrevision = '0001'\ndef downgrade():\n    {body}\n"

    header, _ = parse_header(source.encode(), name="0001.py")

    assert (header.downgrade, header.irreversible) == expected


def test_a_downgrade_that_refuses_without_a_reason_is_found(scenario: Scenario) -> None:
    project = scenario("irreversible")
    project.replace(
        "migrations/versions/0002_add_email.py", old='irreversible("the addresses are gone")', new="raise NotImplementedError"
    )

    (finding,) = validate(read_history(Settings(root=project.path)))

    assert (finding.code, finding.severity) == ("unexplained-downgrade", "warning")
    assert finding.where == "migrations/versions/0002_add_email.py:16"
    assert finding.message == "downgrade() of 0002 refuses and does not say why"


def test_the_reference_history_is_sound() -> None:
    assert {(code, severity) for code, severity, _ in found(REPOSITORY)} == {("sql-not-checkable", "info")}


def test_reading_a_history_imports_neither_alembic_nor_the_revisions() -> None:
    import subprocess

    code = (
        "import sys; from pathlib import Path; from seachange.config import Settings\n"
        "from seachange.revisions.history import read_history; from seachange.revisions.validate import validate\n"
        f"validate(read_history(Settings(root=Path({str(REPOSITORY)!r}))))\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'alembic', 'sqlalchemy', 'psycopg', 'app', 'mako'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "[]\n"
