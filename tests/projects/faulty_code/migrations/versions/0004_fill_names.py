"""Fill names by way of the live models, commit in between, and delete a table that is only known at run time."""

import os

from alembic import op
from faulty_code_models import Base

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(Base.metadata.tables["clients"].update().values(name="Ada"))
    op.execute("COMMIT")
    op.get_bind().commit()
    op.execute(f"DROP TABLE IF EXISTS {os.environ['OLD_TABLE']}")


def downgrade() -> None:
    raise NotImplementedError("the names are gone")
