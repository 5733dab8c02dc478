"""Backups: make, list, restore, retain."""
