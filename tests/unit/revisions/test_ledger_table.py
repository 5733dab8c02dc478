"""The SQL of the history that an administrator may have to run by hand."""

from __future__ import annotations

from seachange.revisions._ledger_table import COLUMNS, CREATE
from tests.project import REPOSITORY


def test_the_document_shows_the_sql_that_makes_the_table() -> None:
    assert CREATE.strip() in (REPOSITORY / "docs" / "history.md").read_text(encoding="utf-8")


def test_the_document_explains_every_column() -> None:
    document = (REPOSITORY / "docs" / "history.md").read_text(encoding="utf-8")
    table = document[document.index("| column |") : document.index("Rows are only ever added")]

    assert [name for name in COLUMNS if f"`{name}`" not in table] == []
