"""Fixtures of the tests that trace: copies of scenarios, each with its own models."""

from __future__ import annotations

from tests.integration.revisions.conftest import _own_modules, linear, open_project

__all__ = ["_own_modules", "linear", "open_project"]
