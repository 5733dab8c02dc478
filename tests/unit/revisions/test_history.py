"""History: reading revision files of several locations into one order."""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, RevisionUnknownError
from seachange.revisions.history import read_history
from tests.project import Project

Write = Callable[..., Settings]

REVISION = """{docstring}

revision = "{id}"
down_revision = {down}
{extra}

def upgrade():
    print(1)


def downgrade():
    print(2)
"""


def revision(name: str, down: str = "None", *, title: str = "Title", created: str = "2024-01-01", extra: str = "") -> str:
    docstring = f'"""{title}\n\nRevision ID: {name}\nCreate Date: {created}\n"""'
    return REVISION.format(docstring=docstring, id=name, down=down, extra=extra)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a project's files and return its settings."""

    def written(files: dict[str, str], *, alembic: str = 'script_location = "%(here)s/migrations"') -> Settings:
        (tmp_path / "pyproject.toml").write_text(f"[tool.alembic]\n{alembic}\n")
        for name, text in {"migrations/env.py": "", **files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "migrations" / "versions").mkdir(parents=True, exist_ok=True)
        return Settings(root=tmp_path)

    return written


def ids(settings: Settings) -> list[str]:
    return [each.revision for each in read_history(settings).revisions]


def test_two_locations_make_one_order(write: Write) -> None:
    settings = write(
        {
            "old/1749000000000-First.py": revision("1749000000000"),
            "new/1750000000000-Second.py": revision("1750000000000", '"1749000000000"'),
            "old/1750200000000-Third.py": revision("1750200000000", '"1750000000000"'),
        },
        alembic='script_location = "%(here)s/migrations"\nversion_locations = ["%(here)s/old", "%(here)s/new"]',
    )

    history = read_history(settings)

    assert [(each.revision, each.location) for each in history.revisions] == [
        ("1749000000000", "old"),
        ("1750000000000", "new"),
        ("1750200000000", "old"),
    ]
    assert (history.bases, history.heads, history.findings) == (("1749000000000",), ("1750200000000",), ())


def test_ties_between_branches_are_ordered_by_timestamp(write: Write) -> None:
    settings = write(
        {
            "migrations/versions/base.py": revision("base"),
            "migrations/versions/a.py": revision("a", '"base"', created="2024-03-01 10:00:00"),
            "migrations/versions/b.py": revision("b", '"base"', created="2024-02-01 10:00:00"),
            "migrations/versions/m.py": revision("m", '("a", "b")', created="2024-04-01"),
        }
    )

    assert ids(settings) == ["base", "b", "a", "m"]


def test_a_revision_comes_after_what_it_depends_on_by_branch_label(write: Write) -> None:
    settings = write(
        {
            "migrations/versions/a.py": revision("a", created="2020-01-01", extra='depends_on = "other"'),
            "migrations/versions/b.py": revision("b", created="2024-01-01", extra='branch_labels = ["other"]'),
        }
    )

    assert [each.revision for each in read_history(settings).ancestors(["a"])] == ["b", "a"]


def test_the_header_is_read_from_the_file(write: Write) -> None:
    text = revision("abc", "None", title="Create clients,\nand index them", created="2024-05-06 07:08:09.5+02:00")
    settings = write({"migrations/versions/abc_clients.py": text.replace('revision = "abc"', 'revision: str = "ab" + "c"')})

    (found,) = read_history(settings).revisions

    expected = datetime.datetime(2024, 5, 6, 5, 8, 9, 500_000, tzinfo=datetime.UTC)
    assert (found.revision, found.title, found.created) == ("abc", "Create clients, and index them", expected)


