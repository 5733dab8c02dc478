"""One env.py that migrates several databases, or a schema for each tenant: each at revisions of its own."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from seachange.config import Settings
from seachange.errors import EnvironmentFailedError, ExitCode, MigrationFailedError, RefusedError, SeveralUnitsError
from seachange.postgres.connection import Database, connect, create_database, drop_database, exists_database
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.planning import capture
from seachange.revisions.runner import downgrade, upgrade
from seachange.revisions.units import labels, read_units
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.looking import ask, at, tables


def states(settings: Settings, database: Database) -> dict[str, tuple[str, ...]]:
    units = read_units(settings, database)
    return {name: unit.current for unit, name in zip(units, labels(units).values(), strict=True)}


def run_sql(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement)


@pytest.fixture
def beside(each_database: Database) -> Iterator[Database]:
    """The second database of a throwaway one, which the run makes."""
    database = each_database.with_name(f"{each_database.name}_billing")
    yield database
    drop_database(database, force=True)


def test_each_tenant_is_applied_and_undone(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants")

    applied = upgrade(each_database, settings)
    again = upgrade(each_database, settings)

    assert (applied.revisions, applied.before, applied.current, again.revisions) == (("0001", "0002"), (), ("0002",), ())
    assert [str(outcome) for outcome in applied.outcomes] == ["0001 in blue", "0002 in blue", "0001 in green", "0002 in green"]
    assert ask(each_database, "select schemaname from pg_tables where tablename = 'clients' order by 1") == ["blue", "green"]
    assert (at(each_database, settings), states(settings, each_database)) == (("0002",), {"blue": ("0002",), "green": ("0002",)})
    assert downgrade(each_database, settings, target="-1").current == ("0001",)
    assert downgrade(each_database, settings, target="base").current == ()
    assert ask(each_database, "select tablename from pg_tables where schemaname in ('blue', 'green')") == ["alembic_version"] * 2


def test_a_tenant_that_is_behind_is_brought_up_and_counts_until_then(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants")
    names = settings.root / "tenants_names.py"
    upgrade(each_database, settings)
    names.write_text('TENANTS = ("blue", "green", "red")\n')

    def forget() -> None:
        import sys

        sys.modules.pop("tenants_names", None)

    forget()
    assert (at(each_database, settings), states(settings, each_database)["red"]) == ((), ())
    with pytest.raises(RefusedError, match="blue at 0002; green at 0002; red at nothing"):
        downgrade(each_database, settings, target="-1")
    forget()
    assert [str(outcome) for outcome in upgrade(each_database, settings).outcomes] == ["0001 in red", "0002 in red"]
    assert at(each_database, settings) == ("0002",)


def test_a_failure_says_which_tenant_and_what_the_others_have(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants")
    run_sql(each_database, "create schema green", "create table green.clients (id int)")

    with pytest.raises(MigrationFailedError) as caught:
        upgrade(each_database, settings)

    assert caught.value.message.startswith(
        "revision 0001 was not applied in green: at migrations/versions/0001_create_clients.py:11:"
    )
    assert caught.value.message.endswith(
        "; green is at an empty history; applied before it: 0001 in blue, 0002 in blue; not tried: 0002"
    )
    assert caught.value.exit_code == ExitCode.FAILED_CHANGED
    assert (at(each_database, settings), states(settings, each_database)) == ((), {"blue": ("0002",), "green": ()})


def test_a_plan_shows_what_each_place_gets(open_project: Open, each_database: Database, beside: Database) -> None:
    settings = open_project("multidb")

    plan = capture(settings, each_database, read_history(settings), target="heads")

    assert [(one.sql.split("(")[0].strip(), one.transaction) for one in plan.revisions[0].statements] == [
        ("CREATE TABLE clients", 1),
        ("CREATE TABLE bills", 2),
    ]


def test_what_is_the_same_for_all_tenants_is_shown_once(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants")

    plan = capture(settings, each_database, read_history(settings), target="heads")

    assert [one.sql.split("(")[0].strip() for one in plan.revisions[0].statements] == ["CREATE TABLE clients"]


def test_models_are_not_compared_with_one_of_several(open_project: Open, each_database: Database) -> None:
    settings = open_project("tenants")
    upgrade(each_database, settings)

    metadata = load_metadata(settings)

    with connected(each_database) as connection:
        declared = declare(connection, metadata)
        with pytest.raises(SeveralUnitsError, match="can only be compared with one"):
            differences(metadata, connection, declared=declared, settings=settings)


def test_no_tenant_at_all_is_said(open_project: Open, database: Database) -> None:
    settings = open_project("tenants")
    (settings.root / "tenants_names.py").write_text("TENANTS = ()\n")

    with pytest.raises(EnvironmentFailedError, match="ended without running migrations"):
        upgrade(database, settings)


def test_each_database_gets_its_own_part(open_project: Open, each_database: Database, beside: Database) -> None:
    settings = open_project("multidb")

    applied = upgrade(each_database, settings)

    assert [str(outcome) for outcome in applied.outcomes] == [
        f"{revision} in {database.name}" for database in (each_database, beside) for revision in ("0001", "0002")
    ]
    assert (tables(each_database), tables(beside)) == (["alembic_version", "clients"], ["alembic_version", "bills"])
    assert (applied.current, at(each_database, settings), upgrade(each_database, settings).revisions) == (
        ("0002",),
        ("0002",),
        (),
    )
    run_sql(beside, "update alembic_version set version_num = '0001'", "alter table bills drop column total")
    assert at(each_database, settings) == ("0001",)
    assert [str(outcome) for outcome in upgrade(each_database, settings).outcomes] == [f"0002 in {beside.name}"]
    assert downgrade(each_database, settings, target="base").current == ()
    assert (tables(each_database), tables(beside)) == (["alembic_version"], ["alembic_version"])


def test_the_projects_own_databases_are_those_that_variables_name(
    open_project: Open, each_database: Database, beside: Database
) -> None:
    settings = open_project("multidb", database_url=each_database.url())
    elsewhere = each_database.with_name(f"{each_database.name}_elsewhere")
    create_database(elsewhere)
    try:
        environment = {**settings.environment, "DATABASE_URL_BILLING": elsewhere.url()}
        upgrade(each_database, dataclasses.replace(settings, environment=environment))

        assert (tables(elsewhere), exists_database(beside)) == (["alembic_version", "bills"], False)
    finally:
        drop_database(elsewhere, force=True)


def test_without_a_variable_the_projects_own_databases_are_those_of_env_py(
    open_project: Open, each_database: Database, beside: Database
) -> None:
    settings = open_project("multidb", database_url=each_database.url())
    create_database(beside)
    ini = settings.root / "alembic.ini"
    theirs = beside.url().replace("postgresql://", "postgresql+psycopg2://").replace("%", "%%")
    ini.write_text(ini.read_text().replace("postgresql+psycopg2://shop:secret@production.invalid/billing", theirs))

    upgrade(each_database, settings)

    assert (tables(each_database), tables(beside)) == (["alembic_version", "clients"], ["alembic_version", "bills"])


@pytest.mark.parametrize(
    ("databases", "expected"),
    [
        pytest.param((), "env.py connects to several databases", id="none is named"),
        pytest.param(
            ("shop",), "env.py connects to billing on production.invalid:5432, besides the 1 databases", id="one too few"
        ),
        pytest.param(
            ("shop", "billing", "blog"), "env.py connected to 2 databases, and none is left for blog", id="one too many"
        ),
    ],
)
def test_names_that_do_not_fit_are_refused_before_anything_is_done(
    open_project: Open, each_database: Database, beside: Database, databases: tuple[str, ...], expected: str
) -> None:
    settings = open_project("multidb", databases=databases)

    with pytest.raises(EnvironmentFailedError, match=expected):
        upgrade(each_database, settings)

    assert tables(each_database) == []


def test_two_phases_are_refused(open_project: Open, each_database: Database, beside: Database) -> None:
    settings = open_project("multidb")
    env = settings.root / "migrations" / "env.py"
    env.write_text(env.read_text().replace("USE_TWOPHASE = False", "USE_TWOPHASE = True"))

    with pytest.raises(EnvironmentFailedError, match="two-phase transaction"):
        upgrade(each_database, settings)

    assert tables(each_database) == []
