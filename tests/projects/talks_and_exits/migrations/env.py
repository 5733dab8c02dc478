import logging
import logging.config
import os
import sys

from alembic import context
from talks_and_exits_models import Base

print("shop: migrating")
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, force=True)
logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
        "root": {"level": "DEBUG", "handlers": ["out"]},
    }
)
logging.getLogger("shop").warning("logging is configured")
print("shop: configured")
if os.environ.get("SHOP_TIER") == "none":
    print("no tier")
    sys.exit(3)

context.configure(connection=context.config.attributes.get("connection"), target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
print("shop: done")
sys.exit(0)
