"""The models declare what the conventions of the project ask for."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import configure_mappers

from app.models import Base

_TABLES = tuple(Base.metadata.tables.values())


def test_the_eleven_tables_of_the_document_are_there() -> None:
    assert set(Base.metadata.tables) == {
        "users",
        "clients",
        "veterinarians",
        "pets",
        "appointments",
        "ai_diagnoses",
        "medical_records",
        "prescriptions",
        "vaccinations",
        "attachments",
        "notifications",
    }


def test_the_relationships_fit_together() -> None:
    configure_mappers()


@pytest.mark.parametrize("table", _TABLES, ids=str)
def test_every_table_has_an_identity_and_timestamps(table: sa.Table) -> None:
    number = table.c["id"]

    assert (number.primary_key, isinstance(number.type, sa.BigInteger), number.identity is not None) == (True, True, True)
    assert [(table.c[name].nullable, table.c[name].server_default is not None) for name in ("created_at", "updated_at")] == [
        (False, True),
        (False, True),
    ]


@pytest.mark.parametrize("table", _TABLES, ids=str)
def test_every_moment_has_a_time_zone(table: sa.Table) -> None:
    local = [column.name for column in table.columns if isinstance(column.type, sa.DateTime) and not column.type.timezone]

    assert local == []


@pytest.mark.parametrize("table", _TABLES, ids=str)
def test_every_foreign_key_says_what_happens_on_delete_and_has_an_index(table: sa.Table) -> None:
    unique = [one for one in table.constraints if isinstance(one, sa.UniqueConstraint)]
    indexed = {one.columns.keys()[0] for one in unique} | {index.columns.keys()[0] for index in table.indexes}
    wrong = [
        key.parent.name
        for key in table.foreign_keys
        if key.ondelete != ("SET NULL" if key.parent.nullable else "CASCADE") or key.parent.name not in indexed
    ]

    assert wrong == []


@pytest.mark.parametrize("table", _TABLES, ids=str)
def test_every_constraint_has_a_name_that_postgresql_keeps_whole(table: sa.Table) -> None:
    names = [str(one.name) for one in table.constraints] + [str(one.name) for one in table.indexes]

    assert [name for name in names if name == "None" or len(name) > 63] == []
