"""Pending revisions traced on a throwaway server, up to where one of them fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seachange import config
from seachange.errors import ConfigError
from seachange.workflow.run import Run
from seachange.workflow.trace import trace_file, trace_pending
from tests.project import Project, clean_environment


def test_each_pending_revision_is_traced_with_the_catalogues_around_it(scenario: Callable[[str], Project]) -> None:
    settings = config.load(scenario("linear").path, environ=clean_environment())
    with Run(settings) as run:
        trace = trace_pending(run, current=("0001",))

    assert [each.revision for each in trace.revisions] == ["0002", "0003"]
    first, second = trace.revisions
    assert first.before is not None
    assert first.after is second.before
    assert [column.name for column in first.before.tables[0].columns] == ["id", "name"]
    assert second.after is not None
    assert [column.name for column in second.after.tables[0].columns] == ["id", "name", "email"]
    assert (trace.error, trace.major) == ("", first.major)


def test_a_revision_that_fails_leaves_what_was_done_up_to_there(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    path = next((project.path / "migrations" / "versions").glob("0003*.py"))
    path.write_text(path.read_text().replace('["email"]', '["nothing"]'))
    settings = config.load(project.path, environ=clean_environment())
    with Run(settings) as run:
        trace = trace_pending(run, current=("0001",))

    assert 'column "nothing"' in trace.error
    assert trace.revisions[0].statements[0].error is None
    error = trace.revisions[1].statements[-1].error
    assert error is not None
    assert (error.sqlstate, error.message) == ("42703", 'column "nothing" named in key does not exist')


def test_a_plain_file_is_traced_where_the_history_is(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    (project.path / "release.sql").write_text("-- a release\nALTER TABLE clients\n  ADD COLUMN note serial;\n", encoding="utf-8")
    with Run(config.load(project.path, environ=clean_environment())) as run:
        trace = trace_file(run, project.path / "release.sql", current=("0002",))

    (facts,) = trace.revisions
    assert (facts.revision, [each.where for each in facts.statements], trace.error) == ("release", ["release.sql:2"], "")
    assert facts.statements[0].rewrites == ("public.clients",)


def test_a_plain_file_is_traced_in_an_empty_database_to_its_first_error(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    (project.path / "release.sql").write_text("create table t ();\nalter table clients add c int;\n", encoding="utf-8")
    with Run(config.load(project.path, environ=clean_environment())) as run:
        trace = trace_file(run, project.path / "release.sql", empty=True)

    assert [each.created for each in trace.revisions[0].statements] == [("public.t",), ()]
    assert trace.error == 'release.sql:2: relation "clients" does not exist [SQLSTATE 42P01]'


def test_a_file_that_cannot_be_read_is_said_by_name(scenario: Callable[[str], Project]) -> None:
    project = scenario("linear")
    expected = pytest.raises(ConfigError, match=r"cannot read .*release.sql: No such file or directory")
    with Run(config.load(project.path, environ=clean_environment())) as run, expected:
        trace_file(run, project.path / "release.sql", empty=True)
