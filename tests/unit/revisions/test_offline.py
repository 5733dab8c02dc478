"""What revisions would send, learnt without a server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from seachange import config
from seachange.revisions.captures import OfflineCapture, read_captures
from seachange.revisions.history import read_history
from seachange.revisions.offline import capture_offline
from tests.project import copy_scenario

Capture = Callable[..., Mapping[str, OfflineCapture]]

_REVISION = '''"""Write a revision."""

import sqlalchemy as sa
from alembic import op

revision = "{name}"
down_revision = {below!r}


def upgrade() -> None:
{body}


def downgrade() -> None:
    pass
'''


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[Capture]:
    """Capture a copy of a scenario; with a body, of its newest revision after a further one with that body."""
    path, modules = list(sys.path), set(sys.modules)

    def captured(name: str, *, body: str = "", environment: str = "") -> Mapping[str, OfflineCapture]:
        project = copy_scenario(name, tmp_path / name)
        settings = config.load(project.path, environ={})
        if environment:
            (project.path / "migrations" / "env.py").write_text(environment, encoding="utf-8")
        if body:
            (head,) = read_history(settings).heads
            text = _REVISION.format(name="9999", below=head, body="\n".join(f"    {line}" for line in body.splitlines()))
            (project.path / "migrations" / "versions" / "9999_new.py").write_text(text, encoding="utf-8")
        return capture_offline(settings, read_history(settings).revisions)

    yield captured
    sys.path[:] = path
    for module in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


def _lines(found: OfflineCapture) -> list[tuple[int, int, int, str]]:
    return [(each.line, each.transaction, each.count, each.sql.partition("\n")[0].strip()) for each in found.statements]


def test_each_statement_has_its_file_line_and_transaction(capture: Capture) -> None:
    found = capture("autocommit_blocks")["0004"]

    assert _lines(found) == [
        (10, 1, 1, "ALTER TABLE clients ADD COLUMN before int"),
        (12, 0, 1, "CREATE INDEX CONCURRENTLY clients_name_idx ON clients (name)"),
        (13, 2, 1, "ALTER TABLE clients ADD COLUMN after int"),
    ]
    assert {each.file for each in found.statements} == {"migrations/versions/0004_index.py"}


def test_the_turns_of_a_loop_are_counted(capture: Capture) -> None:
    found = capture("data_migrations")["0002"]

    assert [(line, count) for line, _, count, _ in _lines(found)] == [(13, 500), (15, 1500), (16, 1)]


def test_an_operation_on_several_tables_is_one_statement_for_each(capture: Capture) -> None:
    body = 'for table in ("clients", "pets"):\n    op.add_column(table, sa.Column("note", sa.Text()))'

    assert [sql for *_, sql in _lines(capture("linear", body=body)["9999"])] == [
        "ALTER TABLE clients ADD COLUMN note TEXT",
        "ALTER TABLE pets ADD COLUMN note TEXT",
    ]


def test_values_are_written_out(capture: Capture) -> None:
    body = (
        "op.get_bind().execute(sa.text('UPDATE clients SET name = :name WHERE id = :id'), {'name': \"O'Hara %\", 'id': 7})\n"
        "clients = sa.table('clients', sa.column('name', sa.Text()))\n"
        "op.bulk_insert(clients, [{'name': 'Ada'}])\n"
        "op.execute(clients.update().values(name='Bo'))"
    )

    assert [sql for *_, sql in _lines(capture("linear", body=body)["9999"])] == [
        "UPDATE clients SET name = 'O''Hara %' WHERE id = 7",
        "INSERT INTO clients (name) VALUES ('Ada')",
        "UPDATE clients SET name='Bo'",
    ]


def test_a_value_that_cannot_be_written_is_a_placeholder(capture: Capture) -> None:
    body = "op.execute(sa.text('SELECT :a').bindparams(sa.bindparam('a', object(), type_=sa.PickleType())))"

    assert [sql for *_, sql in _lines(capture("linear", body=body)["9999"])] == ["SELECT %(a)s"]


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        pytest.param(
            "op.get_bind().execute(sa.text('SELECT 1')).scalar()", 11, "it asks the database (result.scalar)", id="result"
        ),
        pytest.param("for row in op.get_bind().execute(sa.text('SELECT 1')):\n    pass", 11, "the rows of a query", id="rows"),
        pytest.param("op.get_bind().scalar(sa.text('SELECT 1'))", 11, "it asks the database (connection.scalar)", id="scalar"),
        pytest.param("x = 1\nsa.inspect(op.get_bind())", 12, "it asks the database (connection.", id="inspector"),
        pytest.param("raise ValueError('no')", 11, "without a database: ValueError: no", id="error"),
    ],
)
def test_a_revision_that_needs_an_answer_is_known_up_to_there(capture: Capture, body: str, line: int, reason: str) -> None:
    found = capture("linear", body="op.execute('UPDATE clients SET id = 1')\n" + body)["9999"]

    assert found.unknown is not None
    assert (found.unknown.line, reason in found.unknown.reason) == (line + 1, True)
    assert _lines(found)[0][-1] == "UPDATE clients SET id = 1"


def test_a_query_that_nobody_reads_stops_nothing(capture: Capture) -> None:
    found = capture("linear", body="op.get_bind().execute(sa.text('SELECT 1'))\nop.execute('UPDATE clients SET id = 1')")["9999"]

    assert found.unknown is None
    assert len(found.statements) == 2


def test_metadata_create_all_is_seen(capture: Capture) -> None:
    body = (
        "metadata = sa.MetaData()\n"
        "sa.Table('x', metadata, sa.Column('e', sa.Enum('a', name='kind')))\n"
        "metadata.create_all(op.get_bind())"
    )

    assert [sql for *_, sql in _lines(capture("linear", body=body)["9999"])] == [
        "CREATE TYPE kind AS ENUM ('a')",
        "CREATE TABLE x (",
    ]


@pytest.mark.parametrize("name", ["online_only", "offline_only", "async_asyncpg", "talks_and_exits"])
def test_an_environment_of_any_kind_gives_the_same(capture: Capture, name: str) -> None:
    assert [sql for *_, sql in _lines(capture(name)["0002"])] == [
        "ALTER TABLE clients ADD COLUMN email VARCHAR(120)",
        "ALTER TABLE clients ADD UNIQUE (email)",
    ]


def test_an_environment_that_fails_is_done_without(capture: Capture) -> None:
    found = capture("linear", environment="import no_such_module\n", body="op.execute('UPDATE clients SET id = 1')")

    assert [sql for *_, sql in _lines(found["9999"])] == ["UPDATE clients SET id = 1"]


def test_an_environment_that_writes_files_is_not_run(capture: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = capture("multidb")

    assert [sql for *_, sql in _lines(found["0002"])] == [
        "ALTER TABLE clients ADD COLUMN name TEXT",
        "ALTER TABLE bills ADD COLUMN total NUMERIC",
    ]
    assert [path.name for path in tmp_path.glob("*.sql")] == []


def test_what_was_captured_is_kept_until_the_revision_changes(capture: Capture, tmp_path: Path) -> None:
    capture("data_migrations")
    settings = config.load(tmp_path / "data_migrations", environ={})
    first = _read(settings)
    file = tmp_path / "data_migrations" / "migrations" / "versions" / "0006_no_nameless.py"
    (settings.root / "migrations" / "env.py").touch()
    again = _read(settings)
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("WHERE name = ''", "WHERE name = 'nobody'"), encoding="utf-8")
    changed = _read(settings)

    assert (settings.root / ".seachange" / "offline.json").is_file()
    assert again == first
    assert [name for name, found in changed.items() if found != first[name]] == ["0006"]


def test_what_failed_is_tried_again(capture: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capture("linear", body="import os\nop.execute(os.environ['TABLE_COMMENT'])")
    settings = config.load(tmp_path / "linear", environ={})
    before = _read(settings)["9999"]
    monkeypatch.setenv("TABLE_COMMENT", "COMMENT ON TABLE clients IS 'x'")

    assert before.unknown is not None
    assert before.unknown.failed
    assert [sql for *_, sql in _lines(_read(settings)["9999"])] == ["COMMENT ON TABLE clients IS 'x'"]


def test_a_damaged_file_of_captures_is_as_good_as_none(capture: Capture, tmp_path: Path) -> None:
    capture("linear")
    settings = config.load(tmp_path / "linear", environ={})
    first = _read(settings)
    (settings.root / ".seachange" / "offline.json").write_text("x")

    assert _read(settings) == first


def _read(settings: config.Settings) -> Mapping[str, OfflineCapture]:
    history = read_history(settings)
    return read_captures(settings, history, history.revisions)
