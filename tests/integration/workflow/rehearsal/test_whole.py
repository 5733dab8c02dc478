"""A whole rehearsal on each kind of copy, as the command makes it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable

import pytest

from seachange import config
from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.revisions.runner import upgrade
from seachange.workflow._rehearsal import comparing
from seachange.workflow.rehearsal import Rehearsal, rehearse
from seachange.workflow.run import Run
from tests.project import Project, clean_environment


@pytest.fixture
def clinic(scenario: Callable[[str], Project], database: Database) -> Settings:
    """A project whose database is before its last revision, which adds a unique key, and has rows."""
    flags = {"database_url": database.url(), "app_env": "development"}
    found = config.load(scenario("linear").path, flags=flags, environ=clean_environment())
    upgrade(database, found, target="0002")
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute(
            "insert into clients (id, name, email) select n, 'client ' || n, 'e' || n from generate_series(1, 60000) n"
        )
        session.execute("create table others as select n, md5(n::text) from generate_series(1, 2000) n")
        session.execute("analyze")
    return found


def _rehearsed(settings: Settings, **changes: object) -> Rehearsal:
    with Run(dataclasses.replace(settings, **changes)) as run:  # type: ignore[arg-type]
        found = rehearse(run)
    assert found is not None
    assert found.error == ""
    assert [(each.revision, each.verdict) for each in found.downgrades] == [("0003", "lossless")]
    return found


def test_made_up_rows_of_a_tenth_say_what_all_of_them_take(clinic: Settings) -> None:
    found = _rehearsed(clinic, rehearsal_source="seeded", rehearsal_rows=6_000)
    assert found.source.scale == pytest.approx(0.1, abs=0.05)
    projected = {each.measure: each for each in found.projections}
    assert projected["growth_bytes"].projected > 8 * projected["growth_bytes"].measured
    assert "index build of public.clients, n log n, 60,000 rows / 6,000 rows" in projected["growth_bytes"].formula
    assert Rehearsal.from_dict(found.to_dict()) == found


def test_a_copy_of_the_same_size_needs_no_projection(clinic: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 8192)
    found = _rehearsed(clinic, rehearsal_source="copy")
    assert (found.source.scale, found.projections, found.verdict) == (1.0, (), "passed")
    (note,) = (each for each in found.notes if "counters" in each)
    assert note.endswith(": public.others")


def test_a_copy_without_rows_of_a_touched_table_says_that_it_tells_nothing_of_them(clinic: Settings) -> None:
    found = _rehearsed(clinic, rehearsal_source="shadow")
    assert found.source.rowless == ("public.clients",)
    assert found.notes == ("public.clients has no rows here and 60,000 in the database: nothing is told of what happens to them",)
