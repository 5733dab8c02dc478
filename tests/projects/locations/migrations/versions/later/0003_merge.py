"""Join the two."""

revision = "0003"
down_revision = ("0002", "b001")


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
