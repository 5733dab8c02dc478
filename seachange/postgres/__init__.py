"""Talking to PostgreSQL servers; knows nothing of migrations."""
