from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.execute("""
        DO $$ BEGIN
            LOOP
                UPDATE orders SET code = '-' WHERE id IN (SELECT id FROM orders WHERE code IS NULL LIMIT 1000);
                EXIT WHEN NOT FOUND;
            END LOOP;
        END $$
    """)
