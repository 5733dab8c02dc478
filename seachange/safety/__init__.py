"""What a schema change does to a database, found by asking it."""