@pytest.mark.parametrize(
    ("upgrade", "downgrade", "expected"),
    [
        pytest.param("print(1)", "print(2)", ("present", "present", True), id="both do something"),
        pytest.param("print(1)", "pass", ("present", "empty", False), id="downgrade that does nothing"),
        pytest.param("print(1)", '"""Gone."""\n    raise RuntimeError', ("present", "raises", False), id="downgrade that raises"),
        pytest.param("pass", "return", ("empty", "empty", True), id="nothing to undo"),
    ],
)
def test_reversible_is_what_has_a_working_downgrade(
    write: Write, upgrade: str, downgrade: str, expected: tuple[str, str, bool]
) -> None:
    text = revision("a").replace("print(1)", upgrade).replace("print(2)", downgrade)

    (found,) = read_history(write({"migrations/versions/a.py": text})).revisions

    assert (found.upgrade, found.downgrade, found.reversible) == expected


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        pytest.param("1749000001000-FixUserPhoneColumn.py", 1_749_000_001_000, id="TypeORM's milliseconds"),
        pytest.param("1749000001_fix.py", 1_749_000_001_000, id="epoch seconds"),
        pytest.param("2025_06_04_0120-ab12_fix.py", 1_749_000_000_000, id="Alembic's date template"),
        pytest.param("20250604012000_fix.py", 1_749_000_000_000, id="date and time without separators"),
        pytest.param("20250604_fix.py", None, id="a day alone is no order"),
        pytest.param("1749000001ab_fix.py", None, id="hexadecimal id that begins with ten digits"),
        pytest.param("20251399120000_fix.py", None, id="no such date"),
    ],
)
def test_the_time_of_a_file_name_is_read(write: Write, name: str, stamp: int | None) -> None:
    (found,) = read_history(write({f"migrations/versions/{name}": revision("x")})).revisions

    assert found.stamp == stamp


def test_alembic_ini_wins_over_pyproject_and_its_separator_counts(write: Write, tmp_path: Path) -> None:
    settings = write({"one/a.py": revision("a"), "two/b.py": revision("b", '"a"')})
    locations = os.pathsep.join(["%(here)s/one", "two"])
    (tmp_path / "alembic.ini").write_text(
        f"[alembic]\nscript_location = migrations\nversion_locations = {locations}\npath_separator = os\n"
        "file_template = %%(rev)s-%%(slug)s\n"
    )

    history = read_history(settings)

    assert [each.revision for each in history.revisions] == ["a", "b"]
    assert history.file_template == "%(rev)s-%(slug)s"


def test_alembic_ini_without_separator_splits_at_spaces_and_commas(write: Write, tmp_path: Path) -> None:
    settings = write({"one/a.py": revision("a"), "two/b.py": revision("b", '"a"'), "three/c.py": revision("c", '"b"')})
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\nversion_locations = one, two three\n")

    assert ids(settings) == ["a", "b", "c"]


def test_a_separator_is_only_read_where_alembic_reads_it(write: Write, tmp_path: Path) -> None:
    settings = write({"migrations/versions/a.py": revision("a")})
    (tmp_path / "alembic.ini").write_text(
        "[alembic]\nscript_location = migrations\nprepend_sys_path = .\nversion_path_separator = os  # as alembic init wrote it\n"
    )

    assert ids(settings) == ["a"]


def test_a_location_in_a_package_is_found_below_the_root(write: Write) -> None:
    settings = write(
        {"shop/__init__.py": "", "shop/db/env.py": "", "shop/db/versions/a.py": revision("a")},
        alembic='script_location = "shop:db"',
    )

    assert ids(settings) == ["a"]


@pytest.mark.parametrize(("recursive", "expected"), [("true", ["a", "b"]), ("false", ["a"])])
def test_subfolders_count_only_when_alembic_is_told_so(write: Write, recursive: str, expected: list[str]) -> None:
    settings = write(
        {"migrations/versions/a.py": revision("a"), "migrations/versions/2024/b.py": revision("b", '"a"')},
        alembic=f'script_location = "%(here)s/migrations"\nrecursive_version_locations = {recursive}',
    )

    assert ids(settings) == expected


