"""Tests that run commands the way a user would."""
