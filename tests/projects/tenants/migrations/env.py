from alembic import context
from sqlalchemy import create_engine, text

from tenants_models import Base
from tenants_names import TENANTS

engine = create_engine("postgresql+psycopg://shop:secret@production.invalid/shop")

with engine.connect() as connection:
    for tenant in TENANTS:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {tenant}"))
        connection.execute(text(f"SET search_path TO {tenant}"))
        connection.commit()
        connection.dialect.default_schema_name = tenant
        context.configure(connection=connection, target_metadata=Base.metadata, version_table_schema=tenant)
        with context.begin_transaction():
            context.run_migrations()
