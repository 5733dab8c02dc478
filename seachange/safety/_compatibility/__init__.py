"""What code of another commit needs of a schema: its statements, prepared on the schema; what is left of what it relied on."""
