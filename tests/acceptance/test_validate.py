"""`migration.validate` as its user and their continuous integration run it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from seachange.postgres.connection import Database
from tests.project import Project

VERSIONS = "migrations/versions"
FOUND = [
    (f"{VERSIONS}/0002_add_email.py", 13, "sql-syntax", "error"),
    (f"{VERSIONS}/0003_index_name.py", 15, "needs-autocommit", "error"),
    (f"{VERSIONS}/0004_fill_names.py", 6, "imports-models", "warning"),
    (f"{VERSIONS}/0004_fill_names.py", 14, "raw-transaction", "warning"),
    (f"{VERSIONS}/0004_fill_names.py", 15, "connection-commit", "warning"),
    (f"{VERSIONS}/0004_fill_names.py", 16, "sql-not-checkable", "info"),
]


@pytest.fixture
def faulty(scenario: Callable[[str], Project]) -> Project:
    return scenario("faulty_code")


def test_each_finding_has_file_line_code_message_and_hint(faulty: Project) -> None:
    outcome = faulty.invoke("migration.validate", "--format", "json")
    document = json.loads(outcome.stdout)

    assert (outcome.exit_code, document["schema"], outcome.stderr) == (2, "seachange.migration.validate/1", "")
    assert [(each["file"], each["line"], each["code"], each["severity"]) for each in document["findings"]] == FOUND
    assert all(each["message"] and each["hint"] for each in document["findings"])


def test_people_read_the_place_and_the_remedy(faulty: Project) -> None:
    outcome = faulty.invoke("migration.validate")

    assert outcome.exit_code == 2
    assert outcome.stdout.splitlines()[:4] == [
        f'error: {VERSIONS}/0002_add_email.py:13: SQL that does not parse: syntax error at or near "varchar" [sql-syntax]',
        "   hint: line 3, column 29 of the text: ADD COLUM email >>>varchar(120)",
        (
            f"error: {VERSIONS}/0003_index_name.py:15: downgrade() runs DROP INDEX CONCURRENTLY in the migration's transaction, "
            "and PostgreSQL refuses it there [needs-autocommit]"
        ),
        "   hint: put it into `with op.get_context().autocommit_block():`",
    ]


def test_github_gets_a_command_for_each_finding_with_paths_from_the_root_of_the_repository(faulty: Project) -> None:
    (faulty.path.parent / ".git").mkdir()
    outcome = faulty.invoke("migration.validate", "--format", "github")

    words = {"error": "error", "warning": "warning", "info": "notice"}
    assert outcome.exit_code == 2
    assert [line.partition("::")[2].partition("::")[0] for line in outcome.stdout.splitlines()] == [
        f"{words[severity]} file=faulty_code/{file},line={line},title={code}" for file, line, code, severity in FOUND
    ]


def test_errors_inside_of_an_old_history_are_warnings(faulty: Project) -> None:
    head = max(path.name.partition("_")[0] for path in (faulty.path / VERSIONS).glob("0*.py"))
    with (faulty.path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.seachange.lint]\nsince = "{head}"\n')

    outcome = faulty.invoke("migration.validate", "--format", "json")

    findings = json.loads(outcome.stdout)["findings"]
    assert (outcome.exit_code, len(findings)) == (0, len(FOUND))
    assert "error" not in {finding["severity"] for finding in findings}


def test_sarif_is_one_document(faulty: Project) -> None:
    outcome = faulty.invoke("migration.validate", "--format", "sarif")
    (run,) = json.loads(outcome.stdout)["runs"]

    assert outcome.exit_code == 2
    assert [result["ruleId"] for result in run["results"]] == [code for _, _, code, _ in FOUND]


def test_a_format_that_nobody_knows_names_those_that_there_are(faulty: Project) -> None:
    outcome = faulty.invoke("migration.validate", "--format", "xml")

    assert (outcome.exit_code, outcome.stderr) == (
        1,
        "error: --format: 'xml' is not one of text, json, github, sarif, gitlab, junit, markdown\n",
    )


def test_a_sound_history_ends_with_0_in_every_format(scenario: Callable[[str], Project]) -> None:
    linear = scenario("linear")
    said = "3 revisions in 1 locations make one order, head 0003"
    formats = ("text", "json", "github", "sarif", "gitlab", "junit", "markdown")

    outcomes = {form: linear.invoke("migration.validate", "--format", form) for form in formats}

    assert {form: outcome.exit_code for form, outcome in outcomes.items()} == dict.fromkeys(outcomes, 0)
    assert (outcomes["text"].stdout, outcomes["github"].stdout) == (f"ok: {said}\n", f"{said}\n")
    assert (outcomes["gitlab"].stdout, outcomes["markdown"].stdout) == ("[]\n", f"### `migration.validate`\n\n✅ {said}\n")
    assert f'name="{said}"' in outcomes["junit"].stdout
    assert json.loads(outcomes["json"].stdout)["findings"] == json.loads(outcomes["sarif"].stdout)["runs"][0]["results"] == []


def test_nothing_of_a_revision_is_run(faulty: Project) -> None:
    (faulty.path / VERSIONS / "0005_talks.py").write_text(
        'revision = "0005"\ndown_revision = "0004"\nopen("was_here", "w").close()\n\n\ndef upgrade():\n    print(1)\n'
    )
    faulty.invoke("migration.validate")

    assert not (faulty.path / "was_here").exists()


def test_a_fault_in_a_revision_that_was_applied_long_ago_stops_nothing(
    scenario: Callable[[str], Project], database: Database
) -> None:
    project = scenario("linear")
    url = {"DATABASE_URL": database.url()}
    assert project.invoke("migration.apply", "--to", "0002", env=url).exit_code == 0
    for name in ("0002_add_email", "0003_unique_email"):
        with (project.path / VERSIONS / f"{name}.py").open("a") as file:
            file.write('    op.execute("GRANT no such right")\n')

    old_and_new = project.invoke("migration.apply", env=url)
    project.replace(f"{VERSIONS}/0003_unique_email.py", old="GRANT no such right", new="SELECT 1")
    old = project.invoke("migration.apply", env=url)

    assert (old_and_new.exit_code, old_and_new.stdout.count("[sql-syntax]")) == (2, 2)
    assert (old.exit_code, "warning: migrations/versions/0002_add_email.py" in old.stdout) == (0, True)
    assert project.invoke("migration.validate").exit_code == 2
