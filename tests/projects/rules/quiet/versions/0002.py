import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.add_column("orders", sa.Column("state", sa.Text(), server_default="open", nullable=False))
    op.add_column("orders", sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()))
    op.create_check_constraint("amount_positive", "orders", "amount > 0", postgresql_not_valid=True)
    op.create_table("notes", sa.Column("id", sa.BigInteger(), primary_key=True), sa.Column("body", sa.Text()))
    op.create_index("notes_body", "notes", ["body"])
    op.create_check_constraint("body_short", "notes", "length(body) < 1000")
    op.execute("ALTER TABLE notes ADD COLUMN number serial, ALTER COLUMN body SET NOT NULL")
