from alembic import context
from nasty_models import Base


def known(_object, _name, _type, reflected, model):
    # The schema is written by hand; only what the models know is compared with them.
    return not reflected or model is not None


context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, include_object=known
)
with context.begin_transaction():
    context.run_migrations()
