"""Times as PostgreSQL prints them."""

from __future__ import annotations

import pytest

from seachange.safety.environment import Environment, milliseconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("0", 0, id="off"),
        pytest.param("200ms", 200, id="milliseconds"),
        pytest.param("2s", 2_000, id="seconds"),
        pytest.param("1min", 60_000, id="minutes"),
        pytest.param("1.5h", 5_400_000, id="half an hour more"),
        pytest.param("1d", 86_400_000, id="days"),
        pytest.param("500us", 0.5, id="microseconds"),
        pytest.param("-1", -1, id="for ever"),
    ],
)
def test_a_time_is_read_with_its_unit(value: str, expected: float) -> None:
    assert milliseconds(value) == expected


def test_what_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="'8 MB' is not a time"):
        milliseconds("8 MB")


def test_a_setting_that_the_server_lacks_has_no_time() -> None:
    environment = Environment(version=140000, settings={"lock_timeout": "2s"})

    assert environment.milliseconds("lock_timeout") == 2_000
    assert environment.milliseconds("transaction_timeout") is None
