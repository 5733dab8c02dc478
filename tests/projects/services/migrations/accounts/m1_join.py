"""Join accounts and billing."""

revision = "m1"
down_revision = ("a2", "b1")


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
