"""Artefacts for other consumers of the database, from its catalogue."""
