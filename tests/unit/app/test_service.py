"""What the web service refuses before it asks a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.service import application
from seachange import config
from tests.asgi import Client
from tests.project import REPOSITORY


@pytest.fixture
def client() -> Iterator[Client]:
    """The service with a database that nobody can reach."""
    settings = config.load(REPOSITORY, environ={"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    with Client(application(settings)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "error"),
    [
        pytest.param(
            "/appointments?state=done",
            "state is 'done'; it must be one of pending, confirmed, in_progress, completed, cancelled, no_show",
            id="unknown state",
        ),
        pytest.param(
            "/appointments?state=",
            "state is ''; it must be one of pending, confirmed, in_progress, completed, cancelled, no_show",
            id="empty state",
        ),
        pytest.param("/appointments?limit=0", "limit is '0'; it must be a whole number from 1 to 500", id="limit of nothing"),
        pytest.param("/appointments?limit=501", "limit is '501'; it must be a whole number from 1 to 500", id="large limit"),
        pytest.param("/appointments?limit=-1", "limit is '-1'; it must be a whole number from 1 to 500", id="negative limit"),
        pytest.param("/appointments?limit=ten", "limit is 'ten'; it must be a whole number from 1 to 500", id="word"),
        pytest.param("/appointments?limit=²", "limit is '²'; it must be a whole number from 1 to 500", id="digit that is none"),
        pytest.param("/appointments?limit=1&limit=2", "parameter limit is given twice", id="twice"),
        pytest.param("/appointments?status=pending", "unknown parameter 'status'; known are: state, limit", id="other name"),
        pytest.param("/pets/1?full=yes", "unknown parameter 'full'; known are: none", id="parameter where none is"),
    ],
)
def test_a_bad_parameter_is_named_with_what_would_be_right(client: Client, path: str, error: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (400, {"error": error})


@pytest.mark.parametrize("path", ["/", "/pets", "/pets/", "/pets/1/records", "/appointments/1", "/favicon.ico"])
def test_other_paths_are_not_found_as_json(client: Client, path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})
