"""What the text of env.py says, and what it leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from seachange.revisions._source import is_plain, options_in
from tests.project import REPOSITORY

PROJECTS = REPOSITORY / "tests" / "projects"


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        pytest.param("generic_ini/alembic", True, id="the generic template"),
        pytest.param("async_asyncpg/migrations", True, id="the asynchronous template"),
        pytest.param("linear/migrations", True, id="a connection that is handed over"),
        pytest.param("sync_psycopg2/migrations", False, id="an engine of the application"),
        pytest.param("search_path/migrations", False, id="a listener and a statement"),
        pytest.param("transaction_begun/migrations", False, id="a map of schemas"),
        pytest.param("multidb/migrations", False, id="several databases"),
        pytest.param("tenants/migrations", False, id="a loop over schemas"),
        pytest.param("nowhere", False, id="no file"),
    ],
)
def test_one_plain_connection_is_told_from_all_else(name: str, plain: bool) -> None:  # noqa: FBT001
    assert is_plain(PROJECTS / name / "env.py") is plain


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("create_engine(u, connect_args={'options': '-c search_path=a'})", id="arguments of connections"),
        pytest.param("create_engine(u)\nrun('a')\nrun('b')\ndef run(schema): ...", id="a function that runs twice"),
        pytest.param("create_engine(u)\n[run(s) for s in schemas]", id="a comprehension"),
        pytest.param("create_engine(u", id="a text that does not compile"),
    ],
)
def test_what_may_move_the_version_table_is_not_plain(tmp_path: Path, text: str) -> None:
    (tmp_path / "env.py").write_text(text)

    assert not is_plain(tmp_path / "env.py")


def test_options_are_read_where_the_global_names_suffice() -> None:
    call = "context.configure(target_metadata=Base.metadata, version_table=NAME, version_table_schema=schema)"
    source = f"def run(connection, schema):\n    {call}"
    base = type("Base", (), {"metadata": "tables"})

    assert options_in(source, {"Base": base, "NAME": "history"}) == {"target_metadata": "tables", "version_table": "history"}
