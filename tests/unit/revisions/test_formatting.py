"""Laying out generated statements: the result is what ruff would make of it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from seachange.revisions._formatting import format_body, format_string

SHORT = "op.drop_column('clients', 'phone')"
LONG_CALL = "op.add_column('a_table_with_a_name', sa.Column('a_column_with_a_name', sa.String(length=20), nullable=True))"
TABLE = (
    "op.create_table('invoices',\nsa.Column('id', sa.Integer(), sa.Identity(always=True), nullable=False),\n"
    "sa.Column('kind', postgresql.ENUM('cash', 'it\\'s a card', name='invoice_kind', create_type=False), "
    "server_default=sa.text(\"'cash'\"), nullable=False),\n"
    "sa.ForeignKeyConstraint(['client_id', 'another_client_id_that_is_long'], ['clients.id', 'clients.other_id'], name='fk'),\n"
    "comment='What \"they\" owe'\n)"
)
ONE_LINE_OF_ARGUMENTS = "op.create_foreign_key(op.f('fk_appointments_pet_id_pets'), 'appointments', 'pets', ['pet_id'], ['id'])"
LONG_TEXT = "op.execute(" + repr("ALTER TABLE clients ADD CONSTRAINT c CHECK (" + " OR ".join(["name = 'x'"] * 12) + ")") + ")"
BLOCK = "with op.get_context().autocommit_block():\n    op.execute('CREATE INDEX CONCURRENTLY i ON clients (name)')"
DICTIONARY = "op.create_index('ix_ai_diagnoses_result', 'ai_diagnoses', ['result'], postgresql_ops={'result': 'jsonb_path_ops'})"


@pytest.mark.parametrize("width", [60, 88, 130])
@pytest.mark.parametrize(
    "source",
    [
        pytest.param(SHORT, id="one line"),
        pytest.param(LONG_CALL, id="a nested call"),
        pytest.param(TABLE, id="a table"),
        pytest.param(ONE_LINE_OF_ARGUMENTS, id="arguments on a line of their own"),
        pytest.param(LONG_TEXT, id="a text longer than a line"),
        pytest.param(BLOCK, id="a block"),
        pytest.param(DICTIONARY, id="a dictionary"),
        pytest.param(f"# a comment\n{SHORT}\n# another\n{LONG_CALL}", id="comments"),
    ],
)
def test_the_layout_is_that_of_ruff_and_means_the_same(source: str, width: int, tmp_path: Path) -> None:
    path = tmp_path / "revision.py"
    path.write_text(f"def upgrade() -> None:\n{format_body(source, width=width)}\n")

    checked = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "--line-length", str(width), str(path)]
    done = subprocess.run(checked, capture_output=True, text=True, check=False, timeout=60)

    assert done.stdout == ""
    written = ast.parse(path.read_text()).body[0]
    assert isinstance(written, ast.FunctionDef)
    assert [ast.dump(node) for node in written.body] == [ast.dump(node) for node in ast.parse(source).body]


def test_what_does_not_parse_is_left_as_it_is() -> None:
    assert format_body("op.do(<unknown>)", width=88) == "    op.do(<unknown>)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain", '"plain"', id="double quotes"),
        pytest.param('say "x"', "'say \"x\"'", id="single quotes where that saves backslashes"),
        pytest.param('it\'s "x"', "'it\\'s \"x\"'", id="more double than single"),
        pytest.param("a\\b\n", '"a\\\\b\\n"', id="backslash and line end"),
        pytest.param("für", '"für"', id="letters of other alphabets"),
    ],
)
def test_texts_are_quoted_as_ruff_does(text: str, expected: str) -> None:
    assert format_string(text) == expected
    assert ast.literal_eval(expected) == text
