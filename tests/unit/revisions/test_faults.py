"""The faults of a revision's code: which SQL it sends, and in which transaction."""

from __future__ import annotations

import ast
import textwrap

import pytest

from seachange.revisions._code.fault import Fault
from seachange.revisions._code.faults import faults_of

HEAD = "import sqlalchemy as sa\nfrom alembic import op\nfrom sqlalchemy import text\nfrom textwrap import dedent\n"


def faults(body: str, *, top: str = "", down: str = "pass") -> list[Fault]:
    """Return the faults of a revision whose ``upgrade`` begins in line 11."""
    head = HEAD + textwrap.dedent(top)
    head += "\n" * (9 - head.count("\n"))
    bodies = [textwrap.indent(textwrap.dedent(part).strip("\n"), "    ") for part in (body, down)]
    source = f"{head}def upgrade():\n{bodies[0]}\n\n\ndef downgrade():\n{bodies[1]}\n"
    return list(faults_of(source.encode(), ast.parse(source)))


def found(body: str, *, top: str = "", down: str = "pass") -> list[tuple[str, str, int]]:
    return [(fault.code, fault.severity, fault.line) for fault in faults(body, top=top, down=down)]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param('op.execute("SELEC 1")', 11, id="a literal"),
        pytest.param('op.execute(sqltext="SELEC 1")', 11, id="by its keyword"),
        pytest.param('op.execute(sa.text("SELEC 1"))', 11, id="sa.text"),
        pytest.param('op.execute(text("SELEC 1"))', 11, id="text"),
        pytest.param('op.execute(sa.sql.text("SELEC 1"))', 11, id="sqlalchemy.sql.text"),
        pytest.param('op.execute(sa.DDL("SELEC 1"))', 11, id="DDL"),
        pytest.param('op.execute("SELECT 1; "\n           "SELEC 2")', 11, id="implicit concatenation"),
        pytest.param('op.execute("SELECT 1; " + "SELEC 2")', 11, id="a sum"),
        pytest.param('op.execute("""\n    SELECT 1;\n\n    SELEC 2\n""")', 14, id="in the fourth line of a literal"),
        pytest.param('op.execute(dedent("""\n    SELEC 2\n"""))', 12, id="dedent"),
        pytest.param('op.execute("""\n    SELEC 2\n""".strip())', 12, id="strip"),
        pytest.param('sql = "SELEC 1"\nop.execute(sql)', 11, id="a name"),
        pytest.param('sql = text("SELEC 1")\nop.execute(sql)', 11, id="a text with a name"),
        pytest.param('for sql in ("SELECT 1", "SELEC 2"):\n    op.execute(sql)', 11, id="a loop"),
        pytest.param('for name, sql in [("a", "SELEC 1")]:\n    op.execute(sql)', 11, id="a loop over pairs"),
        pytest.param('op.execute("SELECT 1" if op else "SELEC 2")', 11, id="one of two"),
        pytest.param('table = "t"\nop.execute(f"SELEC 1 FROM {table}")', 12, id="an f-string of constants"),
        pytest.param('conn = op.get_bind()\nconn.execute(text("SELEC 1"))', 12, id="on the connection"),
        pytest.param('op.get_bind().exec_driver_sql("SELEC 1")', 11, id="past SQLAlchemy"),
        pytest.param('with op.batch_alter_table("t") as batch:\n    batch.execute("SELEC 1")', 12, id="in a batch"),
    ],
)
def test_sql_that_does_not_parse_is_found_at_its_line(body: str, line: int) -> None:
    assert found(body) == [("sql-syntax", "error", line)]


@pytest.mark.parametrize(
    "top",
    [
        pytest.param('SQL = """\nSELEC 1\n"""\n', id="a constant of the module"),
        pytest.param('def sql():\n    return "SELEC 1"\nSQL = sql()\n', id="a function that returns it"),
    ],
)
def test_sql_that_stands_elsewhere_in_the_file_is_found_there(top: str) -> None:
    assert found("op.execute(SQL)", top=top) == [("sql-syntax", "error", 6)]


