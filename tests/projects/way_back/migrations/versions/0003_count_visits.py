"""Fail where a client has the name poison, as something that only the real rows show."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE TABLE totals (client_id int PRIMARY KEY, visits int NOT NULL)")
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM clients WHERE name = 'poison') "
        "THEN RAISE EXCEPTION 'a client named poison'; END IF; END $$"
    )


def downgrade() -> None:
    op.execute("DROP TABLE totals")
