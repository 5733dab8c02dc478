"""Statistics of tables as a file."""

from __future__ import annotations

import pytest

from seachange.errors import ConfigError
from seachange.safety.statistics import Statistics, TableStatistics


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("{", "stats.json: no JSON: ", id="no JSON"),
        pytest.param("[]", "stats.json: schema is None, not 'seachange.statistics/1'", id="a list"),
        pytest.param(
            '{"schema": "seachange.statistics/2"}', "stats.json: schema is 'seachange.statistics/2'", id="another version"
        ),
        pytest.param('{"schema": "seachange.statistics/1"}', "it says seachange.statistics/1, but is none", id="empty"),
        pytest.param(
            '{"schema": "seachange.statistics/1", "tables": {"t": 1}}',
            "it says seachange.statistics/1, but is none",
            id="no table",
        ),
    ],
)
def test_a_file_that_holds_no_statistics_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Statistics.from_json(text, source="stats.json")

    assert message in caught.value.message
    assert "invoke db.stats --export" in caught.value.hint


def test_fields_of_a_later_version_are_passed_over() -> None:
    text = (
        '{"schema": "seachange.statistics/1", "source": "", "since": "", "created": "", "indexes": {},'
        ' "tables": {"public.t": {"rows": 5, "bytes": 8192, "colour": "blue"}}}'
    )

    assert Statistics.from_json(text).tables == {"public.t": TableStatistics(rows=5, bytes=8192)}
