"""Shadows of a history: at any state, replaying only what is new; catalogues and captured SQL."""

from __future__ import annotations

import contextlib

import pytest

from seachange.config import Settings
from seachange.errors import ExitCode, MigrationFailedError
from seachange.plan import Statement
from seachange.postgres.catalog import read_catalog
from seachange.postgres.connection import Database, connect
from seachange.revisions.history import read_history
from seachange.revisions.planning import capture
from seachange.revisions.runner import current, upgrade
from seachange.revisions.shadow_history import catalog_at, clone_at, open_shadow
from tests.integration.revisions.conftest import Open


@pytest.fixture
def linear(open_project: Open) -> Settings:
    return open_project("linear")


def revisions_run(settings: Settings) -> list[str]:
    """The revisions that were run since the last call; each notes itself in a file."""
    log = settings.root / "run.log"
    found = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return found


@pytest.fixture
def noting(linear: Settings) -> Settings:
    """The project with revisions that note when they run; a fresh text makes fresh keys."""
    for path in (linear.root / "migrations" / "versions").glob("*.py"):
        note = f'    with open({str(linear.root / "run.log")!r}, "a") as file:\n        file.write(revision + "\\n")\n'
        path.write_text(path.read_text().replace("def upgrade() -> None:\n", f"def upgrade() -> None:\n{note}"))
    return linear


def at(database: Database, settings: Settings) -> tuple[str, ...]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return current(session, settings)


def test_only_what_the_cache_has_not_is_replayed(noting: Settings) -> None:
    history = read_history(noting)
    with open_shadow(noting, history, revisions=["0002"]) as shadow:
        assert at(shadow.clone(), noting) == ("0002",)
    first = revisions_run(noting)
    with open_shadow(noting, history) as shadow:
        assert at(shadow.clone(), noting) == ("0003",)
    second = revisions_run(noting)
    with open_shadow(noting, history) as shadow:
        assert (shadow.hit, at(shadow.clone(), noting)) == (True, ("0003",))

    assert (first, second, revisions_run(noting)) == (["0001", "0002"], ["0003"], [])


def test_the_empty_history_and_several_heads_have_shadows_too(open_project: Open) -> None:
    settings = open_project("two_heads")
    history = read_history(settings)

    with open_shadow(settings, history, revisions=()) as shadow:
        assert at(shadow.clone(), settings) == ()
    with open_shadow(settings, history) as shadow:
        assert at(shadow.clone(), settings) == ("0003", "0004")


def test_a_clone_is_brought_forward_but_never_back(linear: Settings) -> None:
    history = read_history(linear)
    with open_shadow(linear, history, revisions=["0002"]) as shadow:
        forward = clone_at(shadow, history, ["0003"], settings=linear)

        assert forward is not None
        assert at(forward, linear) == ("0003",)
        assert clone_at(shadow, history, ["0001"], settings=linear) is None


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_the_catalogue_of_any_state_equals_that_of_a_database_there(linear: Settings, database: Database, revision: str) -> None:
    history = read_history(linear)
    upgrade(database, linear, target=revision)
    with open_shadow(linear, history, revisions=["0002"]) as shadow:
        expected = catalog_at(shadow, history, [revision], settings=linear)

    with contextlib.closing(connect(database)) as session:
        assert read_catalog(session).fingerprint == expected.fingerprint


def test_a_history_that_fails_on_an_empty_server_says_that_no_database_was_touched(open_project: Open) -> None:
    settings = open_project("failing_half_way")

    with pytest.raises(MigrationFailedError) as caught, open_shadow(settings, read_history(settings)):
        pass

    assert caught.value.message == (
        'revision 0003 fails on an empty throwaway server: at migrations/versions/0003_fails.py:11: relation "clinics" does not '
        "exist [SQLSTATE 42P01]; statement: ALTER TABLE clients ADD COLUMN clinic int REFERENCES clinics (id); "
        "your database was not touched"
    )
    assert (caught.value.exit_code, caught.value.applied) == (ExitCode.FAILED_UNCHANGED, ())


def test_the_sql_of_a_plan_is_what_the_revisions_send(linear: Settings) -> None:
    history = read_history(linear)
    with open_shadow(linear, history, revisions=["0001"]) as shadow:
        plan = capture(linear, shadow.clone(), history, target="heads")

    assert (plan.current, plan.target) == (("0001",), ("0003",))
    assert [(each.revision, each.statements) for each in plan.revisions] == [
        (
            "0002",
            (
                Statement(
                    sql="ALTER TABLE clients ADD COLUMN email VARCHAR(120)", file="migrations/versions/0002_add_email.py", line=11
                ),
            ),
        ),
        (
            "0003",
            (
                Statement(
                    sql="ALTER TABLE clients ADD CONSTRAINT clients_email_key UNIQUE (email)",
                    file="migrations/versions/0003_unique_email.py",
                    line=10,
                ),
            ),
        ),
    ]


def test_captured_sql_has_its_values_its_place_and_its_transaction(linear: Settings) -> None:
    (linear.root / "migrations" / "versions" / "0004_rows.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = '0004'\ndown_revision = '0003'\n\n\n"
        "def upgrade():\n"
        "    clients = sa.table('clients', sa.column('id', sa.Integer), sa.column('name', sa.String))\n"
        "    op.bulk_insert(clients, [{'id': 1, 'name': \"O'Hara\"}, {'id': 2, 'name': 'Ada'}])\n"
        "    op.execute(\"UPDATE clients SET name = '100%' WHERE id = 1\")\n"
        "    with op.get_context().autocommit_block():\n"
        "        op.execute('CREATE INDEX CONCURRENTLY i ON clients (name)')\n"
        "    op.execute(\"CREATE ROLE app_reader PASSWORD 'secret'\")\n"
        "    op.execute('DROP ROLE app_reader')\n\n\n"
        "def downgrade():\n    op.execute('DROP INDEX i')\n    op.execute('DELETE FROM clients')\n"
    )
    history = read_history(linear)
    with open_shadow(linear, history, revisions=["0003"]) as shadow:
        database = shadow.clone()
        (up,) = capture(linear, database, history, target="heads").revisions
        (down,) = capture(linear, database, history, target="-1", direction="downgrade").revisions

    noted = [(each.line, each.sql, each.transaction) for each in up.statements]
    assert noted[1:] == [
        (11, "UPDATE clients SET name = '100%' WHERE id = 1", 1),
        (13, "CREATE INDEX CONCURRENTLY i ON clients (name)", 0),
        (14, "CREATE ROLE app_reader PASSWORD '***'", 2),
        (15, "DROP ROLE app_reader", 2),
    ]
    assert "O''Hara" in noted[0][1]
    assert up.statements[0].count == 2
    assert [each.sql for each in down.statements] == ["DROP INDEX i", "DELETE FROM clients"]