def test_sql_in_a_function_that_both_ways_use_is_found_once() -> None:
    top = 'def run():\n    op.execute("SELEC 1")\n'

    assert found("run()", top=top, down="run()") == [("sql-syntax", "error", 6)]


def test_the_message_says_what_is_wrong_and_the_hint_where() -> None:
    (fault,) = faults('op.execute("""SELECT *\n    FROM clients WHER id = 1""")')

    assert fault.message == 'SQL that does not parse: syntax error at or near "id"'
    assert fault.hint == "line 2, column 27 of the text: FROM clients WHER >>>id = 1"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("op.execute(sa.table('t', sa.column('a')).update().values(a=1))", id="a construct"),
        pytest.param("op.execute(sa.select(sa.func.now()))", id="another construct"),
        pytest.param("rows = sa.table('t')\nop.execute(rows.delete())", id="a construct with a name"),
        pytest.param("op.execute(\"UPDATE t SET a = '12:30:00'::time, b = a[1:2] WHERE c::int = 1\")", id="colons"),
        pytest.param(r"""op.execute(r"UPDATE t SET a = '{\"b\"\:1}'")""", id="an escaped colon"),
        pytest.param("op.execute(text('UPDATE t SET a = :a').bindparams(a=1))", id="a parameter with its value"),
        pytest.param("op.get_bind().execute(text('UPDATE t SET a = :a'), {'a': 1})", id="a parameter of the call"),
        pytest.param("op.get_bind().exec_driver_sql('UPDATE t SET a = %(a)s, b = 1 %% 2', {'a': 1})", id="a driver's parameter"),
        pytest.param("op.execute(\"SELECT 1 WHERE 'a%' LIKE 'a%%'\")", id="percent signs"),
        pytest.param('op.execute("DO $$ BEGIN PERFORM 1; COMMIT; END $$")', id="PL/pgSQL"),
        pytest.param("op.execute('')", id="an empty text"),
        pytest.param("op.execute('SAVEPOINT a'); op.execute('ROLLBACK TO a')", id="savepoints"),
        pytest.param("if op.get_bind().dialect.name == 'sqlite':\n    op.execute('PRAGMA foreign_keys=ON')", id="SQLite"),
        pytest.param("if op.get_bind().dialect.name != 'postgresql':\n    op.execute('PRAGMA x=1')", id="not PostgreSQL"),
        pytest.param(
            "if op.get_bind().dialect.name == 'postgresql':\n    x = 'SELECT 1'\nelse:\n    x = 'PRAGMA x=1'\nop.execute(x)",
            id="a text for another database",
        ),
        pytest.param(
            "mine = op.get_bind().dialect.name == 'postgresql'\nif mine:\n    pass\nelse:\n    op.execute('PRAGMA x=1')",
            id="a condition with a name",
        ),
        pytest.param(
            "if op.get_bind().dialect.name in ('mysql', 'mariadb'):\n    op.execute('SET SQL_SAFE x')\nelif not op:\n    pass",
            id="MySQL",
        ),
    ],
)
def test_what_is_right_is_no_finding(body: str) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("name = input()\nop.execute(f'DROP TABLE {name}')", id="an f-string"),
        pytest.param("name = input()\nop.execute('DROP TABLE %s' % name)", id="percent"),
        pytest.param("name = input()\nop.execute('DROP TABLE {}'.format(name))", id="format"),
        pytest.param("name = input()\nop.execute('DROP TABLE ' + name)", id="a sum"),
        pytest.param("name = input()\nop.execute(name)", id="a result"),
        pytest.param("name = None\nop.execute(open('x.sql').read())", id="a file"),
        pytest.param("name = None\nop.execute(SOMEWHERE.SQL)", id="an attribute"),
        pytest.param("name = None\nop.execute(text(f'SET x = {op:d}'))", id="a text of an f-string"),
        pytest.param("name = {'a': 't'}\nop.get_bind().execute(text('DROP TABLE :a'), name)", id="a parameter where none may be"),
    ],
)
def test_what_cannot_be_checked_is_said(body: str) -> None:
    assert found(body) == [("sql-not-checkable", "info", 12)]


