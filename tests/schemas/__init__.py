"""Schemas for tests, as SQL."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CLINIC", "NASTY"]

_HERE = Path(__file__).parent

#: One of everything that a schema reader can stumble over, on PostgreSQL 14 and later.
NASTY = (_HERE / "nasty.sql").read_text(encoding="utf-8")

#: A few ordinary tables.
CLINIC = (_HERE / "clinic.sql").read_text(encoding="utf-8")
