from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE TRIGGER touch BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch()")
