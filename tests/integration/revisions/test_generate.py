"""Generating a revision: what it does, that it was tried, and that nothing half done is left."""

from __future__ import annotations

import contextlib
import py_compile
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError, HistoryInvalidError, MigrationFailedError, NotWritableError, RevisionRejectedError
from seachange.postgres.connection import connect
from seachange.postgres.shadow import Shadow
from seachange.revisions._trial import connected
from seachange.revisions.compare import differences
from seachange.revisions.generate import GeneratedRevision, generate, pending_operations
from seachange.revisions.history import read_history
from seachange.revisions.models import load_metadata
from seachange.revisions.runner import downgrade, upgrade
from seachange.revisions.shadow_history import open_shadow
from seachange.revisions.validate import validate
from tests.integration.revisions.conftest import Open

Change = Callable[[str, str], None]

_NAME = "    name: Mapped[str] = mapped_column(String(80))\n"
_EMAIL = "    email: Mapped[str | None] = mapped_column(String(120), unique=True)\n"
_ENUM = 'Enum("cash", "card", name="payment")'


@pytest.fixture
def linear(open_project: Open) -> Settings:
    return open_project("linear")


@pytest.fixture
def models(linear: Settings) -> Callable[..., None]:
    """Change the models of the project: replace a text, add imports."""

    def changed(old: str, new: str) -> None:
        path = linear.root / "linear_models.py"
        text = path.read_text()
        assert text.count(old) == 1
        imports = "import datetime\nfrom sqlalchemy import *\nfrom sqlalchemy.dialects.postgresql import *\n"
        path.write_text(imports + text.replace(old, new))

    return changed


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Shadow]:
    with open_shadow(settings, read_history(settings)) as shadow:
        yield shadow


def written(settings: Settings, shadow: Shadow, *, name: str = "", location: str = "") -> GeneratedRevision:
    history, metadata = read_history(settings), load_metadata(settings)
    made = generate(settings, history, metadata=metadata, shadow=shadow, name=name, location=location)
    assert made is not None
    return made


def body_of(path: Path) -> str:
    return path.read_text().partition("\n\n\n")[2].rstrip()


