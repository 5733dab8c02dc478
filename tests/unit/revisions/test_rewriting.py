"""Edits of a header: the id, the parent and three lines of the docstring change, every other byte stays."""

from __future__ import annotations

import datetime

import pytest

from seachange.errors import RevisionRejectedError
from seachange.revisions._rewriting import HeaderEdit, redate

MOMENT = datetime.datetime(2026, 5, 4, 3, 2, 1, 999_000, tzinfo=datetime.UTC)

ALEMBIC = '''"""Add a column

Revision ID: 1700000000001
Revises: 1700000000000
Create Date: 2023-11-14 22:13:20.001000

"""
from typing import Union

# revision identifiers, used by Alembic: 1700000000001 follows 1700000000000
revision: str = '1700000000001'
down_revision: Union[str, None] = '1700000000000'  # by hand
depends_on = ("1600000000000", '1700000000000')


def upgrade() -> None:
    down_revision = "1700000000000"
'''

EXPECTED = '''"""Add a column

Revision ID: 1800000000001
Revises: 1800000000000
Create Date: 2026-05-04 03:02:01.999000

"""
from typing import Union

# revision identifiers, used by Alembic: 1700000000001 follows 1700000000000
revision: str = '1800000000001'
down_revision: Union[str, None] = '1800000000000'  # by hand
depends_on = ("1600000000000", '1900000000000')


def upgrade() -> None:
    down_revision = "1700000000000"
'''


def rewritten(source: bytes) -> bytes:
    edit = HeaderEdit(source, name="a.py")
    edit.rename("1800000000001")
    edit.follow("1800000000000")
    edit.refer({"1700000000000": "1900000000000"}, name="depends_on")
    edit.date(MOMENT)
    return edit.result()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", b"", id="as Alembic writes it"),
        pytest.param(b"\xef\xbb\xbf", b"\xef\xbb\xbf", id="a byte order mark"),
        pytest.param("# -*- coding: utf-8 -*- für\n".encode(), "# -*- coding: utf-8 -*- für\n".encode(), id="a comment before"),
    ],
)
def test_only_the_header_changes(before: bytes, after: bytes) -> None:
    assert rewritten(before + ALEMBIC.encode()).decode() == (after + EXPECTED.encode()).decode()


def test_line_ends_of_windows_stay() -> None:
    assert rewritten(ALEMBIC.replace("\n", "\r\n").encode()) == EXPECTED.replace("\n", "\r\n").encode()


def test_another_encoding_stays() -> None:
    cookie = "# coding: latin-1\nWHO = 'Jürgen'; "

    edit = HeaderEdit(f"{cookie}revision = 'a'; down_revision = 'b'\n".encode("latin-1"), name="a.py")
    edit.rename("c")
    edit.follow("d")

    assert edit.result() == f"{cookie}revision = 'c'; down_revision = 'd'\n".encode("latin-1")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("down_revision = 'p'", "down_revision = 'n'", id="single quotes"),
        pytest.param('down_revision: str | None = "p"', 'down_revision: str | None = "n"', id="an annotation"),
        pytest.param('down_revision = ("p", "q")', 'down_revision = "n"', id="a tuple"),
        pytest.param('down_revision = (\n    "p"\n)  # why', 'down_revision = (\n    "n"\n)  # why', id="brackets"),
        pytest.param("down_revision = None", 'down_revision = "n"', id="a base"),
        pytest.param('down_revision = "p" "p"', 'down_revision = "n"', id="a text in two parts"),
        pytest.param("x = 1", 'down_revision = "n"\nx = 1', id="no assignment"),
        pytest.param('P = "p"\ndown_revision = P', 'P = "p"\ndown_revision = "n"', id="a name"),
        pytest.param('down_revision = "o"\ndown_revision = "p"', 'down_revision = "o"\ndown_revision = "n"', id="twice"),
    ],
)
def test_the_parent_is_written_in_the_style_of_the_file(written: str, expected: str) -> None:
    edit = HeaderEdit(f'revision = "r"\n{written}\n'.encode(), name="a.py")
    edit.follow("n")

    assert edit.result().decode() == f'revision = "r"\n{expected}\n'


def test_a_revision_can_become_the_base() -> None:
    edit = HeaderEdit(b"'''T\n\nRevises: p\n'''\nrevision = 'r'\ndown_revision = 'p'\n", name="a.py")
    edit.follow(None)

    assert edit.result() == b"'''T\n\nRevises: \n'''\nrevision = 'r'\ndown_revision = None\n"


def test_an_empty_revises_line_is_filled() -> None:
    edit = HeaderEdit(b'"""T\n\nRevises:\nCreate Date: today"""\nrevision = "r"\ndown_revision = None\n', name="a.py")
    edit.follow("p")
    edit.date(MOMENT)

    expected = '"""T\n\nRevises: p\nCreate Date: 2026-05-04 03:02:01.999000+00:00"""\nrevision = "r"\ndown_revision = "p"\n'
    assert edit.result().decode() == expected


def test_an_id_that_is_not_written_out_is_said() -> None:
    edit = HeaderEdit(b"A = 'a'\nrevision = A\n", name="a.py")

    with pytest.raises(RevisionRejectedError, match=r"a\.py: revision is not written out as a text"):
        edit.rename("b")


def test_texts_that_name_a_renamed_file_follow_it() -> None:
    source = 'revision = "1-a.sql"\nupgrade = [f"{here}/1-a.up.sql", "1-a.down.sql", "1-ab.sql"]  # 1-a.up.sql\n'
    edit = HeaderEdit(source.encode(), name="a.py")
    edit.rename_files("1-a.", "2-a.")

    expected = 'revision = "1-a.sql"\nupgrade = [f"{here}/2-a.up.sql", "2-a.down.sql", "1-ab.sql"]  # 1-a.up.sql\n'
    assert edit.result().decode() == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("2024-01-02 03:04:05.678901", "2026-05-04 03:02:01.999000", id="local time with a fraction"),
        pytest.param("2024-01-02 03:04:05", "2026-05-04 03:02:01", id="local time"),
        pytest.param("2024-01-02T03:04:05+02:00", "2026-05-04T05:02:01+02:00", id="another zone and a T"),
        pytest.param("yesterday", "2026-05-04 03:02:01.999000+00:00", id="no date"),
    ],
)
def test_a_date_keeps_its_form(written: str, expected: str) -> None:
    assert redate(written, MOMENT) == expected
