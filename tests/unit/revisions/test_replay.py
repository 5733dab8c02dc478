"""What a revision sends again is held against what is recorded of it."""

from __future__ import annotations

import pytest

from seachange.errors import RefusedError
from seachange.revisions._replay import Replay
from seachange.revisions._statement_table import Recorded


def record(number: int, text: str, values: str = "", *, state: str = "done", alone: bool = True) -> Recorded:
    return Recorded(
        revision="0001",
        direction="upgrade",
        number=number,
        state="begun" if state == "begun" else "done",
        sql=text,
        text_hash=text,
        values_hash=values,
        alone=alone,
    )


def sent(replay: Replay, *statements: tuple[str, str]) -> list[int]:
    """Return the numbers of the records of what is sent, 0 where there is none."""
    found = (replay.find(text, text_hash=text, values_hash=values) for text, values in statements)
    return [one.number if one else 0 for one in found]


@pytest.mark.parametrize(
    ("recorded", "statements", "expected"),
    [
        pytest.param([record(1, "a"), record(2, "b")], [("a", ""), ("b", ""), ("c", "")], [1, 2, 0], id="in order"),
        pytest.param([record(1, "a"), record(2, "a")], [("a", ""), ("a", ""), ("a", "")], [1, 2, 0], id="a text twice"),
        pytest.param([record(1, "a", "1"), record(2, "a", "2"), record(3, "b")], [("a", "9"), ("b", "")], [0, 3], id="a loop"),
        pytest.param([record(1, "a", "1", alone=False)], [("a", "2")], [1], id="a clock in a transaction"),
        pytest.param([record(1, "a"), record(2, "b", state="begun")], [("a", ""), ("c", "")], [1, 0], id="begun only"),
    ],
)
def test_what_is_recorded_is_found(recorded: list[Recorded], statements: list[tuple[str, str]], expected: list[int]) -> None:
    assert sent(Replay(recorded), *statements) == expected


@pytest.mark.parametrize(
    ("recorded", "statement"),
    [
        pytest.param([record(1, "a")], ("b", ""), id="another statement"),
        pytest.param([record(1, "a", "1")], ("a", "2"), id="other values of one that stood alone"),
    ],
)
def test_another_statement_in_its_place_is_refused(recorded: list[Recorded], statement: tuple[str, str]) -> None:
    with pytest.raises(RefusedError, match="its file was changed since: statement 1 was 'a', and is now"):
        sent(Replay(recorded), statement)
