import alembic_postgresql_enum  # noqa: F401
from alembic import context
from enum_plugin_models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
