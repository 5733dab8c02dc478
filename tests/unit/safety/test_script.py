"""Reading plain files of SQL."""

from __future__ import annotations

import pytest

from seachange.errors import StatementFailedError
from seachange.safety._tracing._script import read_script

_TEXT = """-- höhere Gewalt
/* two
   lines */ SELECT 'ü;'; -- tail

  CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;BEGIN;
ALTER TABLE t
  ADD COLUMN c int;
COMMIT
"""


def test_statements_have_the_line_on_which_they_begin() -> None:
    assert [(each.line, each.sql) for each in read_script(_TEXT, file="a.sql")] == [
        (3, "SELECT 'ü;'"),
        (5, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$"),
        (5, "BEGIN"),
        (6, "ALTER TABLE t\n  ADD COLUMN c int"),
        (8, "COMMIT"),
    ]


def test_a_file_of_comments_has_no_statements() -> None:
    assert read_script("-- nothing\n;;\n", file="a.sql") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("select 1;\n\\set x 1\n", r"a.sql:2: \set is a command of psql", id="command"),
        pytest.param("select 'ü'\n\\gexec\n", r"a.sql:2: \gexec is a command of psql", id="command after a statement"),
        pytest.param("select :x, 1;", "a.sql:1: :x is a variable of psql", id="variable"),
        pytest.param("select :'x';", "a.sql:1: :'x' is a variable of psql", id="quoted variable"),
        pytest.param(
            "select 1;\ncopy t (a)\n  from stdin;\n1\n\\.\n",
            "a.sql:2: COPY FROM STDIN takes its rows from the file, as only psql can",
            id="copy with rows",
        ),
        pytest.param(
            "copy t from stdin;\n", "a.sql:1: COPY FROM STDIN takes its rows from the file, as only psql can", id="copy without"
        ),
        pytest.param("select 1;\n\nselec 2;", 'a.sql:3: syntax error at or near "selec"', id="no SQL"),
    ],
)
def test_what_the_server_would_not_understand_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(StatementFailedError) as caught:
        read_script(text, file="a.sql")

    assert caught.value.message == message


def test_what_is_no_sql_is_left_for_the_server_to_say() -> None:
    text = "select 1;\n-- what?\n\nselec 2; -- no\n\n/* and */ select 'a;b'"

    assert [(each.line, each.sql) for each in read_script(text, file="a.sql", served=True)] == [
        (1, "select 1"),
        (4, "selec 2"),
        (6, "select 'a;b'"),
    ]


def test_what_has_no_end_is_told_here() -> None:
    with pytest.raises(StatementFailedError) as caught:
        read_script("select 1;\nselect 'a;\n", file="a.sql", served=True)

    assert caught.value.message == "a.sql:2: unterminated quoted string"
