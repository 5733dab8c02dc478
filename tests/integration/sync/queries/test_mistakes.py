"""What is wrong with queries: all of it at once, each with its place and what to do, and nothing is written."""

from __future__ import annotations

import pytest

from seachange.errors import ConfigError
from tests.integration.sync.queries.conftest import Generator

_MISTAKES = [
    pytest.param("a\nselect id,\n    nope\nfrom pets", 3, 'column "nope" does not exist', "", "    nope\n    ^", id="column"),
    pytest.param("a\nselect id from pets where id = :id and", 2, "syntax error at end of input", "", "", id="syntax"),
    pytest.param(
        "a\nselect id from pets where :what is null",
        1,
        "could not determine data type of parameter :what",
        "say its type in the query: (:name)::integer, cast(:name as text)",
        "",
        id="type of a parameter",
    ),
    pytest.param(
        "a!\ndelete from pets; delete from clients",
        1,
        "cannot insert multiple commands into a prepared statement",
        "one statement a query; a script of several has the operator #",
        "",
        id="several statements",
    ),
    pytest.param("a#\ndelete from pets;\ndelete from nope", 3, 'relation "nope" does not exist', "", "", id="script"),
    pytest.param("a#\ncreate table x ();\nselekt", 3, 'syntax error at or near "selekt"', "", "selekt\n^", id="script's syntax"),
    pytest.param(
        "a\nselect c.id, p.id from clients c, pets p",
        1,
        "two columns have the name id",
        "give one of them another: AS other_name",
        "",
        id="name twice",
    ),
    pytest.param("a\nselect id, 1 + 1 from pets", 1, "column 2 has no name", "give it one: AS total", "", id="no name"),
    pytest.param("a$\nselect 1, 2 from pets", 1, "operator $ takes one value, and it returns 2 columns", "", "", id="values"),
    pytest.param("a\ndelete from pets", 1, "returns no rows", "", "", id="no rows"),
    pytest.param("a*!\ndelete from pets", 1, "operator *! needs parameters", "", "", id="nothing to run with"),
    pytest.param(
        "a\n-- types: total!, :id?\nselect id from pets",
        1,
        "the line of types names :id, total, which it does not have",
        "",
        "",
        id="types",
    ),
    pytest.param("a(id)\nselect 1 as one", 1, "unused declared parameter in query a: ['id']", "", "", id="unused"),
    pytest.param("good\nselect 1 as one", 1, "there is another query of this name in line 1", "", "", id="name of two"),
]  # fmt: skip


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
@pytest.mark.parametrize(("text", "line", "message", "hint", "excerpt"), _MISTAKES)
def test_a_mistake_is_named_with_its_place(
    generator: Generator, text: str, line: int, message: str, hint: str, excerpt: str
) -> None:
    before = "-- name: good\nselect 1 as one;\n\n"
    (failed,) = generator.sync({"a.sql": f"{before}-- name: {text}"}).failed
    (finding,) = failed.findings

    assert (finding.file, finding.line) == ("queries/a.sql", line + 3)
    assert finding.message.split(": ", 1)[1] == f"{message} at revision abc"
    assert hint in finding.hint
    assert "\n".join(f"    {one.lstrip()}" for one in excerpt.split("\n") if one.strip("^ ")) in failed.reason
    assert not (generator.folder / "made").exists()


def test_all_broken_queries_are_named_and_nothing_is_written(generator: Generator) -> None:
    files = {
        "a.sql": "-- name: one\nselect nope from pets where id = :id;\n-- name: two\nselect id from pets;\n",
        "sub/b.sql": "-- name: 3rd\nselect 1;\n-- name: four\nselect id\nfrom pets\nwhere id = :id and ñ = :x",
    }
    (failed,) = generator.sync(files).failed

    assert failed.reason.splitlines() == [
        "3 of 4 queries do not fit the database at revision abc:",
        'queries/a.sql:2: one: column "nope" does not exist',
        "    select nope from pets where id = :id",
        "           ^",
        'queries/sub/b.sql:1: 3rd: invalid query name and operation spec on "3rd"',
        'queries/sub/b.sql:6: four: column "ñ" does not exist',
        "    where id = :id and ñ = :x",
        "                       ^",
    ]
    assert not (generator.folder / "made").exists()


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("two words.sql", "two words.sql cannot be a module of Python", id="blank"),
        pytest.param("class.sql", "class.sql cannot be a module of Python", id="keyword"),
        pytest.param("_types.sql", "_types.sql cannot be a module of Python", id="taken"),
        pytest.param("a/b.txt", "there are no .sql files in", id="no queries"),
    ],
)
def test_a_file_that_cannot_be_a_module_is_named(generator: Generator, name: str, message: str) -> None:
    (failed,) = generator.sync({name: "-- name: one\nselect 1 as one"}).failed

    assert message in failed.reason


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
@pytest.mark.parametrize("options", [{"style": "fast"}, {"style": ["sync", "sink"]}, {"folder": 3}])
def test_an_option_that_means_nothing_is_refused(generator: Generator, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="target queries: option"):
        generator.sync({"a.sql": "-- name: one\nselect 1 as one"}, options=options)


@pytest.mark.parametrize("each_server", [18], ids=["pg18"], indirect=True)
def test_a_second_run_writes_nothing_and_files_without_queries_go(generator: Generator) -> None:
    files = {"a.sql": "-- name: one\nselect 1 as one", "b.sql": "-- name: two\nselect 2 as two", "empty.sql": "-- nothing yet\n"}
    first = generator.sync(files)
    second = generator.sync(files)
    (generator.folder / "queries" / "b.sql").unlink()
    third = generator.sync({}, check=True)

    assert [file.path.name for file in first.files] == ["__init__.py", "_types.py", "a.py", "b.py"]
    assert {file.status for file in second.files} == {"unchanged"}
    assert [(file.path.name, file.status) for file in third.files if file.status != "unchanged"] == [("b.py", "stale")]
