"""Models of SQLAlchemy by sqlacodegen: made in a process of its own, accepted only if Alembic finds no difference."""
