"""Alembic: the revision graph and running it."""
