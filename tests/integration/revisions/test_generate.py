"""Generating a revision: what it does, that it was tried, and that nothing half done is left."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, HistoryInvalidError, NotWritableError, RevisionRejectedError
from seachange.postgres.connection import connect
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.declared import declare
from seachange.revisions.generate import generate, pending_operations
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import upgrade
from tests.integration.revisions.conftest import Open
from tests.integration.revisions.generating import EMAIL, ENUM, NAME, Change, opened, require_clean, written


def versions(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.root / "migrations" / "versions").iterdir() if path.name != "__pycache__")


def body_of(path: Path) -> str:
    return path.read_text().partition("\n\n\n")[2].rstrip()


LINEAR = ["0001_create_clients.py", "0002_add_email.py", "0003_unique_email.py"]


def test_without_a_change_nothing_is_written(linear: Settings) -> None:
    history, metadata = read_history(linear), load_metadata(linear)
    with opened(linear) as shadow:
        made = generate(linear, history, metadata=metadata, shadow=shadow)
        pending = pending_operations(linear, history, metadata=metadata, shadow=shadow)

    assert (made, pending, versions(linear)) == (None, (), LINEAR)


def test_a_new_column_becomes_a_revision_in_the_style_of_the_project(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    phone: Mapped[str | None] = mapped_column(String(20))\n")

    with opened(linear) as shadow:
        made = written(linear, shadow)

    assert made.path == linear.root / "migrations" / "versions" / "0004_add_phone_to_clients.py"
    assert (made.revision, made.title) == ("0004", "Add phone to clients")
    assert (made.operations, made.warnings) == (("add column clients.phone (VARCHAR(20))",), ())
    assert body_of(made.path) == (
        "def upgrade() -> None:\n"
        '    op.add_column("clients", sa.Column("phone", sa.String(length=20), nullable=True))\n\n\n'
        "def downgrade() -> None:\n"
        '    op.drop_column("clients", "phone")'
    )
    require_clean(made.path, linear)


def test_the_shadow_is_kept_at_the_new_head(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    phone: Mapped[str | None] = mapped_column(String(20))\n")
    with opened(linear) as shadow:
        written(linear, shadow)

    with opened(linear) as shadow:
        assert shadow.hit
        assert generate(linear, read_history(linear), metadata=load_metadata(linear), shadow=shadow) is None


_TABLE = """

