"""What a copy is after each downgrade, against what it was before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from seachange import config
from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.planning import plan_upgrade
from seachange.revisions.runner import upgrade
from seachange.workflow._rehearsal import comparing
from seachange.workflow._rehearsal.comparing import States, go_back
from seachange.workflow._rehearsal.values import DowngradeRehearsal
from tests.project import Project, clean_environment

_OTHER = "public.clients.name: other values after the downgrade than before"
_REVISION = '''"""{name}."""

from alembic import op
from seachange import irreversible

revision = "{name}"
down_revision = "{parent}"


def upgrade() -> None:
    {up}


def downgrade() -> None:
    {down}
'''


@pytest.fixture
def clinic(scenario: Callable[[str], Project], database: Database) -> Settings:
    """A project whose database is at its first revision and has rows."""
    found = config.load(scenario("linear").path, environ=clean_environment())
    for path in _versions(found).glob("000[23]*.py"):
        path.unlink()
    upgrade(database, found)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("insert into clients (id, name) select n, 'client ' || n from generate_series(1, 1000) n")
    return found


def _versions(settings: Settings) -> Path:
    return settings.root / "migrations" / "versions"


def _write(settings: Settings, name: str, *, up: str, down: str) -> None:
    parent = sorted(_versions(settings).glob("*.py"))[-1].name[:4]
    calls = {
        key: f"op.execute({text!r})" if not text.startswith("irreversible") else text
        for key, text in (("up", up), ("down", down))
    }
    (_versions(settings) / f"{name}_it.py").write_text(_REVISION.format(name=name, parent=parent, **calls), encoding="utf-8")


def _rehearsed(settings: Settings, database: Database, *, touched: tuple[str, ...] = ()) -> tuple[DowngradeRehearsal, ...]:
    history = read_history(settings)
    plan = plan_upgrade(history, current=("0001",))
    with States(settings, database, touched=touched) as states:
        upgrade(database, settings, history=history, on_revision=lambda one: states.note(one.revision))
        return go_back(settings, database, history, revisions=plan.revisions, states=states)


@pytest.mark.parametrize(
    ("up", "down", "verdict", "reasons"),
    [
        pytest.param(
            "alter table clients add column note text default 'x'",
            "alter table clients drop column note",
            "lossless",
            (),
            id="new column",
        ),
        pytest.param(
            "select 1",
            "alter table clients add column note text",
            "differs",
            ("table public.clients: column note text is there after the downgrade and was not before",),
            id="schema",
        ),
        pytest.param(
            "alter table clients drop column name",
            "alter table clients add column name varchar(100) not null default ''",
            "differs",
            None,
            id="dropped column that comes back empty, with a default",
        ),
        pytest.param(
            "update clients set name = upper(name)",
            "update clients set name = lower(name)",
            "lossless",
            (),
            id="backfill that is given back",
        ),
        pytest.param(
            "update clients set name = upper(name)",
            "select 1",
            "lossy",
            (f"{_OTHER}, as the upgrade changed them and the downgrade does not give them back",),
            id="backfill that is not given back",
        ),
        pytest.param(
            "select 1",
            "update clients set name = 'y' where id = 3",
            "lossy",
            (_OTHER,),
            id="downgrade that changes rows",
        ),
        pytest.param(
            "insert into clients values (0, 'new')",
            "select 1",
            "lossy",
            ("public.clients: 1,000 rows before, 1,001 rows after the downgrade",),
            id="rows that stay",
        ),
        pytest.param(
            "delete from clients where id <= 999",
            "select 1",
            "lossy",
            ("public.clients: 1,000 rows before, 1 row after the downgrade",),
            id="rows that are gone",
        ),
        pytest.param(
            "update clients set id = -id",
            "update clients set id = 1001 + id",
            "lossy",
            ("public.clients: values have gone to other rows",),
            id="values in other rows",
        ),
        pytest.param(
            "select 1", "irreversible('the names are gone')", "irreversible", ("the names are gone",), id="irreversible"
        ),
        pytest.param("select 1", "select 1 / 0", "fails", None, id="downgrade that fails"),
    ],
)
def test_each_way_back_gets_its_verdict(
    clinic: Settings, database: Database, up: str, down: str, verdict: str, reasons: tuple[str, ...] | None
) -> None:
    _write(clinic, "0002", up=up, down=down)
    (found,) = _rehearsed(clinic, database, touched=("public.clients",))
    assert found.verdict == verdict
    if reasons is None:
        assert found.reasons
    else:
        assert found.reasons == reasons
    assert (found.duration_ms > 0) == (verdict != "irreversible")


def test_a_later_loss_is_not_held_against_an_earlier_revision(clinic: Settings, database: Database) -> None:
    _write(clinic, "0002", up="create table notes (id int)", down="drop table notes")
    _write(clinic, "0003", up="update clients set name = 'x'", down="select 1")
    _write(clinic, "0004", up="create index on notes (id)", down="drop index notes_id_idx")
    found = _rehearsed(clinic, database)
    assert [(each.revision, each.verdict) for each in found] == [("0004", "lossless"), ("0003", "lossy"), ("0002", "lossless")]


@pytest.mark.parametrize(("exact", "runs"), [pytest.param(1 << 30, 1, id="sums"), pytest.param(0, 3, id="counters")])
def test_env_py_is_run_once_unless_counters_are_compared(
    clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, exact: int, runs: int
) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", exact)
    for name in ("0002", "0003", "0004"):
        _write(clinic, name, up=f'create table "t{name}" (id int)', down=f'drop table "t{name}"')
    history = read_history(clinic)
    with States(clinic, database) as states:
        upgrade(database, clinic, history=history, on_revision=lambda one: states.note(one.revision))
        said, environment = clinic.root / "said", clinic.root / "migrations" / "env.py"
        told = f"\nwith open({str(said)!r}, 'a') as said:\n    said.write('run ')\n"
        environment.write_text(environment.read_text(encoding="utf-8") + told, encoding="utf-8")
        plan = plan_upgrade(history, current=("0001",))
        found = go_back(clinic, database, history, revisions=plan.revisions, states=states)
    assert [each.verdict for each in found] == ["lossless"] * 3
    assert said.read_text(encoding="utf-8").split() == ["run"] * runs


def test_nothing_is_tried_behind_what_cannot_be_undone(clinic: Settings, database: Database) -> None:
    _write(clinic, "0002", up="create table notes (id int)", down="drop table notes")
    _write(clinic, "0003", up="select 1", down="irreversible('for good')")
    _write(clinic, "0004", up="create index on notes (id)", down="drop index notes_id_idx")
    found = _rehearsed(clinic, database)
    assert [(each.revision, each.verdict) for each in found] == [
        ("0004", "lossless"),
        ("0003", "irreversible"),
        ("0002", "not tried"),
    ]


@pytest.mark.parametrize(
    ("touched", "verdict", "reason"),
    [
        pytest.param(
            (),
            "lossy",
            "public.clients: rows were changed, and it is too large to say whether they are as before",
            id="not known to be touched",
        ),
        pytest.param(("public.clients",), "lossless", "", id="known to be touched"),
    ],
)
def test_large_tables_are_summed_where_a_revision_touches_them(
    clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, touched: tuple[str, ...], verdict: str, reason: str
) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 8192)
    _write(clinic, "0002", up="update clients set name = upper(name)", down="update clients set name = lower(name)")
    (found,) = _rehearsed(clinic, database, touched=touched)
    assert (found.verdict, " ".join(found.reasons)) == (verdict, reason)


def test_large_tables_that_nobody_touched_are_as_before(
    clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 8192)
    _write(clinic, "0002", up="create table notes (id int)", down="drop table notes")
    (found,) = _rehearsed(clinic, database)
    assert (found.verdict, found.reasons) == ("lossless", ())


@pytest.mark.parametrize(
    "down",
    [
        pytest.param("truncate clients", id="small now"),
        pytest.param("create table new_clients as select * from clients; truncate clients", id="copied"),
    ],
)
def test_a_table_that_is_no_longer_large_is_not_as_before(
    clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch, down: str
) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 8192)
    _write(clinic, "0002", up="select 1", down=down)
    (found,) = _rehearsed(clinic, database)
    assert found.verdict != "lossless"
    assert any(reason.startswith("public.clients: rows were changed") for reason in found.reasons)


def test_a_table_that_has_become_large_is_not_as_before(
    clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 1024 * 1024)
    more = "insert into clients (id, name) select n, md5(n::text) from generate_series(2000, 22000) n"
    _write(clinic, "0002", up="select 1", down=more)
    (found,) = _rehearsed(clinic, database)
    assert found.verdict == "lossy"


def test_a_touched_partition_counts_for_its_table(clinic: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "EXACT_BYTES", 8192)
    with contextlib.closing(connect(database, autocommit=True)) as session:
        session.execute("create table parts (id int, name text) partition by range (id)")
        session.execute("create table part partition of parts default")
        session.execute("insert into parts select n, 'p' || n from generate_series(1, 1000) n")
    _write(clinic, "0002", up="update part set name = 'x' || name", down="update part set name = substr(name, 2)")
    (found,) = _rehearsed(clinic, database, touched=("public.part",))
    assert found.verdict == "lossless"
