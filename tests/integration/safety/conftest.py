"""Fixtures of the tests that trace: copies of scenarios, each with its own models."""

from __future__ import annotations

from tests.integration.revisions.conftest import linear, open_project

__all__ = ["linear", "open_project"]