def require_clean(path: Path, settings: Settings) -> None:
    """The file compiles, is laid out and linted as ruff wants it, and makes a sound history."""
    py_compile.compile(str(path), cfile=str(settings.root / "compiled"), doraise=True)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--isolated", "--diff"], ["check", "--isolated", "--select", "E4,E7,E9,F,I,W"]):
        done = subprocess.run([*ruff, *command, str(path)], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout
    assert validate(read_history(settings)) == ()


def versions(settings: Settings) -> list[str]:
    return sorted(path.name for path in (settings.root / "migrations" / "versions").iterdir() if path.name != "__pycache__")


LINEAR = ["0001_create_clients.py", "0002_add_email.py", "0003_unique_email.py"]


def test_without_a_change_nothing_is_written(linear: Settings) -> None:
    history, metadata = read_history(linear), load_metadata(linear)
    with opened(linear) as shadow:
        made = generate(linear, history, metadata=metadata, shadow=shadow)
        pending = pending_operations(linear, history, metadata=metadata, shadow=shadow)

    assert (made, pending, versions(linear)) == (None, (), LINEAR)


def test_a_new_column_becomes_a_revision_in_the_style_of_the_project(linear: Settings, models: Change) -> None:
    models(_NAME, f"{_NAME}    phone: Mapped[str | None] = mapped_column(String(20))\n")

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
    models(_NAME, f"{_NAME}    phone: Mapped[str | None] = mapped_column(String(20))\n")
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
""".replace("ENUM", _ENUM)


@pytest.mark.parametrize(
    ("old", "new", "operations"),
    [
        pytest.param(_EMAIL, _EMAIL + _TABLE, 4, id="a table with everything"),
        pytest.param(_EMAIL, "", 2, id="a dropped column"),
        pytest.param("String(80)", "Text", 1, id="a wider type"),
        pytest.param("name: Mapped[str] = mapped_column(String(80))", "name: Mapped[int]", 1, id="a type that needs a cast"),
        pytest.param(
            _NAME, f'    name: Mapped[str] = mapped_column({_ENUM}, server_default="cash")\n', 3, id="a text that becomes an enum"
        ),
        pytest.param("unique=True", "index=True", 2, id="an index for a constraint"),
        pytest.param(
            _EMAIL,
            f'{_EMAIL}    parent: Mapped[int | None] = mapped_column(ForeignKey("clients.id", ondelete="SET NULL"))\n',
            2,
            id="a foreign key",
        ),
        pytest.param(
            _NAME, f"{_NAME}    since: Mapped[datetime.datetime] = mapped_column(server_default=func.now())\n", 1, id="a default"
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
            left = differences(load_metadata(linear), connection, settings=linear)

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
    models(_NAME, f"{_NAME}    since: Mapped[datetime.datetime | None]\n")
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


@pytest.fixture
def enum_project(linear: Settings, models: Change) -> Settings:
    """The project with an enum column, a check and an index on it, applied and committed as revision 0004."""
    column = f"    payment: Mapped[str] = mapped_column({_ENUM}, server_default='cash')\n"
    check = "CheckConstraint(\"payment <> 'cash' OR name <> ''\", name='paid')"
    index = "Index('cash', 'id', postgresql_where=text(\"payment = 'cash'\"))"
    more = f"    __table_args__ = ({check}, {index})\n    id: Mapped"
    models(_NAME, _NAME + column)
    path = linear.root / "linear_models.py"
    path.write_text(path.read_text().replace("    id: Mapped", more, 1))
    with opened(linear) as shadow:
        written(linear, shadow)
    del sys.modules["linear_models"]
    return linear


def change_enum(settings: Settings, labels: str) -> None:
    path = settings.root / "linear_models.py"
    path.write_text(path.read_text().replace('"cash", "card"', labels, 1))


@pytest.mark.parametrize(
    ("labels", "statement"),
    [
        pytest.param('"cash", "card", "debt"', "ALTER TYPE payment ADD VALUE IF NOT EXISTS 'debt' AFTER 'card'", id="at the end"),
        pytest.param(
            '"gift", "cash", "card"', "ALTER TYPE payment ADD VALUE IF NOT EXISTS 'gift' BEFORE 'cash'", id="at the start"
        ),
        pytest.param(
            '"cash", "it\'s", "card"', "ALTER TYPE payment ADD VALUE IF NOT EXISTS 'it''s' AFTER 'cash'", id="in between"
        ),
    ],
)
def test_a_new_label_is_added_outside_a_transaction_and_taken_away_again(
    enum_project: Settings, labels: str, statement: str
) -> None:
    change_enum(enum_project, labels)

    with opened(enum_project) as shadow:
        made = written(enum_project, shadow)

    assert f'    with op.get_context().autocommit_block():\n        op.execute("{statement}")\n' in made.path.read_text()
    require_clean(made.path, enum_project)


def test_a_label_in_use_stops_the_downgrade_and_nothing_is_lost(enum_project: Settings) -> None:
    change_enum(enum_project, '"cash", "card", "debt"')
    with opened(enum_project) as shadow:
        made = written(enum_project, shadow)
        database = shadow.clone("rows")
        upgrade(database, enum_project)
        with contextlib.closing(connect(database, autocommit=True)) as session:
            session.execute("insert into clients (id, name, payment) values (1, 'Ada', 'debt')")

        with pytest.raises(MigrationFailedError, match='invalid input value for enum payment: "debt"'):
            downgrade(database, enum_project, target="-1")

        with contextlib.closing(connect(database, autocommit=True)) as session:
            assert session.execute("select payment::text from clients").fetchall() == [("debt",)]
        assert made.warnings == ("downgrade() fails, and changes nothing, while a row uses 'debt' of payment",)


def test_a_label_that_a_view_depends_on_stays_after_a_downgrade(enum_project: Settings) -> None:
    change_enum(enum_project, '"cash", "card", "debt"')
    path = enum_project.root / "migrations" / "versions" / "0005_view.py"
    path.write_text(
        'from alembic import op\n\nrevision = "0005"\ndown_revision = "0004"\n\n\ndef upgrade():\n'
        '    op.execute("CREATE VIEW payers AS SELECT name, payment FROM clients")\n\n\n'
        'def downgrade():\n    op.execute("DROP VIEW payers")\n'
    )

    with opened(enum_project) as shadow:
        made = written(enum_project, shadow)

    assert made.warnings == ("downgrade() leaves the labels 'debt' of payment where they are",)
    assert "RAISE NOTICE 'PostgreSQL cannot drop ''debt'' of enum type" in made.path.read_text()
    require_clean(made.path, enum_project)


def test_a_removed_label_is_removed_unless_a_row_uses_it(enum_project: Settings) -> None:
    change_enum(enum_project, '"cash"')
    with opened(enum_project) as shadow:
        made = written(enum_project, shadow)

    assert made.operations == ("drop label 'card' of enum type payment",)
    assert made.warnings == ("upgrade() fails while a row uses 'card' of payment",)


def test_a_type_that_nothing_uses_any_more_goes_with_its_column(enum_project: Settings) -> None:
    path = enum_project.root / "linear_models.py"
    kept = [line for line in path.read_text().splitlines() if "payment" not in line]
    path.write_text("\n".join(kept) + "\n")

    with opened(enum_project) as shadow:
        made = written(enum_project, shadow)

    assert "drop enum type payment" in made.operations
    require_clean(made.path, enum_project)


def test_what_loses_data_or_fails_on_rows_is_said_in_the_file(linear: Settings, models: Change) -> None:
    models(_EMAIL, "    phone: Mapped[str]\n")

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
    path.write_text(path.read_text().replace(_NAME, f"{_NAME}    debt: Mapped[float | None] = mapped_column(Money())\n"))

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
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")

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
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")
    with opened(linear) as shadow:
        made = written(linear, shadow, name="Phone of clients")

    assert made.path.name == f"{made.revision}_phone_of_clients.py"
    assert (len(made.revision), made.title) == (12, "Phone of clients")


def test_a_location_can_be_chosen_and_a_wrong_one_is_refused(linear: Settings, models: Change) -> None:
    (linear.root / "more").mkdir()
    project = linear.root / "pyproject.toml"
    locations = 'version_locations = ["%(here)s/migrations/versions", "%(here)s/more"]\nprepend_sys_path'
    project.write_text(project.read_text().replace("prepend_sys_path", locations))
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")

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
    assert sorted(path.name for path in linear.state_dir.iterdir()) == ["rejected"]


def test_a_hook_that_spoils_the_downgrade_is_found_by_the_trial(linear: Settings, models: Change) -> None:
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")
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
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")

    def interrupt(text: str) -> None:
        if "downgrade" in text:
            raise KeyboardInterrupt

    with opened(linear) as shadow, pytest.raises(KeyboardInterrupt):
        generate(linear, read_history(linear), metadata=load_metadata(linear), shadow=shadow, progress=interrupt)

    assert versions(linear) == LINEAR
    assert list(linear.state_dir.iterdir()) == []


def test_a_file_that_is_there_already_is_not_overwritten(linear: Settings, models: Change) -> None:
    models(_NAME, f"{_NAME}    phone: Mapped[str | None]\n")
    there = linear.root / "migrations" / "versions" / "0004_add_phone_to_clients.py"
    there.mkdir()

    with opened(linear) as shadow, pytest.raises(NotWritableError, match="exists already"):
        written(linear, shadow)


def test_two_heads_are_refused_with_the_way_out(open_project: Open) -> None:
    settings = open_project("two_heads")

    with opened(settings) as shadow, pytest.raises(HistoryInvalidError) as caught:
        written(settings, shadow)

    assert caught.value.message == "the history has 2 heads: 0003, 0004; a new revision can follow only one"
