"""The battery: what the tracer says of each of many statements, on every major, against the table that was reviewed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seachange.postgres.server import Server
from tests.battery import MAJORS, TRUTH, read_table, run_battery


@pytest.mark.parametrize("major", [pytest.param(major, id=f"pg{major}") for major in MAJORS])
def test_the_trace_says_what_the_table_says(server_of: Callable[[int], Server], major: int) -> None:
    expected = read_table(TRUTH.read_text(encoding="utf-8"), major)

    found = run_battery(server_of(major))

    assert {line: expected.get(line) for line in found} == found
    assert len(found) > 150
