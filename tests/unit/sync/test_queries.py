"""The syntax of files of queries: names, operators, documentation, parameters, and what is no query."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seachange.errors import ExtraMissingError
from seachange.sync.targets.queries._classes import from_imports, item_class, row_class, sql_text
from seachange.sync.targets.queries._files import Broken, Query, read_queries
from seachange.sync.targets.queries._sql import parameters_in, to_driver, to_server


def _read(tmp_path: Path, text: str) -> list[Query | Broken]:
    path = tmp_path / "users.sql"
    path.write_text(text)
    return list(read_queries(path, shown="queries/users.sql"))


def _only(tmp_path: Path, text: str) -> Query:
    (query,) = _read(tmp_path, text)
    assert isinstance(query, Query)
    return query


@pytest.mark.parametrize(
    ("operator", "operation"),
    [("", "many"), ("^", "one"), ("$", "value"), ("!", "affected"), ("<!", "returning"), ("*!", "each"), ("#", "script")],
)
def test_an_operator_says_what_comes_back(tmp_path: Path, operator: str, operation: str) -> None:
    query = _only(tmp_path, f"-- name: get-user{operator}\nselect 1;\n")

    assert (query.name, query.operation, query.sql) == ("get_user", operation, "select 1")


def test_a_query_knows_its_lines_and_what_people_wrote_about_it(tmp_path: Path) -> None:
    text = """\
-- This file is about users.
/* and
-- name: not_this
*/

-- name: first
-- record_class: User
-- Return all of them,
-- types: total!, :since?, "two words"? age!
-- young and old.

select *
-- which columns?
from users; -- all

