"""Tests without a server; the files mirror the modules."""
