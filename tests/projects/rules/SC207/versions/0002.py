from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_exclude_constraint("bookings_apart", "bookings", ("during", "&&"), using="gist")
