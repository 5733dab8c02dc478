from alembic import context

from offline_only_models import Base


def run_migrations_offline() -> None:
    context.configure(
        url="postgresql://shop:secret@production.invalid/shop",
        target_metadata=Base.metadata,
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
    )
    with context.begin_transaction():
        context.run_migrations()


run_migrations_offline()
