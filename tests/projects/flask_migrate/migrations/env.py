from logging.config import fileConfig

from alembic import context
from clinic import current_app

config = context.config
fileConfig(config.config_file_name)
config.set_main_option("sqlalchemy.url", current_app.engine().url.render_as_string().replace("%", "%%"))


def get_metadata():
    return current_app.metadata


def run_migrations_offline():
    context.configure(url=config.get_main_option("sqlalchemy.url"), target_metadata=get_metadata(), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


def run_migrations_online():
    with current_app.engine().connect() as connection:
        context.configure(connection=connection, target_metadata=get_metadata())
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    run_migrations_offline()
else:
    run_migrations_online()
