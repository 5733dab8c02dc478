from alembic import context
from sqlalchemy import create_engine

from shop.models import Base

with create_engine("postgresql+psycopg://shop:secret@production.invalid/shop").connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
