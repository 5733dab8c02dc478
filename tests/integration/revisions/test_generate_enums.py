"""Enum types in generated revisions: labels that come and go, with rows that use them."""

from __future__ import annotations

import contextlib
import sys

import pytest

from seachange.config import Settings
from seachange.errors import MigrationFailedError
from seachange.postgres.connection import connect
from seachange.revisions.runner import downgrade, upgrade
from tests.integration.revisions.generating import ENUM, NAME, Change, opened, require_clean, written


@pytest.fixture
def enum_project(linear: Settings, models: Change) -> Settings:
    """The project with an enum column, a check and an index on it, applied and committed as revision 0004."""
    column = f"    payment: Mapped[str] = mapped_column({ENUM}, server_default='cash')\n"
    check = "CheckConstraint(\"payment <> 'cash' OR name <> ''\", name='paid')"
    index = "Index('cash', 'id', postgresql_where=text(\"payment = 'cash'\"))"
    more = f"    __table_args__ = ({check}, {index})\n    id: Mapped"
    models(NAME, NAME + column)
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