def test_an_ini_file_elsewhere_is_named_by_a_setting(write: Write, tmp_path: Path) -> None:
    settings = write({"deploy/db/versions/a.py": revision("a"), "deploy/db/env.py": ""}, alembic="")
    (tmp_path / "deploy/db.ini").write_text("[alembic]\nscript_location = %(here)s/db\n")

    assert ids(dataclasses.replace(settings, alembic_ini="deploy/db.ini")) == ["a"]


def test_an_ini_file_of_flask_migrate_stands_in_the_script_location(write: Write, tmp_path: Path) -> None:
    settings = write({"migrations/versions/a.py": revision("a")}, alembic="")
    (tmp_path / "migrations/alembic.ini").write_text("[alembic]\n")

    assert ids(dataclasses.replace(settings, alembic_ini="migrations/alembic.ini")) == ["a"]


def test_a_named_ini_file_that_is_missing_is_said(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"alembic_ini is deploy/db\.ini, but there is no file"):
        read_history(dataclasses.replace(write({}), alembic_ini="deploy/db.ini"))


def test_without_script_location_the_error_says_what_to_add(write: Write, tmp_path: Path) -> None:
    settings = write({}, alembic="")

    with pytest.raises(ConfigError) as caught:
        read_history(settings)

    assert caught.value.hint == 'add script_location = "%(here)s/migrations" to [tool.alembic]'


def test_a_lone_percent_sign_is_an_error_with_its_remedy(write: Write) -> None:
    settings = write({}, alembic='script_location = "100%"')

    with pytest.raises(ConfigError, match="script_location cannot be read"):
        read_history(settings)


def test_keys_change_with_any_ancestor_and_with_nothing_later(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    settings = Settings(root=project.path)
    before = read_history(settings)
    project.replace("migrations/versions/0002_add_email.py", old="String(120)", new="String(200)")

    after = read_history(settings)

    changed = [before.key(name) != after.key(name) for name in (None, "0001", "0002", "0003")]
    assert changed == [False, False, True, True]
    assert after.keys(["0003"]) == tuple(after.key(name) for name in (None, "0001", "0002", "0003"))


def test_keys_change_with_the_modules_of_the_project_that_a_revision_imports(write: Write, tmp_path: Path) -> None:
    text = revision("a", extra="from shop.models import Base")
    settings = write({"migrations/versions/a.py": text, "shop/__init__.py": "", "shop/models.py": "from shop import types"})
    (tmp_path / "shop" / "types.py").write_text("X = 1")
    before = read_history(settings).key("a")
    (tmp_path / "shop" / "types.py").write_text("X = 2")

    assert read_history(settings).key("a") != before


def test_keys_change_with_a_data_file_beside_the_revisions(write: Write, tmp_path: Path) -> None:
    settings = write({"migrations/versions/a.py": revision("a"), "migrations/sql/views.sql": "SELECT 1"})
    before = read_history(settings).key("a")
    (tmp_path / "migrations" / "sql" / "views.sql").write_text("SELECT 2")

    assert read_history(settings).key("a") != before


def test_between_gives_what_is_pending_in_order(scenario: Callable[[str], Project]) -> None:
    history = read_history(Settings(root=scenario("branches").path))

    assert [each.revision for each in history.between(["b1"], history.heads)] == ["c1", "d1", "x1", "x2"]
    assert [each.revision for each in history.between(["b1"], ["d1"])] == ["c1", "d1"]


def test_find_takes_a_unique_prefix_and_names_the_nearest_otherwise(scenario: Callable[[str], Project]) -> None:
    history = read_history(Settings(root=scenario("linear").path))

    assert history.find("0002").revision == "0002"
    with pytest.raises(RevisionUnknownError, match="ambiguous: 0001, 0002, 0003 begin so"):
        history.find("000")
    with pytest.raises(RevisionUnknownError) as caught:
        history.find("0003x")
    assert caught.value.hint == "did you mean 0003?"
