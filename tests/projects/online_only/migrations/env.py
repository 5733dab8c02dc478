import asyncio

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

from online_only_models import Base

target_metadata = Base.metadata
version_table = "_".join(["shop", "version"])


def run(connection) -> None:
    context.configure(connection=connection, target_metadata=target_metadata, version_table=version_table)
    with context.begin_transaction():
        context.run_migrations()


async def run_migrations_online() -> None:
    engine = create_async_engine("postgresql+asyncpg://shop:secret@production.invalid/shop")
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(run_migrations_online())
