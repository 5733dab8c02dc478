"""Alembic's environment: takes the connection that it is handed; plain `alembic` connects by DATABASE_URL."""

from __future__ import annotations

import logging
import os

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from app.models import Base


def migrate(connection: Connection) -> None:
    """Run what Alembic was asked for on an open connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_by_url() -> None:
    """Connect as the settings say: DATABASE_URL or the PG* variables, with the project's timeouts."""
    from seachange import config
    from seachange.postgres import connection

    logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)
    settings = config.load()
    environ = {**os.environ, **settings.environment}
    database = connection.from_environment(environ)
    if database is None:
        raise CommandError("no database: set DATABASE_URL (`invoke db.url` prints that of the development server)")
    engine = connection.engine(
        database,
        application_name="alembic",
        lock_timeout_ms=settings.session_lock_timeout,
        statement_timeout_ms=settings.session_statement_timeout,
    )
    with engine.connect() as opened:
        migrate(opened)


def write_sql() -> None:
    """Print SQL instead of running it (`alembic upgrade --sql`)."""
    context.configure(
        dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    write_sql()
elif (handed := context.config.attributes.get("connection")) is not None:
    migrate(handed)
else:
    migrate_by_url()
