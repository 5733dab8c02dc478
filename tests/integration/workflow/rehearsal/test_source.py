"""What a rehearsal runs on: each kind of copy, what it says of itself, and nothing left of it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from seachange import config
from seachange.backup import create_backup
from seachange.config import Settings
from seachange.errors import CopyImpossibleError, RefusedError
from seachange.postgres.connection import Database, connect, describe
from seachange.revisions.runner import downgrade, upgrade
from seachange.workflow._rehearsal.source import open_source
from seachange.workflow.run import Run
from tests.project import Project, clean_environment


@pytest.fixture
def clinic(scenario: Callable[[str], Project], database: Database) -> Settings:
    """A project whose database is at its second revision and has 3,000 rows."""
    path = scenario("linear").path
    flags = {"database_url": database.url(), "app_env": "development"}
    found = config.load(path, flags=flags, environ=clean_environment())
    upgrade(database, found, target="0002")
    _execute(
        database, "insert into clients (id, name, email) select n, 'client ' || n, 'secret' || n from generate_series(1, 3000) n"
    )
    _execute(database, "analyze")
    return found


def _execute(database: Database, statement: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(statement.encode())


def _ask(database: Database, query: str) -> tuple[object, ...]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        row = session.execute(query.encode()).fetchone()
        assert row is not None
        return tuple(row)


def _copies(database: Database) -> int:
    row = _ask(database, "select count(*) from pg_database where datname ~ '_rehearsal_[0-9a-f]{8}$'")
    return int(str(row[0]))


def _back_up(settings: Settings, database: Database, *, revision: str = "0002") -> str:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        server = describe(session)
    return create_backup(database, settings, revision=revision, server=server).name


@pytest.mark.parametrize(
    ("kind", "rows", "scale"),
    [
        pytest.param("copy", 3000, 1.0, id="copy"),
        pytest.param("seeded", 1500, 0.5, id="made-up rows"),
        pytest.param("shadow", 0, 0.0, id="no rows"),
        pytest.param("auto", 1500, 0.5, id="auto without a backup"),
    ],
)
def test_each_kind_has_its_rows_at_the_revision_of_the_database(
    clinic: Settings, database: Database, kind: str, rows: int, scale: float
) -> None:
    with Run(dataclasses.replace(clinic, rehearsal_rows=1500)) as run, open_source(run, kind=kind) as opened:
        assert opened.database != database
        assert _ask(opened.database, "select count(*) from clients") == (rows,)
        assert _ask(opened.database, "select version_num from alembic_version") == ("0002",)
        assert opened.source.kind == ("seeded" if kind == "auto" else kind)
        assert opened.source.scale == pytest.approx(scale, abs=0.001)
        assert opened.sizes["public.clients"].real_rows == 3000
        assert opened.source.duration_s > 0
    assert _copies(database) == 0


def test_a_backup_is_restored_masked_and_brought_to_the_revision(clinic: Settings, database: Database) -> None:
    name = _back_up(clinic, database)
    upgrade(database, clinic, target="0003")
    masked = dataclasses.replace(clinic, rehearsal_mask=(("clients.email", "'user' || id"),))
    with Run(masked) as run, open_source(run, kind="backup", backup=name) as opened:
        assert _ask(opened.database, "select count(*) from clients where email like 'secret%'") == (0,)
        assert _ask(opened.database, "select count(*) from clients where email = 'user' || id") == (3000,)
        assert _ask(opened.database, "select version_num from alembic_version") == ("0003",)
        assert (opened.source.kind, opened.source.name, opened.source.masked) == ("backup", name, ("clients.email",))
        assert opened.source.scale == 1.0
        notes = "; ".join(opened.source.notes)
        assert "this restore has verified the backup" in notes
        assert "the backup was at 0002; the copy was brought to 0003 before the rehearsal" in notes


def test_a_backup_from_beyond_the_database_is_refused(clinic: Settings, database: Database) -> None:
    upgrade(database, clinic, target="0003")
    name = _back_up(clinic, database, revision="0003")
    downgrade(database, clinic, target="0002")
    with (
        Run(clinic) as run,
        pytest.raises(CopyImpossibleError, match="the backup is at 0003, which does not lead"),
        open_source(run, kind="backup", backup=name),
    ):
        pass


def test_sessions_of_a_throwaway_begin_with_the_settings_of_the_real_ones(clinic: Settings, database: Database) -> None:
    for name, value in (("timezone", "'Asia/Tokyo'"), ("search_path", "billing, public"), ("intervalstyle", "'iso_8601'")):
        _execute(database, f"alter database {database.name} set {name} = {value}")
    asked = "select current_setting('timezone'), current_setting('search_path'), current_setting('intervalstyle')"
    expected = ("Asia/Tokyo", "billing, public", "iso_8601")
    for kind in ("shadow", "copy"):
        with Run(clinic) as run, open_source(run, kind=kind) as opened:
            assert _ask(opened.database, asked) == expected


def test_a_copy_on_the_same_server_is_refused_in_production(clinic: Settings, database: Database) -> None:
    for name in ("staging", "production"):
        settings = dataclasses.replace(clinic, app_env=name)
        with Run(settings) as run, pytest.raises(RefusedError, match=f"APP_ENV is {name}"), open_source(run, kind="copy"):
            pass
    assert _copies(database) == 0


def test_a_copy_is_refused_while_others_are_connected_who_are_named(clinic: Settings, database: Database) -> None:
    with (
        contextlib.closing(connect(database, autocommit=True, application_name="the shop")) as other,
        Run(clinic) as run,
        pytest.raises(RefusedError, match=rf"connected to it: pid {other.info.backend_pid} of \w+ \(the shop\)"),
        open_source(run, kind="copy"),
    ):
        pass


def _wait_on_a_copy(settings: Settings, database: Database) -> None:
    with Run(settings) as run, open_source(run, kind="copy"):
        assert _copies(database) == 1
        time.sleep(20)


def test_a_copy_is_dropped_after_ctrl_c_and_by_the_next_run_after_a_crash(clinic: Settings, database: Database) -> None:
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        _wait_on_a_copy(clinic, database)
    assert _copies(database) == 0
    left = f"{database.name}_rehearsal_0123abcd"
    _execute(database.with_name("postgres"), f"create database {left}")
    with Run(clinic) as run, open_source(run, kind="copy"):
        assert _copies(database) == 1