class Invoice(Base):
    __tablename__ = "invoices"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="invoices_amount_check"),
        Index("invoices_open", "client_id", postgresql_where=text("paid IS NULL")),
        {"comment": "What clients owe"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    client_id: Mapped[int] = mapped_column(ForeignKey("clients.id", ondelete="CASCADE"), index=True)
    amount: Mapped[float] = mapped_column(Numeric(12, 2))
    tax: Mapped[float] = mapped_column(Numeric(12, 2), Computed("amount * 0.2", persisted=True))
    payment: Mapped[str] = mapped_column(ENUM, server_default="cash")
    payments: Mapped[list[str]] = mapped_column(ARRAY(ENUM), server_default=text("'{}'"))
    lines: Mapped[dict] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    token: Mapped[str] = mapped_column(UUID, server_default=text("gen_random_uuid()"))
    paid: Mapped[datetime.datetime | None] = mapped_column(DateTime(timezone=True), comment="when")
""".replace("ENUM", ENUM)


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        pytest.param(EMAIL, EMAIL + _TABLE, 4, id="a table with everything"),
        pytest.param(EMAIL, "", 2, id="a dropped column"),
        pytest.param("String(80)", "Text", 1, id="a wider type"),
        pytest.param("name: Mapped[str] = mapped_column(String(80))", "name: Mapped[int]", 1, id="a type that needs a cast"),
        pytest.param(
            NAME, f'    name: Mapped[str] = mapped_column({ENUM}, server_default="cash")\n', 3, id="a text that becomes an enum"
        ),
        pytest.param("unique=True", "index=True", 2, id="an index for a constraint"),
        pytest.param(
            EMAIL,
            f'{EMAIL}    parent: Mapped[int | None] = mapped_column(ForeignKey("clients.id", ondelete="SET NULL"))\n',
            2,
            id="a foreign key",
        ),
        pytest.param(
            NAME, f"{NAME}    since: Mapped[datetime.datetime] = mapped_column(server_default=func.now())\n", 1, id="a default"
        ),
        pytest.param(
            "    id: Mapped",
            '    __table_args__ = (CheckConstraint("length(name) > 1", name="long_name"), {"comment": "People"})\n    id: Mapped',
            2,
            id="a check and a comment",
        ),
    ],
)
def test_every_kind_of_change_is_written_tried_and_clean(
    linear: Settings, models: Change, old: str, new: str, operations: int
) -> None:
    models(old, new)

    with opened(linear) as shadow:
        made = written(linear, shadow)
        (at_head,) = shadow.kept.values()
        with connected(at_head) as connection:
            metadata = load_metadata(linear)
            left = differences(metadata, connection, declared=declare(connection, metadata), settings=linear)

    assert (len(made.operations), left) == (operations, ())
    require_clean(made.path, linear)


def test_a_change_of_type_keeps_the_rows_and_says_what_can_stop_it(linear: Settings, models: Change) -> None:
    models("name: Mapped[str] = mapped_column(String(80))", "name: Mapped[int]")
    with opened(linear) as shadow:
        database = shadow.clone("rows")
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("insert into clients (id, name) values (1, '17')")
        made = written(linear, shadow)

        upgrade(database, linear)

        with contextlib.closing(connect(database, autocommit=True)) as session:
            assert session.execute("select name from clients").fetchall() == [(17,)]
            assert made.warnings == (
                "the values of clients.name are cast by name::INTEGER: upgrade() fails while a row cannot be cast",
            )


def test_values_without_a_zone_are_taken_for_utc_whatever_the_session_says(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    since: Mapped[datetime.datetime | None]\n")
    with opened(linear) as shadow:
        first = written(linear, shadow)
    text = (linear.root / "linear_models.py").read_text()
    (linear.root / "linear_models.py").write_text(
        text.replace(
            "since: Mapped[datetime.datetime | None]",
            "since: Mapped[datetime.datetime | None] = mapped_column(DateTime(timezone=True))",
        )
    )
    del sys.modules["linear_models"]
    with opened(linear) as shadow:
        database = shadow.clone("rows")
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("insert into clients (id, name, since) values (1, 'Ada', '2024-01-01 12:00')")
            session.execute("alter database rows set timezone to 'Asia/Tokyo'")
        second = written(linear, shadow)
        upgrade(database, linear)

        with contextlib.closing(connect(database, autocommit=True)) as session:
            found = session.execute("select since = '2024-01-01 12:00+00' from clients").fetchall()
    assert (first.revision, second.revision, found) == ("0004", "0005", [(True,)])


def test_what_loses_data_or_fails_on_rows_is_said_in_the_file(linear: Settings, models: Change) -> None:
    models(EMAIL, "    phone: Mapped[int]\n")

    with opened(linear) as shadow:
        made = written(linear, shadow)

    assert made.warnings == (
        (
            "clients.phone is NOT NULL without a server_default: upgrade() fails on a table that has rows; "
            "give it a server_default, or add it nullable, fill it, and then make it NOT NULL"
        ),
        "the data of clients.email goes; downgrade() brings back an empty column",
    )
    assert made.path.name == "0004_add_phone_to_clients_and_drop_email_.py"
    docstring = " ".join(made.path.read_text().split('"""')[1].split())
    assert all(warning in docstring for warning in made.warnings)


_TYPE = """
class Money(TypeDecorator):
    impl = Numeric(10, 2)
    cache_ok = True


class Base(DeclarativeBase):
"""


def test_a_type_of_the_application_is_written_as_what_it_is_in_the_database(linear: Settings, models: Change) -> None:
    models("\nclass Base(DeclarativeBase):\n", _TYPE)
    path = linear.root / "linear_models.py"
    path.write_text(path.read_text().replace(NAME, f"{NAME}    debt: Mapped[float | None] = mapped_column(Money())\n"))

    with opened(linear) as shadow:
        made = written(linear, shadow)

    assert 'sa.Column("debt", sa.Numeric(precision=10, scale=2), nullable=True)' in made.path.read_text()


def test_a_project_of_timestamps_gets_the_next_one(linear: Settings, models: Change) -> None:
    folder = linear.root / "migrations" / "versions"
    stamps = {"0001": "1749000000000", "0002": "1749000001000", "0003": "9999999999999".replace("9", "1", 1)}
    for path in list(folder.glob("*.py")):
        text = path.read_text()
        for old, new in stamps.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        path.unlink()
        (folder / f"{stamps[path.name[:4]]}-{path.stem[5:]}.py").write_text(text)
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")

    with opened(linear) as shadow:
        made = written(linear, shadow, name="AddPhoneColumn")

    assert made.path.name == f"{int(stamps['0003']) + 1}-AddPhoneColumn.py"
    assert made.title == "Add phone column"
    require_clean(made.path, linear)


def test_other_projects_get_an_id_and_a_file_name_of_alembic(linear: Settings, models: Change) -> None:
    for path in (linear.root / "migrations" / "versions").glob("*.py"):
        text = path.read_text()
        for old, new in {"0001": "a1b2c3d4e5f6", "0002": "b2c3d4e5f6a1", "0003": "c3d4e5f6a1b2"}.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        path.write_text(text)
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")
    with opened(linear) as shadow:
        made = written(linear, shadow, name="Phone of clients")

    assert made.path.name == f"{made.revision}_phone_of_clients.py"
    assert (len(made.revision), made.title) == (12, "Phone of clients")


def test_a_location_can_be_chosen_and_a_wrong_one_is_refused(linear: Settings, models: Change) -> None:
    (linear.root / "more").mkdir()
    project = linear.root / "pyproject.toml"
    locations = 'version_locations = ["%(here)s/migrations/versions", "%(here)s/more"]\nprepend_sys_path'
    project.write_text(project.read_text().replace("prepend_sys_path", locations))
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")

    with opened(linear) as shadow:
        with pytest.raises(ConfigError) as caught:
            written(linear, shadow, location="less")
        made = written(linear, shadow, location="more")

    assert caught.value.hint == "choose one of migrations/versions, more"
    assert made.path.parent == linear.root / "more"


def test_a_revision_that_fails_on_the_shadow_is_not_kept(linear: Settings, models: Change) -> None:
    models("name: Mapped[str] = mapped_column(String(80))", "name: Mapped[dict] = mapped_column(BYTEA)")
    path = linear.root / "linear_models.py"
    path.write_text(path.read_text().replace("    id: Mapped[int] =", "    id: Mapped[datetime.date] ="))

    with opened(linear) as shadow, pytest.raises(RevisionRejectedError) as caught:
        written(linear, shadow)

    rejected = ".seachange/rejected/0004_change_id_of_clients_and_change_name_of_.py"
    assert caught.value.message.startswith(f"the new revision 0004 was not kept, its upgrade fails at {rejected}:")
    assert "cannot cast type integer to date [SQLSTATE 42846]" in caught.value.message
    assert caught.value.hint == f"its text is in {rejected}: mend it and move it to migrations/versions, or change the models"
    assert (linear.root / rejected).is_file()
    assert versions(linear) == LINEAR
    assert list(linear.state_dir.glob("trial-*")) == []


def test_a_hook_that_spoils_the_downgrade_is_found_by_the_trial(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")
    script = linear.root / "spoil.py"
    change = '.replace(\'op.drop_column("clients", "phone")\', \'op.execute("SELECT 1")\')'
    script.write_text(
        f"import sys, pathlib\np = pathlib.Path(sys.argv[1])\np.write_text(p.read_text(){change})\nprint('spoiled')\n"
    )
    project = linear.root / "pyproject.toml"
    hook = f'[[tool.alembic.post_write_hooks]]\nname = "spoil"\ntype = "exec"\nexecutable = "{sys.executable}"\n'
    options = f'options = "{script} REVISION_SCRIPT_FILENAME"\n\n[tool.seachange]'
    project.write_text(project.read_text().replace("[tool.seachange]", hook + options))

    with opened(linear) as shadow, pytest.raises(RevisionRejectedError) as caught:
        written(linear, shadow)

    assert caught.value.message.startswith(
        "the new revision 0004 was not kept, its downgrade does not lead to the schema before it: "
    )
    assert "phone" in caught.value.message


def test_an_interruption_leaves_no_file(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")

    def interrupt(text: str) -> None:
        if "downgrade" in text:
            raise KeyboardInterrupt

    with opened(linear) as shadow, pytest.raises(KeyboardInterrupt):
        generate(linear, read_history(linear), metadata=load_metadata(linear), shadow=shadow, progress=interrupt)

    assert versions(linear) == LINEAR
    assert list(linear.state_dir.glob("trial-*")) == []


def test_a_file_that_is_there_already_is_not_overwritten(linear: Settings, models: Change) -> None:
    models(NAME, f"{NAME}    phone: Mapped[str | None]\n")
    there = linear.root / "migrations" / "versions" / "0004_add_phone_to_clients.py"
    there.mkdir()

    with opened(linear) as shadow, pytest.raises(NotWritableError, match="exists already"):
        written(linear, shadow)


def test_two_heads_are_refused_with_the_way_out(open_project: Open) -> None:
    settings = open_project("two_heads")

    with opened(settings) as shadow, pytest.raises(HistoryInvalidError) as caught:
        written(settings, shadow)

    assert caught.value.message == "the history has 2 heads: 0003, 0004; a new revision can follow only one"