def test_what_cannot_be_checked_is_said_once_for_a_file() -> None:
    body = """
        for name in open('x'):
            op.execute(f'DROP TABLE {name}')
            op.execute(name)
        op.execute(text('DROP TABLE :a').bindparams(a=1))
        """
    (fault,) = faults(body)

    assert fault.message == (
        "3 texts of SQL cannot be checked: computed when the revision runs (lines 12, 13); "
        "with parameters where no value can stand (line 14)"
    )


def test_a_parameter_that_nothing_gives_a_value_is_found() -> None:
    (fault,) = faults("""op.execute("UPDATE t SET a = '{\\"b\\":1}'")""")

    assert (fault.code, fault.severity) == ("unbound-parameter", "error")
    assert fault.message == "SQLAlchemy takes :1 in the text for a parameter, and nothing gives it a value"


BLOCK = "with op.get_context().autocommit_block():\n    "
ALONE = [
    "CREATE INDEX CONCURRENTLY i ON t (a)",
    "DROP INDEX CONCURRENTLY i",
    "REINDEX INDEX CONCURRENTLY i",
    "REINDEX (CONCURRENTLY) TABLE t",
    "REINDEX SCHEMA s",
    "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
    "VACUUM t",
    "VACUUM (ANALYZE) t",
    "CREATE DATABASE d",
    "DROP DATABASE d",
    "ALTER SYSTEM SET work_mem = '1MB'",
    "CLUSTER",
    "CREATE TABLESPACE s LOCATION '/x'",
    "ALTER DATABASE d SET TABLESPACE s",
]


@pytest.mark.parametrize("sql", ALONE)
def test_what_runs_in_no_transaction_needs_an_autocommit_block(sql: str) -> None:
    assert found(f'op.execute("{sql}")') == [("needs-autocommit", "error", 11)]
    assert found("pass", down=f'op.execute("{sql}")') == [("needs-autocommit", "error", 15)]
    assert found(f'{BLOCK}op.execute("{sql}")') == []


@pytest.mark.parametrize(
    "sql",
    ["REINDEX INDEX i", "ANALYZE t", "ALTER TABLE t DETACH PARTITION p", "CLUSTER t", "REFRESH MATERIALIZED VIEW CONCURRENTLY v"],
)
def test_what_runs_in_a_transaction_needs_none(sql: str) -> None:
    assert found(f'op.execute("{sql}")') == []


@pytest.mark.parametrize(
    "call",
    [
        pytest.param('op.create_index("i", "t", ["a"], postgresql_concurrently=True)', id="create_index"),
        pytest.param('op.drop_index("i", postgresql_concurrently=True)', id="drop_index"),
        pytest.param('op.create_index("i", "t", ["a"], postgresql_concurrently=FLAG)', id="by a constant"),
    ],
)
def test_concurrent_operations_need_an_autocommit_block(call: str) -> None:
    top = "FLAG = True\n"

    assert found(call, top=top) == [("needs-autocommit", "error", 11)]
    assert found("pass", top=top, down=call) == [("needs-autocommit", "error", 15)]
    assert found(BLOCK + call, top=top) == []
    assert found(call.replace("True", "False").replace("FLAG", "False"), top=top) == []


def test_what_a_batch_collects_runs_where_the_batch_ends() -> None:
    call = 'batch.create_index("i", ["a"], postgresql_concurrently=True)'
    within = f'with op.batch_alter_table("t") as batch:\n    with op.get_context().autocommit_block():\n        {call}'
    around = f'{BLOCK}with op.batch_alter_table("t") as batch:\n        {call}'

    assert found(within) == [("needs-autocommit", "error", 13)]
    assert found(around) == []


SEND = 'op.execute("VACUUM")'


