"""Models of SQLAlchemy and SQLModel from real servers; what is generated is imported in processes of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from seachange.config import Settings
from seachange.postgres.catalog import Catalog, read_catalog
from seachange.postgres.connection import Database, connect
from seachange.postgres.server import Server
from seachange.sync import SyncedFile, sync
from seachange.testing.fixtures import fresh_database
from tests.schemas import NASTY

pytest.importorskip("sqlacodegen")

_TARGETS = ("models", "dataclasses", "sqlmodel")

# What declares the models of the file that is named first, in the database of DATABASE_URL.
_CREATE = """
import os, runpy, sqlalchemy
names = runpy.run_path(os.environ["MODELS"], run_name="generated")
metadata = names["SQLModel" if "SQLModel" in names else "Base"].metadata
engine = sqlalchemy.create_engine(os.environ["URL"])
with engine.begin() as connection:
    metadata.create_all(connection)
"""


def _fill(database: Database, script: str) -> None:
    with contextlib.closing(connect(database)) as connection:
        connection.execute(script.encode())
        connection.commit()


def _catalog(database: Database) -> Catalog:
    with contextlib.closing(connect(database)) as connection:
        return read_catalog(connection)


def _run(program: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _models(database: Database, settings: Settings, target: str, **changes: object) -> SyncedFile:
    (file,) = sync(database, settings=dataclasses.replace(settings, **changes), targets=[target]).files  # type: ignore[arg-type]
    return file


@pytest.fixture(scope="module")
def project(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return dataclasses.replace(settings, root=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def nasty(server: Server) -> Iterator[Database]:
    with fresh_database(server) as database:
        _fill(database, NASTY)
        yield database


@pytest.fixture(scope="module")
def files(nasty: Database, project: Settings) -> Mapping[str, SyncedFile]:
    found = sync(nasty, settings=project, targets=_TARGETS).files
    return {file.target: file for file in found}


@pytest.mark.parametrize("target", _TARGETS)
def test_the_nasty_schema_becomes_models_that_alembic_finds_no_difference_in(
    files: Mapping[str, SyncedFile], target: str
) -> None:
    assert (files[target].status, files[target].reason) == ("written", "")
    assert (
        files[target].path.read_text().startswith(f"# Written by Seachange from the database; `invoke db.sync --target {target}`")
    )
