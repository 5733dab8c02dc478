"""Schemas for tests, as SQL."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["CLINIC", "NASTY", "PORTABLE", "VIEWS"]

_HERE = Path(__file__).parent

#: One of everything that a schema reader can stumble over, on PostgreSQL 14 and later.
NASTY = (_HERE / "nasty.sql").read_text(encoding="utf-8")

#: The same without extensions, which not every build of PostgreSQL carries.
PORTABLE = re.sub(r"CREATE EXTENSION .*|client_id WITH =, ", "", NASTY).replace("citext", "text")

#: A few ordinary tables.
CLINIC = (_HERE / "clinic.sql").read_text(encoding="utf-8")

#: Queries, functions and definitions that versions of PostgreSQL print in different ways.
VIEWS = (_HERE / "views.sql").read_text(encoding="utf-8")
