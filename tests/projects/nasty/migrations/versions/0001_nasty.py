"""One of everything."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _run("schema.sql")


def downgrade() -> None:
    _run("nothing.sql")


def _run(name: str) -> None:
    script = (Path(__file__).parent.parent / name).read_text(encoding="utf-8")
    # A colon begins a parameter otherwise.
    op.execute(script.replace(":", r"\:"))
