from alembic import context
from sqlalchemy import create_engine, event, text

from search_path_models import Base

engine = create_engine("postgresql+psycopg://shop:secret@production.invalid/shop")


@event.listens_for(engine, "connect")
def set_search_path(dbapi_connection, connection_record) -> None:
    with dbapi_connection.cursor() as cursor:
        cursor.execute("SET search_path TO shop, public")
    dbapi_connection.commit()


with engine.connect() as connection:
    # Begins a transaction: plain Alembic leaves it to env.py to commit what follows.
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS shop"))
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
