from alembic import context
from sqlalchemy import create_engine, text

from transaction_begun_models import Base

engine = create_engine("postgresql+psycopg2://shop:secret@production.invalid/shop").execution_options(
    schema_translate_map={"per_customer": "shop"}
)

with engine.connect() as connection, connection.begin():
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
    connection.execute(text("SET LOCAL search_path TO shop"))
    context.configure(connection=connection, target_metadata=Base.metadata)
    context.run_migrations()
