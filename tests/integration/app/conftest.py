"""Databases at the head of the reference history, copied from one that is built once a session."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from seachange.postgres.connection import Database, clone_database, create_database, drop_database
from seachange.postgres.server import Server
from tests.integration.app._history import before, upgrade


@pytest.fixture(scope="session")
def template_of(server_of: Callable[[int], Server]) -> Iterator[Callable[[Server], Database]]:
    """A database at head on each server that is asked for, which nobody connects to."""
    del server_of  # asked for so that the servers outlive the templates
    templates: dict[int, Database] = {}

    def built(server: Server) -> Database:
        if id(server) not in templates:
            templates[id(server)] = create_database(server.database(f"head_{uuid.uuid4().hex[:12]}"))
            upgrade(templates[id(server)])
        return templates[id(server)]

    yield built
    for template in templates.values():
        drop_database(template, force=True)


@pytest.fixture
def clinic_on(template_of: Callable[[Server], Database]) -> Iterator[Callable[[Server], Database]]:
    """Databases at head, dropped after the test."""
    made: list[Database] = []

    def cloned(server: Server) -> Database:
        made.append(clone_database(template_of(server), f"clinic_{uuid.uuid4().hex[:12]}"))
        return made[-1]

    yield cloned
    for database in made:
        drop_database(database, force=True)


@pytest.fixture
def clinic(clinic_on: Callable[[Server], Database], server: Server) -> Database:
    """A database at head on the newest server."""
    return clinic_on(server)


@pytest.fixture
def at(database: Database) -> Callable[[str], Database]:
    """A database just before a revision."""

    def prepared(revision: str) -> Database:
        upgrade(database, before(revision))
        return database

    return prepared
