"""Tests of seachange.revisions.split: the links of a revision that becomes several."""

from __future__ import annotations

from pathlib import Path

from seachange import config
from seachange.revisions.changes import written
from seachange.revisions.history import History, read_history
from seachange.revisions.split import NewPart, Split, batches, plan_split
from tests.project import clean_environment

_TEXT = '''"""{title}

Revision ID: {revision}
Revises: {revises}
Create Date: 2026-03-09 09:00:00
"""
from alembic import op

revision = "{revision}"
down_revision = {down}
branch_labels = {labels}
depends_on = {depends}


def upgrade():
    op.execute("SELECT 1")


def downgrade():
    op.execute("SELECT 2")
'''


def _write(folder: Path, revision: str, down: str, *, labels: str = "None", depends: str = "None") -> str:
    revises = down.strip('"') if down != "None" else ""
    text = _TEXT.format(title=f"Do {revision}", revision=revision, revises=revises, down=down, labels=labels, depends=depends)
    (folder / f"{revision}_do.py").write_text(text)
    return text


def _project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n')
    versions = tmp_path / "migrations/versions"
    versions.mkdir(parents=True)
    (tmp_path / "migrations/env.py").write_text("")
    return versions


def _split(root: Path, revision: str, *parts: NewPart) -> tuple[Split, History]:
    settings = config.load(root, environ=clean_environment())
    history = read_history(settings)
    found = history.by_id[revision]
    split = plan_split(settings, history, found, text=found.path.read_text(), parts=parts)
    with written(split.changes):
        return split, read_history(settings)


def test_what_follows_a_revision_follows_its_last_part(tmp_path: Path) -> None:
    versions = _project(tmp_path)
    _write(versions, "aa11", "None", labels='("shop",)')
    text = _write(versions, "bb22", '"aa11"')
    _write(versions, "cc33", '"bb22"')

    split, after = _split(tmp_path, "bb22", NewPart(title="Validate it", text=text), NewPart(title="Set it", text=text))

    first, second, third = split.revisions
    assert first == "bb22"
    assert {name: each.down_revisions for name, each in after.by_id.items()} == {
        "aa11": (),
        "bb22": ("aa11",),
        second: ("bb22",),
        third: (second,),
        "cc33": (third,),
    }
    assert after.heads == ("cc33",)
    assert after.by_id[second].when < after.by_id[third].when
    assert after.labels("cc33") == {"shop"}
    assert f"Revises: {third}\n" in (versions / "cc33_do.py").read_text()


def test_what_depends_on_a_revision_depends_on_its_last_part_and_a_merge_joins_that(tmp_path: Path) -> None:
    versions = _project(tmp_path)
    _write(versions, "aa11", "None")
    text = _write(versions, "bb22", '"aa11"', depends='"cc33"')
    _write(versions, "cc33", '"aa11"')
    _write(versions, "dd44", '"cc33"', depends='["bb22"]')
    _write(versions, "ee55", '("bb22", "dd44")')

    split, after = _split(tmp_path, "bb22", NewPart(title="Validate it", text=text))

    last = split.revisions[-1]
    assert after.by_id["dd44"].depends_on == (last,)
    assert after.by_id["ee55"].down_revisions == (last, "dd44")
    assert after.by_id["bb22"].depends_on == ("cc33",)


def test_numbers_go_on_and_files_are_named_by_the_template(tmp_path: Path) -> None:
    versions = _project(tmp_path)
    text = _write(versions, "0001", "None")
    change = batches(table="orders", key=("id",), change="amount = 0", rows="amount IS NULL")

    split, after = _split(tmp_path, "0001", NewPart(title="Fill amount", batches=change), NewPart(title="Check it", text=text))

    assert split.revisions == ("0001", "0002", "0003")
    assert split.files == tuple(f"migrations/versions/{name}.py" for name in ("0001_do", "0002_fill_amount", "0003_check_it"))
    assert after.heads == ("0003",)
    filled = (versions / "0002_fill_amount.py").read_text()
    assert 'CHANGE = "amount = 0"\nROWS = "amount IS NULL"\n' in filled
    assert 'PROGRESS = "progress_0002"\n' in filled