@pytest.mark.parametrize(
    ("body", "top"),
    [
        pytest.param(f"context = op.get_context()\nwith context.autocommit_block():\n    {SEND}", "", id="a context with a name"),
        pytest.param(f"block = op.get_context().autocommit_block()\nwith block:\n    {SEND}", "", id="a block with a name"),
        pytest.param(f"with op.get_context().autocommit_block(), open('x'):\n    if op:\n        {SEND}", "", id="among others"),
        pytest.param(f"{BLOCK}run()", f"def run():\n    {SEND}\n", id="a function called in it"),
        pytest.param(
            f"with outside():\n    {SEND}",
            "def outside():\n    with op.get_context().autocommit_block():\n        yield\n",
            id="a function that opens it",
        ),
        pytest.param(f"from shop import autocommit\n    \nwith autocommit(op):\n    {SEND}", "", id="a helper of that name"),
        pytest.param(
            "own = op.get_bind().execution_options(isolation_level='AUTOCOMMIT')\nown.execute(text('VACUUM'))",
            "",
            id="its own connection",
        ),
    ],
)
def test_every_way_into_an_autocommit_block_counts(body: str, top: str) -> None:
    assert found(body, top=top) == []


@pytest.mark.parametrize(
    "sql", ["COMMIT", "BEGIN", "ROLLBACK", "END", "START TRANSACTION", "ABORT", "SELECT 1; COMMIT; SELECT 2"]
)
def test_statements_that_end_or_begin_a_transaction_are_a_warning(sql: str) -> None:
    assert found(f'op.execute("{sql}")') == [("raw-transaction", "warning", 11)]
    assert found(f'{BLOCK}op.execute("{sql}")') == []


def test_a_concurrent_statement_after_a_raw_commit_depends_on_the_driver() -> None:
    assert found(f'op.execute("COMMIT")\n{SEND}\nop.create_index("i", "t", ["a"], postgresql_concurrently=True)') == [
        ("raw-transaction", "warning", 11),
        ("needs-autocommit", "warning", 12),
        ("needs-autocommit", "warning", 13),
    ]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("op.get_bind().commit()", id="commit"),
        pytest.param("op.get_bind().rollback()", id="rollback"),
        pytest.param("op.get_context().connection.commit()", id="of the context"),
        pytest.param("op.get_context().bind.commit()", id="bind of the context"),
        pytest.param("op.get_bind().connection.commit()", id="of the driver"),
    ],
)
def test_committing_the_connection_is_a_warning(call: str) -> None:
    assert found(call) == [("connection-commit", "warning", 11)]
    assert found("pass", down=call) == [("connection-commit", "warning", 15)]


def test_committing_a_connection_with_a_name_is_a_warning() -> None:
    assert found("conn = op.get_bind()\nconn.commit()") == [("connection-commit", "warning", 12)]


def test_committing_something_else_is_no_finding() -> None:
    assert found("with open('x') as other:\n    other.commit()") == []


def test_a_statement_that_runs_alone_must_be_alone_in_its_text() -> None:
    assert found(f'{BLOCK}op.execute("VACUUM a; VACUUM b")') == [("runs-alone", "error", 12)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        pytest.param("COPY t FROM STDIN", "copy-in-text", id="COPY"),
        pytest.param("COPY t FROM stdin;\\n1\\t2\\n\\\\.\\n", "copy-in-text", id="COPY with its data"),
        pytest.param("COPY t TO STDOUT", "copy-in-text", id="COPY to the client"),
        pytest.param("SELECT 1;\\n\\\\connect other", "psql-command", id="a command of psql"),
    ],
)
def test_what_only_psql_can_do_is_said_so(sql: str, code: str) -> None:
    assert found(f'op.execute("{sql}")') == [(code, "error", 11)]


def test_functions_that_nothing_calls_are_left_alone() -> None:
    assert found("pass", top='def unused():\n    op.execute("SELEC 1")\n') == []


def test_the_functions_of_several_databases_count() -> None:
    source = 'from alembic import op\ndef upgrade(engine_name):\n    globals()[f"upgrade_{engine_name}"]()\n'
    source += 'def upgrade_orders():\n    op.execute("SELEC 1")\n'

    assert [fault.line for fault in faults_of(source.encode(), ast.parse(source))] == [5]


def test_a_function_that_calls_itself_is_read_once() -> None:
    assert found("run()", top='def run():\n    op.execute("SELEC 1")\n    run()\n') == [("sql-syntax", "error", 6)]


def test_a_name_that_means_itself_is_not_followed_for_ever() -> None:
    body = "sql = sql + sql\nconn = conn.connection\n" * 50 + "op.execute(sql)\nconn.execute(sql)"

    assert found(body) == [("sql-not-checkable", "info", 111)]
