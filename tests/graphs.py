"""Projects with generated histories: whole graphs of revisions written as the files that Alembic reads."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path

__all__ = ["Node", "write_history", "write_project"]

_BEGIN = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)

_FILE = '''"""Make table t{number}.

Revision ID: {revision}
Revises: {down}
Create Date: {created}
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "{revision}"
down_revision: str | tuple[str, ...] | None = {down!r}
branch_labels: tuple[str, ...] | None = {labels!r}
depends_on: tuple[str, ...] | None = {depends_on!r}


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "t{number}",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_t{number}_name"), "t{number}", ["name"], unique=False)
{upgrade}

def downgrade() -> None:
    """Go back."""
    op.drop_index(op.f("ix_t{number}_name"), table_name="t{number}")
    op.drop_table("t{number}")
{downgrade}'''


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """One revision of a generated history; ``upgrade`` and ``downgrade`` are lines of code besides those that each has."""

    revision: str
    down: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    number: int = 0
    upgrade: str = ""
    downgrade: str = ""

    @property
    def text(self) -> str:
        """The text of its file."""
        down = self.down[0] if len(self.down) == 1 else self.down or None
        return _FILE.format(
            number=self.number,
            revision=self.revision,
            down=down,
            created=_BEGIN + datetime.timedelta(minutes=self.number),
            labels=self.labels or None,
            depends_on=self.depends_on or None,
            upgrade=f"    {self.upgrade}\n" if self.upgrade else "",
            downgrade=f"    {self.downgrade}\n" if self.downgrade else "",
        )


def write_project(root: Path, nodes: Iterable[Node]) -> Path:
    """Write a project with these revisions; return the folder of its revision files.

    :param root: a folder that is empty or does not exist yet.
    :param nodes: the revisions.
    """
    versions = root / "migrations" / "versions"
    versions.mkdir(parents=True)
    (root / "pyproject.toml").write_text('[tool.alembic]\nscript_location = "%(here)s/migrations"\n\n[tool.seachange]\n')
    (root / "tasks.py").write_text(
        "from invoke import Collection\nfrom seachange.tasks import db, migration\n\nns = Collection(db, migration)\n"
    )
    (root / "migrations" / "env.py").write_text("")
    for node in nodes:
        (versions / f"{node.revision}_make_table_t{node.number}.py").write_text(node.text)
    return versions


def write_history(root: Path, length: int) -> Path:
    """Write a project with a long history: one chain, in every hundred a branch of three and its merge, in each fifth some SQL.

    :param root: a folder that is empty or does not exist yet.
    :param length: how many revisions.
    """
    nodes = []
    for number in range(length):
        begin, place = number - number % 100, number % 100
        after = {51: [begin + 49], 52: [begin + 49], 53: [begin + 50, begin + 51, begin + 52]}.get(place, [number - 1])
        sql = f'op.execute("UPDATE t{number} SET name = lower(name) WHERE name IS NOT NULL")' if number % 5 == 0 else ""
        down = tuple(f"{each:012x}" for each in after) if number else ()
        nodes.append(Node(revision=f"{number:012x}", down=down, number=number, upgrade=sql))
    return write_project(root, nodes)
