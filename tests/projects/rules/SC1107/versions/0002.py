from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("CREATE FUNCTION total() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT sum(amount) FROM public.orders'")
    op.execute("CREATE FUNCTION safe() RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp AS 'SELECT 1'")
