"""Names derived from operations, and what is told about them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.operations import ops
from sqlalchemy.dialects import postgresql

from seachange.revisions._constraint_names import choose_name
from seachange.revisions._enum_operations import EnumOp
from seachange.revisions._enums import EnumChange, EnumType
from seachange.revisions._naming import suggest_name
from seachange.revisions._sentences import describe_differences, describe_operations

PHONE = ops.ModifyTableOps("clients", [ops.AddColumnOp("clients", sa.Column("phone", sa.Text))])
FAX = ops.ModifyTableOps("clients", [ops.DropColumnOp("clients", "fax")])
INDEX = ops.ModifyTableOps("clients", [ops.CreateIndexOp("i", "clients", ["phone"])])
OTHER_INDEX = ops.ModifyTableOps("pets", [ops.CreateIndexOp("i", "pets", ["name"])])
TABLE = ops.CreateTableOp("invoices", [sa.Column("id", sa.Integer)])
NULL = ops.ModifyTableOps("pets", [ops.AlterColumnOp("pets", "name", modify_nullable=False)])
FOREIGN = ops.ModifyTableOps("pets", [ops.CreateForeignKeyOp("fk", "pets", "clients", ["client_id"], ["id"])])
LABEL = EnumOp(
    EnumChange(old=EnumType(schema="", name="state", labels=("a",)), new=EnumType(schema="", name="state", labels=("a", "b"))), ()
)
TYPE = EnumOp(EnumChange(old=None, new=EnumType(schema="", name="kind", labels=("x",))), ())


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        pytest.param([PHONE], "add_phone_to_clients", id="a column"),
        pytest.param([PHONE, INDEX], "add_phone_to_clients", id="a column with its index"),
        pytest.param([TYPE, TABLE], "create_invoices", id="a table with its type"),
        pytest.param([PHONE, FAX], "add_phone_to_clients_and_drop_fax_from_clients", id="two things"),
        pytest.param([PHONE, OTHER_INDEX], "add_phone_to_clients_and_index_pets", id="an index elsewhere"),
        pytest.param([PHONE, FAX, TABLE, NULL], "add_phone_to_clients_and_3_more", id="many things"),
        pytest.param([NULL], "change_name_of_pets", id="a changed column"),
        pytest.param([FOREIGN], "reference_clients_from_pets", id="a foreign key"),
        pytest.param([LABEL], "add_b_to_state", id="a label"),
        pytest.param([TYPE], "create_kind", id="a type alone"),
        pytest.param([ops.ExecuteSQLOp("SELECT 1")], "change_schema", id="nothing with a name"),
    ],
)
def test_a_name_says_what_the_operations_do(operations: list[ops.MigrateOperation], expected: str) -> None:
    assert suggest_name(operations) == expected


def test_operations_are_told_as_deeds_and_as_differences() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call,unused-ignore]

    assert describe_operations([PHONE, FOREIGN, NULL], dialect=dialect) == (
        "add column clients.phone (TEXT)",
        "add foreign key pets (client_id) to clients (id)",
        "make pets.name NOT NULL",
    )
    assert describe_differences([FAX, NULL], dialect=dialect) == (
        "column clients.fax is in the database, not in the models",
        "column pets.name is nullable in the database, NOT NULL in the models",
    )


@pytest.mark.parametrize(
    ("table", "columns", "expected"),
    [
        pytest.param("clients", ["email"], "clients_email_key", id="short"),
        pytest.param("clients", ["name", "email"], "clients_name_email_key", id="two columns"),
        pytest.param("t" * 60, ["c"], f"{'t' * 57}_c_key", id="a long table"),
        pytest.param("t" * 40, ["c" * 40], f"{'t' * 29}_{'c' * 29}_key", id="both long"),
    ],
)
def test_a_constraint_without_a_name_gets_that_of_postgresql(table: str, columns: list[str], expected: str) -> None:
    assert choose_name(table, columns, suffix="key") == expected
