"""Schemas for tests, as SQL."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["CLINIC", "DRIVER", "NASTY", "PORTABLE", "SYNC", "VIEWS"]

_HERE = Path(__file__).parent

#: One of everything that a schema reader can stumble over, on PostgreSQL 14 and later.
NASTY = (_HERE / "nasty.sql").read_text(encoding="utf-8")

#: The same without extensions, which not every build of PostgreSQL carries.
PORTABLE = re.sub(r"CREATE EXTENSION .*|client_id WITH =, ", "", NASTY).replace("citext", "text")

#: What the targets of sync describe: names, defaults and relations as well; the project tests/projects/nasty makes it.
SYNC = (_HERE.parent / "projects" / "nasty" / "migrations" / "schema.sql").read_text(encoding="utf-8")

#: A few ordinary tables.
CLINIC = (_HERE / "clinic.sql").read_text(encoding="utf-8")

#: Queries, functions and definitions that versions of PostgreSQL print in different ways.
VIEWS = (_HERE / "views.sql").read_text(encoding="utf-8")

#: Beside NASTY: a column of every type that a driver may deliver in its own way, and rows.
DRIVER = (_HERE / "driver.sql").read_text(encoding="utf-8")
