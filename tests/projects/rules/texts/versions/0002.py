from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("""
        ALTER TABLE orders ADD COLUMN note text, ALTER COLUMN id TYPE numeric;
        ALTER TABLE customers ADD COLUMN token uuid DEFAULT gen_random_uuid();
        CREATE INDEX customers_name ON customers (name);
        CREATE TABLE letters (id serial PRIMARY KEY, body text);
        CREATE INDEX letters_body ON letters (body);
    """)
