"""Plans as text, Markdown and SQL."""

from __future__ import annotations

import dataclasses
import re

from seachange.plan import Plan, PlannedRevision, Statement
from seachange.report.marks import Marks
from seachange.report.plan import plan_lines, plan_markdown, plan_sql

PLAIN = Marks(pictures=False, colour=False)
FILE = "migrations/versions/0002_pets.py"


def revision(*statements: Statement) -> PlannedRevision:
    return PlannedRevision(
        revision="0002", title="Create | pets <3", file=FILE, reversible=True, transactions=1, statements=statements
    )


def plan(*statements: Statement) -> Plan:
    return Plan(direction="upgrade", current=("0001",), target=("0002",), revisions=(revision(*statements),))


TABLE = Statement(sql="CREATE TABLE pets (\n  id int\n)", file=FILE, line=9)
ROWS = Statement(sql="INSERT INTO pets VALUES (1)", file=FILE, line=12, count=10_000)
INDEX = Statement(sql="CREATE INDEX CONCURRENTLY i ON pets (id);", file=FILE, line=14, transaction=0)


def test_text_names_each_place_and_leaves_statements_whole() -> None:
    made = plan(TABLE, ROWS, INDEX)

    assert plan_lines(made, PLAIN) == [
        "1 revision to apply, from 0001 to 0002",
        f"hash {made.hash}",
        "",
        "0002 Create | pets <3: 1 transaction and 1 statement outside of any; reversible, not tried",
        "  migrations/versions/0002_pets.py:9  transaction 1",
        "      CREATE TABLE pets (",
        "        id int",
        "      )",
        "  migrations/versions/0002_pets.py:12  transaction 1, 10000 times, the first:",
        "      INSERT INTO pets VALUES (1)",
        "  migrations/versions/0002_pets.py:14  outside a transaction",
        "      CREATE INDEX CONCURRENTLY i ON pets (id);",
        "",
        "10002 statements in 1 revision.",
    ]


def test_a_revision_that_cannot_be_undone_says_why() -> None:
    made = plan(TABLE)
    gone = dataclasses.replace(made.revisions[0], reversible=False, irreversible="the old | values are gone")
    made = dataclasses.replace(made, revisions=(gone,))

    assert plan_lines(made, PLAIN)[3] == "0002 Create | pets <3: 1 transaction; irreversible: the old | values are gone"
    assert "| irreversible: the old \\| values are gone |" in plan_markdown(made)
    assert made.to_dict()["revisions"][0]["irreversible"] == "the old | values are gone"


def test_on_a_terminal_a_statement_takes_one_line() -> None:
    lines = plan_lines(plan(dataclasses.replace(TABLE, sql=f"SELECT\n'{'x' * 300}'")), PLAIN, width=60)

    assert lines[5] == f"      SELECT '{'x' * 43}..."
    assert max(map(len, lines[4:])) == 60


def test_a_plan_without_revisions_says_that_there_is_nothing_to_do() -> None:
    empty = Plan(direction="upgrade", current=("0002",), target=("0002",), database="clinic")

    assert plan_lines(empty, PLAIN) == ["ok: nothing to do: clinic is at 0002"]
    assert plan_markdown(empty) == "### Migration plan\n\nnothing to do: clinic is at 0002\n"


def test_markdown_is_a_table_with_the_sql_folded_below() -> None:
    made = plan(TABLE, INDEX)

    assert plan_markdown(made) == (
        "### Migration plan: 1 revision to apply, from 0001 to 0002\n\n"
        "| revision | title | statements | transactions | way back |\n"
        "|---|---|---:|---|---|\n"
        "| `0002` | Create \\| pets &lt;3 | 2 | 1 transaction and 1 statement outside of any | reversible, not tried |\n\n"
        "<details>\n<summary><code>0002</code> Create | pets &lt;3</summary>\n\n"
        "`migrations/versions/0002_pets.py:9` transaction 1\n\n```sql\nCREATE TABLE pets (\n  id int\n)\n```\n\n"
        "`migrations/versions/0002_pets.py:14` outside a transaction\n\n"
        "```sql\nCREATE INDEX CONCURRENTLY i ON pets (id);\n```\n\n"
        "</details>\n\n\n"
        f"2 statements in 1 revision. Hash `{made.hash}`\n"
    )


def test_markdown_fits_into_a_comment_and_says_what_it_left_out() -> None:
    made = plan(*(dataclasses.replace(TABLE, sql="x" * 3_000, line=number) for number in range(100)))

    text = plan_markdown(made)

    assert len(text) < 65_536
    assert "more statements are in the JSON plan" in text
    assert made.hash in text


def test_markdown_of_thousands_of_revisions_fits_as_well() -> None:
    many = dataclasses.replace(plan(), revisions=tuple(revision(dataclasses.replace(TABLE, reads=True)) for _ in range(2_000)))
    read = dataclasses.replace(many, revisions=tuple(dataclasses.replace(one, depends_on_data=True) for one in many.revisions))

    text = plan_markdown(read)

    assert len(text) < 65_536
    assert re.search(r"^\| \| and \d+ more \|", text, flags=re.M)
    assert re.search(r"^- and \d+ more$", text, flags=re.M)


def test_backticks_in_sql_do_not_end_the_block() -> None:
    assert "````sql\nSELECT '```'\n````" in plan_markdown(plan(dataclasses.replace(TABLE, sql="SELECT '```'")))


def test_what_depends_on_rows_is_said() -> None:
    reading = dataclasses.replace(revision(dataclasses.replace(TABLE, reads=True)), depends_on_data=True)
    made = dataclasses.replace(plan(), revisions=(reading,))

    warning = "reads rows (line 9): on the database itself, which has other rows, it may send other statements"
    assert f"warning: {warning}" in plan_lines(made, PLAIN)
    assert f"- ⚠️ `0002`: {warning}" in plan_markdown(made)


def test_sql_shows_the_transactions() -> None:
    made = plan(TABLE, ROWS, INDEX)

    assert plan_sql(made) == (
        "-- 1 revision to apply, from 0001 to 0002\n"
        f"-- hash {made.hash}\n"
        "-- to read, not to run: the version table is left out\n\n"
        "-- 0002 Create | pets <3: 1 transaction and 1 statement outside of any; reversible, not tried\n\n"
        "BEGIN;\n"
        "-- migrations/versions/0002_pets.py:9\nCREATE TABLE pets (\n  id int\n);\n"
        "-- migrations/versions/0002_pets.py:12, 10000 times, the first:\nINSERT INTO pets VALUES (1);\n"
        "COMMIT;\n\n"
        "-- migrations/versions/0002_pets.py:14\nCREATE INDEX CONCURRENTLY i ON pets (id);\n"
    )
