from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    for first in range(0, 100, 50):
        op.execute(f"UPDATE orders SET code = upper(code) WHERE id > {first} AND id <= {first + 50} AND code <> upper(code)")
