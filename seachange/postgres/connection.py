"""Where a database is and how to talk to it: URL and environment, sessions, whole databases, redaction."""

from __future__ import annotations

from seachange.postgres._connect import Session, connect, engine
from seachange.postgres._database import Database, from_environment, parse
from seachange.postgres._describe import ServerInfo, describe, pooler_refused, wait_until_reachable
from seachange.postgres._manage import clone_database, create_database, drop_database, exists_database, maintenance
from seachange.postgres.interrupt import interrupt_all
from seachange.postgres.redaction import redact

__all__ = [
    "Database",
    "ServerInfo",
    "Session",
    "clone_database",
    "connect",
    "create_database",
    "describe",
    "drop_database",
    "engine",
    "exists_database",
    "from_environment",
    "interrupt_all",
    "maintenance",
    "parse",
    "pooler_refused",
    "redact",
    "wait_until_reachable",
]
