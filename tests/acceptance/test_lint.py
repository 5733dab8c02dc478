"""`invoke migration.lint`, and the step of the same name, as a developer and a pipeline run them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from seachange.postgres.connection import Database
from tests.integration.revisions.looking import ask
from tests.project import Project

PENDING = "migrations/versions/0002_tighten_the_orders.py"
ERRORS = {
    (22, "SC301"): "building index ix_orders_placed_on reads every row of public.orders",
    (23, "SC201"): "adding CHECK ck_orders_amount reads every row of public.orders",
    (26, "SC202"): "adding FOREIGN KEY fk_orders_customer_id to public.customers",
    (34, "SC110"): "SET NOT NULL on amount reads every row of public.orders",
    (35, "SC205"): "adding UNIQUE constraint uq_customers_email builds an index on public.customers",
}


@pytest.fixture
def url(database: Database) -> dict[str, str]:
    return {"DATABASE_URL": database.url()}


@pytest.fixture
def unsafe(scenario: Callable[[str], Project], url: dict[str, str]) -> Project:
    """The project with an unsafe revision pending."""
    project = scenario("unsafe")
    assert project.invoke("migration.apply", "--to", "0001", env=url).exit_code == 0
    return project


def judged(project: Project, *arguments: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    outcome = project.invoke("migration.lint", "--format", "json", *arguments, env=env)
    assert outcome.exit_code in (0, 2), outcome
    return {**json.loads(outcome.stdout), "exit_code": outcome.exit_code}


def errors(document: dict[str, Any], *, but: tuple[str, ...] = ("SC505",)) -> dict[tuple[int, str], str]:
    found = [finding for finding in document["findings"] if finding["severity"] == "error" and finding["code"] not in but]
    return {(finding["line"], finding["code"]): finding["message"] for finding in found}


def write(project: Project, name: str, text: str) -> None:
    (project.path / name).write_text(text, encoding="utf-8")


def configure(project: Project, text: str) -> None:
    with (project.path / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def test_what_is_pending_is_judged_on_its_own_lines_and_nothing_is_changed(
    unsafe: Project, url: dict[str, str], database: Database
) -> None:
    document = judged(unsafe, env=url)

    found = errors(document)
    assert (document["exit_code"], document["revisions"], found.keys()) == (2, ["0002"], ERRORS.keys())
    assert {place: message for place, message in found.items() if not message.startswith(ERRORS[place])} == {}
    assert {(finding["file"], finding["provenance"]) for finding in document["findings"]} == {(PENDING, "proven")}
    assert ask(database, "select version_num from alembic_version") == ["0001"]


def test_the_text_names_place_rule_proof_and_remedy(unsafe: Project, url: dict[str, str]) -> None:
    outcome = unsafe.invoke("migration.lint", env=url)

    lines = outcome.stdout.splitlines()
    assert lines[0].startswith(f"error: {PENDING}:22: building index ix_orders_placed_on")
    assert lines[0].endswith("[SC301, proven]")
    assert lines[1] == "   hint: CREATE INDEX CONCURRENTLY in an autocommit block"
    assert lines[-1].startswith("error: 1 revision pending, traced on PostgreSQL ")


def test_reading_alone_finds_the_same_places_and_says_that_nothing_was_run(unsafe: Project) -> None:
    document = judged(unsafe, "--static", "--from", "0001")

    assert (document["exit_code"], document["traced_on"], errors(document).keys()) == (2, "", ERRORS.keys())
    assert {finding["provenance"] for finding in document["findings"]} == {"inferred"}


def test_a_range_needs_no_database(unsafe: Project) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"}

    assert errors(judged(unsafe, "--from", "0001", env=nowhere)).keys() == ERRORS.keys()
    assert judged(unsafe, "--from", "base", "--to", "0001", env=nowhere)["exit_code"] == 0


def test_what_the_base_branch_has_is_old(unsafe: Project) -> None:
    pending = unsafe.path / PENDING
    text = pending.read_text(encoding="utf-8")
    pending.unlink()
    unsafe.commit()
    unsafe.run("git", "branch", "-M", "main")
    unsafe.run("git", "checkout", "-q", "-b", "feature")
    pending.write_text(text, encoding="utf-8")

    document = judged(unsafe, "--new")

    assert (document["exit_code"], document["revisions"]) == (2, ["0002"])


def test_a_comment_beside_the_op_allows_what_it_names(unsafe: Project, url: dict[str, str]) -> None:
    text = (unsafe.path / PENDING).read_text(encoding="utf-8")
    comment = '    # seachange: allow SC301 reason="nobody writes at night" until=2099-01-01\n    op.create_index('
    write(unsafe, PENDING, text.replace("    op.create_index(", comment, 1))

    document = judged(unsafe, env=url)

    assert [(one["finding"]["code"], one["reason"]) for one in document["suppressed"]] == [("SC301", "nobody writes at night")]
    assert {code for _, code in errors(document)} == {code for _, code in ERRORS} - {"SC301"}


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        pytest.param("# seachange: allow SC301", "reason", id="no reason"),
        pytest.param('# seachange: allow SC301 reason="once" until=2020-01-01', "ended on 2020-01-01", id="expired"),
        pytest.param('# seachange: allow SC601 reason="never"', "SC601", id="unused"),
    ],
)
def test_a_comment_that_allows_nothing_is_reported(unsafe: Project, url: dict[str, str], comment: str, message: str) -> None:
    text = (unsafe.path / PENDING).read_text(encoding="utf-8")
    write(unsafe, PENDING, text.replace("    op.create_index(", f"    {comment}\n    op.create_index(", 1))

    document = judged(unsafe, env=url)

    assert "SC301" in {code for _, code in errors(document)}
    assert [one for one in document["findings"] if message in one["message"]] != []


def test_a_severity_of_the_settings_and_the_revision_that_ends_the_old_history(unsafe: Project, url: dict[str, str]) -> None:
    configure(unsafe, '\n[tool.seachange.lint]\nseverity = { SC301 = "info", adding-check = "off" }\n')
    refused = unsafe.invoke("migration.lint", env=url)
    assert (refused.exit_code, "no rule is called 'adding-check'" in refused.stderr) == (1, True)

    text = (unsafe.path / "pyproject.toml").read_text(encoding="utf-8")
    write(unsafe, "pyproject.toml", text.replace("adding-check", "SC201"))
    assert {code for _, code in errors(judged(unsafe, env=url))} == {"SC202", "SC110", "SC205"}

    configure(unsafe, 'since = "0002"\n')
    document = judged(unsafe, env=url)
    assert (document["exit_code"], document["findings"], document["not_judged"]) == (0, [], 1)


def test_rules_of_the_project_are_asked_as_well(unsafe: Project, url: dict[str, str]) -> None:
    write(
        unsafe,
        "shop_rules.py",
        "from seachange.safety.rules import Rule, Verdict, rule\n\n\n"
        "@rule(Rule(id='SHOP1', name='no-orders', title='Orders are left alone', severity='error', proof='policy',\n"
        "           reason='They belong to another team.', source='our own', remedy='ask them'))\n"
        "def no_orders(facts, context):\n"
        "    for statement in facts.statements:\n"
        "        if any(lock.relation == 'public.orders' for lock in statement.new_locks):\n"
        "            yield Verdict(rule='SHOP1', message='public.orders is touched', statement=statement)\n",
    )
    configure(unsafe, '\n[tool.seachange.lint]\nrules = ["shop_rules"]\n')

    document = judged(unsafe, env=url)

    assert (20, "SHOP1") in errors(document)


def test_sizes_of_a_file_make_findings_graver_or_lighter(unsafe: Project, url: dict[str, str], tmp_path: Path) -> None:
    exported = tmp_path / "statistics.json"
    assert unsafe.invoke("db.stats", "--export", str(exported), env=url).exit_code == 0
    small = {"SEACHANGE_STATISTICS": str(exported)}
    document = json.loads(exported.read_text(encoding="utf-8"))
    document["tables"]["public.orders"] |= {"rows": 40_000_000, "bytes": 9_000_000_000}
    large = tmp_path / "large.json"
    large.write_text(json.dumps(document), encoding="utf-8")

    lighter = judged(unsafe, env=url | small)
    graver = judged(unsafe, env=url | {"SEACHANGE_STATISTICS": str(large)})

    assert (lighter["exit_code"], errors(lighter)) == (0, {})
    assert errors(graver)[(22, "SC301")].endswith("(about 40,000,000 rows, 8 GB)")
    assert (35, "SC205") not in errors(graver)


def test_a_file_of_sql_is_judged_by_its_own_lines(unsafe: Project, url: dict[str, str]) -> None:
    write(unsafe, "change.sql", "-- by hand\nALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid();\n")

    traced, read = judged(unsafe, "--sql", "change.sql", env=url), judged(unsafe, "--sql", "change.sql", "--static")

    assert [*errors(traced)] == [(2, "SC101"), (2, "SC501")]
    assert (2, "SC101") in errors(read)
    assert {finding["file"] for finding in traced["findings"]} == {"change.sql"}


def test_every_format_has_the_findings(unsafe: Project, url: dict[str, str]) -> None:
    found = {
        form: unsafe.invoke("migration.lint", "--format", form, env=url)
        for form in ("github", "sarif", "gitlab", "junit", "markdown")
    }

    assert {outcome.exit_code for outcome in found.values()} == {2}
    assert f"::error file={PENDING},line=22,title=SC301::building index" in found["github"].stdout
    (run,) = json.loads(found["sarif"].stdout)["runs"]
    assert "SC301" in {result["ruleId"] for result in run["results"]}
    assert {issue["location"]["path"] for issue in json.loads(found["gitlab"].stdout)} == {PENDING}
    failures = [case.attrib["type"] for case in ElementTree.fromstring(found["junit"].stdout).iter("failure")]
    assert {code for _, code in ERRORS} <= set(failures)
    assert f"| ❌ error | SC301<br>proven | `{PENDING}:22` |" in found["markdown"].stdout


def test_the_step_stops_before_anything_is_applied_and_an_allowance_is_remembered(
    unsafe: Project, url: dict[str, str], database: Database, tmp_path: Path
) -> None:
    sizes = {"tables": {"public.orders": {"rows": 40_000_000, "bytes": 9_000_000_000}}, "indexes": {}, "source": "", "since": ""}
    large = tmp_path / "large.json"
    large.write_text(json.dumps({"schema": "seachange.statistics/1", "created": "", **sizes}), encoding="utf-8")
    env = url | {"SEACHANGE_STATISTICS": str(large)}
    command = ("migration.workflow", "--only", "check,lint,apply")

    stopped = unsafe.invoke(*command, env=env)
    at = ask(database, "select version_num from alembic_version")
    codes = dict.fromkeys(code for _, code in errors(judged(unsafe, env=env), but=()))
    allowed = [part for code in codes for part in ("--allow", f"{code}=the shop is closed")]
    passed = unsafe.invoke(*command, *allowed, env=env)

    assert (stopped.exit_code, at) == (2, ["0001"]), stopped
    assert "hazards in what is pending; nothing was applied" in stopped.stdout
    assert passed.exit_code == 0, passed
    assert f"allowed SC301 at {PENDING}:22: the shop is closed" in passed.stdout
    (reason,) = ask(database, "select allowed from seachange.history where revision = '0002'")
    assert "SC301: the shop is closed" in reason
    assert "SC301: the shop is closed" in unsafe.invoke("migration.history", env=url).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--allow", "SC301"), "--allow: 'SC301' gives no reason", id="an allowance without reason"),
        pytest.param(("--from", "0001", "--new"), "--from and --new contradict each other", id="two ranges"),
        pytest.param(("--major", "eight"), "--major: 'eight' is not a whole number", id="no version"),
        pytest.param(("--sql", "nothing.sql", "--static"), "cannot read nothing.sql", id="no such file"),
    ],
)
def test_bad_input_is_one_message(scenario: Callable[[str], Project], arguments: tuple[str, ...], message: str) -> None:
    outcome = scenario("unsafe").invoke("migration.lint", *arguments)

    assert outcome.exit_code == 1
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
