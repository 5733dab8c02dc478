"""Packages of queries, generated from a database with a bit of everything and imported."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.server import Server
from seachange.sync import SyncResult, sync
from tests.integration.sync.databases import filled_database
from tests.schemas import NASTY

_ROWS = """
insert into clients (email, name, born, length, score, raw, net, block, stay, stays, tags, matrix, feelings, mails, home, bits,
                     price, opens, ratio, code, place, mail2, away, data)
values ('a@b', 'Ana', '2000-01-02', '3 days', 1.50, '\\x00ff', '10.0.0.1', '10.0.0.0/8', '[2024-01-01,2025-01-01)', '{[1,3)}',
        '{a,b}', '{{1,2},{3,4}}', '{happy,""}', '{x@y}', '("Street 1",12345)', B'101', 12.5, '08:30', 0.5, 'abc', '(1,2)', 'c@d',
        '[2024-01-01,)', '{"a": [1, null]}'),
       ('b@c', 'Bo', null, null, null, null, null, null, null, null, null, null, '{}', null, null, null, null, null, null, null,
        null, null, null, '{}');
update clients set feeling = null, until = null, token = null, length = null where name = 'Bo';
insert into pets (client_id, "from", "1st") values (1, 'f', 1), (1, null, null);
refresh materialized view counts;
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generator:
    """Generates packages from files of SQL, and imports them."""

    database: Database
    settings: Settings
    folder: Path

    def sync(self, files: Mapping[str, str], *, check: bool = False, options: Mapping[str, object] | None = None) -> SyncResult:
        """Write the files, and the package from them."""
        for name, text in files.items():
            path = self.folder / "queries" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        settings = dataclasses.replace(
            self.settings, root=self.folder, sync_options=(("queries", tuple((options or {}).items())),), sync_dir="made"
        )
        return sync(self.database, settings=settings, targets=("queries",), revision="abc", check=check)

    def package(self, files: Mapping[str, str], **options: object) -> Callable[[str], types.ModuleType]:
        """Write the files and the package; return what imports its modules."""
        result = self.sync(files, options=options)
        assert [file.reason for file in result.failed] == []

        def imported(name: str) -> types.ModuleType:
            sys.path.insert(0, str(self.folder / "made"))
            try:
                return importlib.import_module(f"queries.{name}")
            finally:
                sys.path.pop(0)

        return imported


@pytest.fixture(scope="module")
def filled(each_server: Server) -> Iterator[Database]:
    """The nasty schema with rows."""
    with filled_database(each_server, NASTY + _ROWS) as database:
        yield database


@pytest.fixture
def generator(filled: Database, settings: Settings, tmp_path: Path) -> Iterator[Generator]:
    """Packages of the nasty schema; imported ones are forgotten."""
    yield Generator(database=filled, settings=settings, folder=tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "queries"]:
        del sys.modules[name]


@pytest.fixture
def session(filled: Database) -> Iterator[Session]:
    """A session whose changes are undone."""
    with contextlib.closing(connect(filled)) as session:
        yield session
        session.rollback()
