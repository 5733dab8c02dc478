"""Which changes of type lose something, and in what way."""

from __future__ import annotations

import pytest

from seachange.safety.rules._narrowing import narrowing


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("character varying(50)", "character varying(20)", "longer than 20", id="shorter varchar"),
        pytest.param("text", "character varying(20)", "longer than 20", id="text to varchar"),
        pytest.param("character varying", "character(3)", "longer than 3", id="varchar to char"),
        pytest.param("bigint", "integer", "out of the range", id="smaller integer"),
        pytest.param("numeric(10,2)", "integer", "fractions are rounded", id="numeric to integer"),
        pytest.param("numeric(12,4)", "numeric(12,2)", "digits after the first 2", id="smaller scale"),
        pytest.param("numeric(12,2)", "numeric(10,2)", "more than 8 digits", id="smaller precision"),
        pytest.param("numeric", "numeric(10,2)", "more than 8 digits", id="numeric gets limits"),
        pytest.param("bigint", "numeric(10,0)", "more than 10 digits", id="bigint to a short numeric"),
        pytest.param("double precision", "real", "digits after the first 6", id="smaller float"),
        pytest.param("bigint", "double precision", "digits after the first 15", id="bigint to float"),
        pytest.param("timestamp with time zone", "date", "time of day", id="timestamp to date"),
        pytest.param("timestamp with time zone", "timestamp without time zone", "instant", id="zone lost"),
        pytest.param("timestamp(6) with time zone", "timestamp(0) with time zone", "after 0 digits", id="fewer fractions"),
        pytest.param("timestamp with time zone", "timestamp(3) with time zone", "after 3 digits", id="fractions limited"),
    ],
)
def test_what_is_lost_is_said(before: str, after: str, expected: str) -> None:
    assert expected in narrowing(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("character varying(20)", "character varying(50)", id="longer"),
        pytest.param("character varying(20)", "text", id="unlimited"),
        pytest.param("integer", "bigint", id="larger integer"),
        pytest.param("integer", "numeric(12,2)", id="integer to a wide numeric"),
        pytest.param("numeric(10,2)", "numeric(12,2)", id="larger precision"),
        pytest.param("numeric(10,2)", "numeric", id="no limits"),
        pytest.param("integer", "double precision", id="integer to float"),
        pytest.param("timestamp without time zone", "timestamp with time zone", id="zone gained"),
        pytest.param("timestamp(0) with time zone", "timestamp with time zone", id="more fractions"),
        pytest.param("date", "timestamp with time zone", id="date to timestamp"),
        pytest.param("public.state", "text", id="enum to text"),
        pytest.param("jsonb", "json", id="other types"),
        pytest.param("interval", "interval(6)", id="fractions as before"),
    ],
)
def test_nothing_is_said_where_nothing_is_lost(before: str, after: str) -> None:
    assert narrowing(before, after) == ""
