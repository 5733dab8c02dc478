import os

from alembic import context
from services_models import Base
from sqlalchemy import create_engine

connection = context.config.attributes.get("connection") or create_engine(os.environ["DATABASE_URL"]).connect()
context.configure(connection=connection, target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
