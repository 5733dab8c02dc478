from alembic import context
from sqlalchemy import engine_from_config, pool

from locations_models import Base

config = context.config
names = {"version_table": "_".join(["shop", "versions"]), "version_table_schema": "meta"}
connectable = engine_from_config(config.get_section(config.config_ini_section, {}), prefix="sqlalchemy.", poolclass=pool.NullPool)

with connectable.connect() as connection:
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS meta")
    connection.commit()
    context.configure(connection=connection, target_metadata=Base.metadata, **names)
    with context.begin_transaction():
        context.run_migrations()
