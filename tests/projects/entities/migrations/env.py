from alembic import context
from alembic_utils.replaceable_entity import register_entities
from entities_models import Base
from entities_views import ENTITIES

register_entities(ENTITIES)

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
