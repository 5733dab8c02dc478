"""Fixtures of the tests that run histories."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seachange import config
from seachange.config import Settings
from tests.integration.revisions.generating import Change
from tests.project import Project, clean_environment

Open = Callable[..., Settings]


@pytest.fixture
def open_project(scenario: Callable[[str], Project]) -> Open:
    """Copy a scenario and return its settings; further arguments are settings as flags."""

    def opened(name: str, **flags: object) -> Settings:
        return config.load(scenario(name).path, flags=flags, environ=clean_environment())

    return opened


@pytest.fixture
def linear(open_project: Open) -> Settings:
    """Three revisions and models that equal them."""
    return open_project("linear")


@pytest.fixture
def models(linear: Settings) -> Change:
    """Change the models of that project: replace a text that is there once."""

    def changed(old: str, new: str) -> None:
        path = linear.root / "linear_models.py"
        text = path.read_text()
        assert text.count(old) == 1
        imports = "import datetime\nfrom sqlalchemy import *\nfrom sqlalchemy.dialects.postgresql import *\n"
        path.write_text(imports + text.replace(old, new))

    return changed