-- name: second(id)^
select 2
where :id = 1
"""
    first, second = _read(tmp_path, text)

    assert first == Query(
        name="first",
        operation="many",
        sql="select *\nfrom users; -- all",
        file="queries/users.sql",
        line=6,
        doc="Return all of them,\n\nyoung and old.\nwhich columns?",
        lines=(12, 14),
        overrides={"total": False, ":since": True, "two words": True, "age": False},
    )
    assert isinstance(second, Query)
    assert (second.name, second.line, second.lines, second.parameters) == ("second", 16, (17, 18), ("id",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("-- name: 1st\nselect 1", 'invalid query name and operation spec on "1st"', id="name"),
        pytest.param("-- name: a ?\nselect 1", 'invalid query name and operation spec on "a ?"', id="operator"),
        pytest.param("-- name: a\n", "empty query for: a", id="nothing"),
        pytest.param("-- name: a\n-- only this\n;", "empty sql for: a", id="no statement"),
        pytest.param("-- name: a(x)\nselect :y", "undeclared parameter name in query a: y", id="parameter that is not declared"),
        pytest.param(
            "-- name: a(x, y)\nselect :y", "unused declared parameter in query a: ['x']", id="parameter that is not used"
        ),
        pytest.param("-- name: a\nselect :from", "'from' is not a valid parameter name", id="keyword"),
        pytest.param("-- name: a\nselect :u.name", ":u.name is an attribute of a parameter", id="attribute"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_hides_no_other_query(tmp_path: Path, text: str, message: str) -> None:
    wrong, right = _read(tmp_path, f"\n{text}\n-- name: good\nselect 1\n")

    assert isinstance(wrong, Broken)
    assert (wrong.file, wrong.line, wrong.message) == ("queries/users.sql", 2, message)
    assert isinstance(right, Query)


def test_without_aiosql_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiosql.query_loader", None)

    with pytest.raises(ExtraMissingError, match="target queries needs the library aiosql") as caught:
        _read(tmp_path, "-- name: one\nselect 1")

    assert caught.value.hint == "pip install 'seachange[queries]'"


@pytest.mark.parametrize(
    ("sql", "names", "server", "driver"),
    [
        pytest.param("select :a, :b, :a", ("a", "b"), "select $1, $2, $1", "select %(a)s, %(b)s, %(a)s", id="names"),
        pytest.param("select %(a)s", ("a",), "select $1", "select %(a)s", id="as the driver writes them"),
        pytest.param("select a::text, :b::text", ("b",), "select a::text, $1::text", "select a::text, %(b)s::text", id="casts"),
        pytest.param("select ':a', \":b\", :c", ("c",), "select ':a', \":b\", $1", "select ':a', \":b\", %(c)s", id="quotes"),
        pytest.param("select 'it''s :a', :c", ("c",), "select 'it''s :a', $1", "select 'it''s :a', %(c)s", id="doubled quote"),
        pytest.param(r"select E'\':a', :c", ("c",), r"select E'\':a', $1", r"select E'\':a', %(c)s", id="escapes"),
        pytest.param("select $x$ :a $$ $x$, :c", ("c",), "select $x$ :a $$ $x$, $1", "select $x$ :a $$ $x$, %(c)s", id="dollars"),
        pytest.param("select :c -- :a\n", ("c",), "select $1 -- :a\n", "select %(c)s -- :a\n", id="comment"),
        pytest.param("/* /* :a */ :b */ :c", ("c",), "/* /* :a */ :b */ $1", "/* /* :a */ :b */ %(c)s", id="nested comment"),
        pytest.param("'a%%' like :p", ("p",), "'a%' like $1", "'a%%' like %(p)s", id="per cent, doubled"),
        pytest.param("5 % 2 = :p", ("p",), "5 % 2 = $1", "5 %% 2 = %(p)s", id="per cent"),
        pytest.param("'a%%' like 'a%'", (), "'a%' like 'a%'", "'a%' like 'a%'", id="per cent without parameters"),
        pytest.param("a[1 : 2], f(x := :y)", ("y",), "a[1 : 2], f(x := $1)", "a[1 : 2], f(x := %(y)s)", id="colons"),
    ],
)
def test_parameters_are_found_where_they_are_some(sql: str, names: tuple[str, ...], server: str, driver: str) -> None:
    assert (parameters_in(sql), to_server(sql).text, to_driver(sql)) == (names, server, driver)


def test_a_parameter_can_be_cast_for_the_driver() -> None:
    assert to_driver("id = any(:ids) or :ids is null", casts={"ids": "bigint[]"}) == (
        "id = any(%(ids)s::bigint[]) or %(ids)s::bigint[] is null"
    )


def test_a_position_of_the_server_is_one_in_the_file() -> None:
    sql = "select :first, '50%%', :second, nope"
    text = to_server(sql)

    assert [text.origin(text.text.index(part)) for part in ("select", "$1", ", '", "$2", "nope")] == [
        sql.index(part) for part in ("select", ":first", ", '", ":second", "nope")
    ]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:%()s'\"-/*$E\\\n 1é")))
def test_whatever_the_text_its_characters_are_kept(sql: str) -> None:
    server = to_server(sql)

    assert len(server.parameters) == len(set(server.parameters))
    if not server.parameters:
        assert server.text == to_driver(sql) == _halved(sql, server.text)


def _halved(sql: str, text: str) -> str:
    """Return the text when it is the SQL with some doubled signs of per cent written once."""
    assert re.sub("%+", "%", sql) == re.sub("%+", "%", text)
    for before, after in zip(re.findall("%+", sql), re.findall("%+", text), strict=True):
        assert (len(before) + 1) // 2 <= len(after) <= len(before)
    return text


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_constant_holds_the_text_of_its_query(sql: str) -> None:
    namespace: dict[str, str] = {}
    exec("from typing import Final\n" + "\n".join(sql_text("A", sql)), namespace)

    assert namespace["A"].replace("\r\n", "\n") == sql.replace("\r\n", "\n")


def test_columns_of_any_name_are_fields() -> None:
    lines = row_class(
        "ARow", [("class", "int"), ("two words", "str"), ("int", "int"), ("Mood", "Mood")], doc="A row.", names=["Mood"]
    )

    assert [line.strip() for line in lines if ":" in line][1:] == ["class_: int", "two_words: str", "int_: int", "Mood_: Mood"]


def test_parameters_of_any_name_are_keys() -> None:
    lines = list(item_class("AValues", [("a b", "int"), ("class", "str")], doc="Values."))
    (made,) = [node for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.Assign)]

    assert isinstance(made.value, ast.Call)
    assert ast.unparse(made.value.args[1]) == "{'a b': int, 'class': str}"


def test_imports_are_in_three_groups() -> None:
    assert list(from_imports({".a": ["b"], "typing": ["Final", "Any"], "psycopg": ["X"], "unused": []}, ["import os"])) == [
        *("", "import os", "from typing import Any, Final", "", "from psycopg import X", "", "from .a import b"),
    ]
