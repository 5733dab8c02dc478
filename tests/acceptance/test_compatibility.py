"""`invoke migration.check --compatible-with REF`: code of an earlier commit against the schema of the working tree."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seachange.postgres.connection import Database
from tests.project import Outcome, Project
from tests.repository import git

REVISION = '''"""Change it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    {}


def downgrade() -> None:
    raise NotImplementedError
'''


@pytest.fixture
def clinic(scenario: Callable[[str], Project]) -> Project:
    """A clinic whose release v1 is a tag."""
    project = scenario("compat_clinic")
    project.commit()
    git(project.path, "tag", "v1")
    return project


def change(project: Project, *lines: str) -> None:
    text = REVISION.format("\n    ".join(lines))
    (project.path / "migrations/versions/0003_change.py").write_text(text, encoding="utf-8")


def check(project: Project, database: Database, *arguments: str, ref: str = "v1") -> Outcome:
    return project.invoke("migration.check", "--compatible-with", ref, *arguments, env={"DATABASE_URL": database.url()})


def judged(project: Project, database: Database, *, ref: str = "v1") -> dict[str, Any]:
    outcome = check(project, database, "--format", "json", ref=ref)
    assert "Traceback" not in outcome.stderr, outcome
    step: dict[str, Any] = json.loads(outcome.stdout)["steps"][-1]
    assert outcome.exit_code == (2 if step["data"].get("version_class") == "breaking" else 0), outcome
    return step


def found(step: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    return [(each["code"], each["table"], Path(each["file"]).name, each["line"]) for each in step["findings"]]


def verdict(step: dict[str, Any]) -> tuple[str, str, str]:
    return step["data"]["version_class"], step["data"]["level"], step["data"]["order"]


def test_code_fits_the_schema_that_it_was_released_with(clinic: Project, database: Database) -> None:
    step = judged(clinic, database)

    assert (verdict(step), step["findings"], step["data"]["effects"]) == (("neutral", "patch", "both"), [], [])
    assert step["data"]["queries"] > 40


def test_a_renamed_column_is_named_with_its_line_and_what_fails(clinic: Project, database: Database) -> None:
    change(clinic, "op.alter_column('pets', 'owner_id', new_column_name='keeper_id', schema='clinic')")
    clinic.replace("clinic_models.py", old="    owner_id: Mapped", new="    keeper_id: Mapped")
    clinic.replace("clinic_models.py", old="Pet.owner_id ==", new="Pet.keeper_id ==")

    outcome = check(clinic, database)

    assert outcome.exit_code == 2, outcome
    assert (
        "migrations/versions/0003_change.py:11: clinic.pets.owner_id is renamed to keeper_id by revision 0003: " in outcome.stdout
    )
    assert "SELECT, INSERT and UPDATE of Pet" in outcome.stdout
    assert "fail: column pets.owner_id does not exist [SC701" in outcome.stdout
    assert "hint: expand and contract: add keeper_id beside owner_id" in outcome.stdout
    assert "breaking (major) for v1; neither schema nor code can be deployed first" in outcome.stdout
    assert git(clinic.path, "worktree", "list").count("\n") == 1


def test_a_dropped_column_breaks_the_code_that_maps_it(clinic: Project, database: Database) -> None:
    change(clinic, "op.drop_column('owners', 'phone', schema='clinic')")
    clinic.replace("clinic_models.py", old="    phone: Mapped[str | None] = mapped_column(sa.String(20))\n", new="")

    step = judged(clinic, database)

    assert found(step) == [("SC704", "clinic.owners", "0003_change.py", 11)]
    assert verdict(step) == ("breaking", "major", "code first")


def test_a_column_that_no_code_maps_is_dropped_without_harm(clinic: Project, database: Database) -> None:
    change(clinic, "op.drop_column('pets', 'legacy_code', schema='clinic')")

    step = judged(clinic, database)

    assert (verdict(step), step["findings"]) == (("neutral", "patch", "both"), [])
    assert "neutral: clinic.pets.legacy_code: dropped; the code does not name it" in step["facts"]


def test_a_new_column_is_additive_and_goes_before_the_code(clinic: Project, database: Database) -> None:
    change(clinic, "op.add_column('pets', sa.Column('chip', sa.String(20)), schema='clinic')")
    chip = "    chip: Mapped[str | None] = mapped_column(sa.String(20))\n"
    clinic.replace("clinic_models.py", old="    weight: Mapped[int | None]\n", new=f"    weight: Mapped[int | None]\n{chip}")

    outcome = check(clinic, database)

    assert outcome.exit_code == 0, outcome
    assert "additive: clinic.pets.chip: new" in outcome.stdout
    assert "the working tree: clinic.pets.chip: SELECT, INSERT and UPDATE of Pet" in outcome.stdout
    assert "additive (minor) for v1; the schema can be deployed first, the code cannot" in outcome.stdout


def test_a_new_required_column_breaks_the_insert_that_gives_it_no_value(clinic: Project, database: Database) -> None:
    change(
        clinic,
        "op.add_column('pets', sa.Column('chip', sa.String(20), nullable=False), schema='clinic')",
        "op.add_column('pets', sa.Column('zone', sa.String(20), nullable=False, server_default='x'), schema='clinic')",
    )

    step = judged(clinic, database)

    assert found(step) == [("SC703", "clinic.pets", "0003_change.py", 11)]
    assert "clinic.pets.chip is new, NOT NULL and without a default by revision 0003" in step["findings"][0]["message"]
    assert verdict(step) == ("breaking", "major", "code first")


def test_a_statement_kept_prepared_over_a_change_of_type_is_refused(clinic: Project, database: Database) -> None:
    change(clinic, "op.alter_column('pets', 'weight', type_=sa.BigInteger, schema='clinic')")

    step = judged(clinic, database)

    assert found(step) == [("SC706", "clinic.pets", "0003_change.py", 11)]
    message = step["findings"][0]["message"]
    assert message.startswith("clinic.pets.weight turns from integer into bigint by revision 0003: ")
    assert message.endswith("kept prepared: cached plan must not change result type")
    assert "prepare_threshold=None" in step["findings"][0]["hint"]


def test_a_service_without_prepared_statements_does_not_mind_a_wider_type(clinic: Project, database: Database) -> None:
    change(clinic, "op.alter_column('pets', 'weight', type_=sa.BigInteger, schema='clinic')")
    clinic.replace("pyproject.toml", old="[tool.seachange]\n", new="[tool.seachange]\nprepared_statements = false\n")

    assert verdict(judged(clinic, database)) == ("neutral", "patch", "both")


def test_another_type_breaks_what_reads_and_what_writes_it(clinic: Project, database: Database) -> None:
    change(
        clinic,
        "op.alter_column('owners', 'phone', type_=sa.Integer, postgresql_using='phone::int', schema='clinic')",
        "op.alter_column('staff', 'name', type_=sa.LargeBinary, postgresql_using='name::bytea', schema='clinic')",
    )

    step = judged(clinic, database)

    codes = [(code, line) for code, _, _, line in found(step) if code == "SC706"]
    assert codes == [("SC706", 11), ("SC706", 12)]
    assert 'column "phone" is of type integer but expression is of type character varying' in step["findings"][0]["message"]
    assert verdict(step)[0] == "breaking"


ENUM = (
    "op.execute('ALTER TYPE clinic.species RENAME TO before')",
    "op.execute(\"CREATE TYPE clinic.species AS ENUM ('dog', 'cat', 'hamster')\")",
    "op.execute('ALTER TABLE clinic.pets ALTER species TYPE clinic.species USING species::text::clinic.species')",
    "op.execute('DROP TYPE clinic.before')",
)


@pytest.mark.parametrize(
    ("lines", "codes", "expected"),
    [
        pytest.param(ENUM, ["SC611", "SC710"], "breaking", id="removed in a type of the same name"),
        pytest.param(
            ("op.execute(\"ALTER TYPE clinic.species RENAME VALUE 'ferret' TO 'weasel'\")",), ["SC612"], "breaking", id="renamed"
        ),
        pytest.param(("op.execute(\"ALTER TYPE clinic.species ADD VALUE 'hamster'\")",), ["SC710"], "additive", id="added"),
    ],
)
def test_labels_of_an_enum_are_compared_with_those_that_the_code_sends(
    clinic: Project, database: Database, lines: tuple[str, ...], codes: list[str], expected: str
) -> None:
    change(clinic, *lines)

    step = judged(clinic, database)

    assert [(code, table) for code, table, _, _ in found(step)] == [(code, "clinic.pets") for code in codes]
    assert verdict(step)[0] == expected


def test_a_function_and_a_view_that_nobody_named_are_found_broken(clinic: Project, database: Database) -> None:
    change(clinic, "op.execute('ALTER TABLE clinic.owners DROP COLUMN name CASCADE')")
    clinic.replace("clinic_models.py", old="    name: Mapped[str] = mapped_column(sa.String(80))\n    email", new="    email")

    step = judged(clinic, database)

    assert found(step) == [
        ("SC709", "clinic.note_weight()", "0003_change.py", 11),
        ("SC704", "clinic.owners", "0003_change.py", 11),
        ("SC708", "clinic.pet_names", "0003_change.py", 11),
        ("SC713", "", "", 0),
    ]
    assert (
        'called by triggers on clinic.pets, fails since revision 0003: column "name" does not exist'
        in (step["findings"][0]["message"])
    )
    assert "view clinic.pet_names is dropped by revision 0003 through CASCADE" in step["findings"][2]["message"]


def test_functions_are_broken_by_columns_that_no_model_maps(clinic: Project, database: Database) -> None:
    change(
        clinic,
        "op.alter_column('weights', 'noted_by', new_column_name='by_whom', schema='clinic')",
        "op.execute('ALTER TABLE clinic.pets RENAME owner_id TO keeper_id')",
    )

    step = judged(clinic, database)

    broken = {each["table"]: each["message"] for each in step["findings"] if each["code"] == "SC709"}
    assert sorted(broken) == ["clinic.note_weight()", "clinic.pets_of(bigint)"]
    assert "and 4 more" in broken["clinic.note_weight()"]
    assert 'column "owner_id" does not exist' in broken["clinic.pets_of(bigint)"]


def test_what_refuses_rows_of_the_old_code_is_breaking_and_what_it_declares_itself_is_not(
    clinic: Project, database: Database
) -> None:
    change(
        clinic,
        "op.create_unique_constraint('uq_owners_email', 'owners', ['email'], schema='clinic')",
        "op.alter_column('owners', 'phone', nullable=False, schema='clinic')",
        "op.execute('ALTER TABLE clinic.visits ADD CONSTRAINT ck_fee CHECK (fee < 1000) NOT VALID')",
        "op.alter_column('pets', 'tags', server_default=None, schema='clinic')",
        "op.alter_column('owners', 'name', nullable=True, schema='clinic')",
        "op.create_index('ix_pets_name', 'pets', ['name'], schema='clinic')",
        "op.add_column('pets', sa.Column('chip', sa.String(20), unique=True), schema='clinic')",
    )

    step = judged(clinic, database)

    assert found(step) == [
        ("SC215", "clinic.owners", "0003_change.py", 11),
        ("SC215", "clinic.owners", "0003_change.py", 12),
        ("SC705", "clinic.pets", "0003_change.py", 14),
        ("SC215", "clinic.visits", "0003_change.py", 13),
        ("SC213", "clinic.owners", "0003_change.py", 15),
    ]
    assert [each["severity"] for each in step["findings"]] == ["error"] * 4 + ["warning"]
    assert verdict(step) == ("breaking", "major", "code first")


def test_a_renamed_table_is_told_as_that(clinic: Project, database: Database) -> None:
    change(clinic, "op.rename_table('visits', 'consultations', schema='clinic')")

    step = judged(clinic, database)
    assert found(step) == [("SC702", "clinic.visits", "0003_change.py", 11)]
    assert "clinic.visits is renamed to clinic.consultations by revision 0003" in step["findings"][0]["message"]


def test_a_view_under_the_old_name_keeps_the_code_running(clinic: Project, database: Database) -> None:
    change(
        clinic,
        "op.rename_table('visits', 'consultations', schema='clinic')",
        "op.execute('CREATE VIEW clinic.visits AS SELECT * FROM clinic.consultations')",
    )

    assert (verdict(step := judged(clinic, database)), step["findings"]) == (("additive", "minor", "both"), [])


def test_the_newest_release_tag_is_meant_by_auto_else_where_the_branch_began(clinic: Project, database: Database) -> None:
    git(clinic.path, "commit", "--allow-empty", "--quiet", "--message", "More")
    assert judged(clinic, database, ref="auto")["data"]["name"] == "v1"

    git(clinic.path, "tag", "--delete", "v1")
    git(clinic.path, "checkout", "--quiet", "-b", "topic")
    branch = git(clinic.path, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    git(clinic.path, "branch", "-m", next(name for name in branch if name != "topic"), "main")
    began = git(clinic.path, "rev-parse", "HEAD").strip()
    git(clinic.path, "commit", "--allow-empty", "--quiet", "--message", "Topic")

    assert judged(clinic, database, ref="auto")["data"]["commit"] == began


def test_models_that_cannot_be_imported_say_so_in_their_own_words(clinic: Project, database: Database) -> None:
    clinic.replace("clinic_models.py", old="import datetime\n", new="import datetime\n\nimport not_installed\n")
    git(clinic.path, "commit", "--all", "--quiet", "--message", "Need something", "--author", "t <t@example.org>")
    git(clinic.path, "tag", "v2")
    clinic.replace("clinic_models.py", old="\nimport not_installed\n", new="")

    outcome = check(clinic, database, ref="v2")

    assert (outcome.exit_code, "Traceback" in outcome.stdout + outcome.stderr) == (1, False), outcome
    assert (
        "the models of v2 cannot be loaded: models = 'clinic_models:Base' cannot be imported, at clinic_models.py:5: "
        in outcome.stdout
    )
    assert "ModuleNotFoundError: No module named 'not_installed'" in outcome.stdout
    assert git(clinic.path, "worktree", "list").count("\n") == 1


def test_a_commit_that_is_not_there_is_an_error(clinic: Project, database: Database) -> None:
    outcome = check(clinic, database, ref="v9")

    assert (outcome.exit_code, "--compatible-with v9: there is no commit v9" in outcome.stdout) == (1, True), outcome


def test_a_project_in_a_folder_of_the_repository_is_found_there(scenario: Callable[[str], Project], database: Database) -> None:
    project = scenario("compat_clinic")
    (project.path / "server").mkdir()
    for name in ("clinic_models.py", "migrations", "pyproject.toml", "tasks.py"):
        (project.path / name).rename(project.path / "server" / name)
    models = project.path / "server/clinic_models.py"
    pyproject = project.path / "server/pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8").replace('models = "clinic_models:Base"\n', ""), encoding="utf-8")
    project.commit()
    git(project.path, "tag", "v1")
    models.write_text(models.read_text(encoding="utf-8").replace("phone: Mapped", "mobile: Mapped"), encoding="utf-8")

    env = {"DATABASE_URL": database.url()}
    outcome = project.invoke("migration.check", "--compatible-with", "v1", "--format", "json", env=env, cwd="server")

    data = json.loads(outcome.stdout)["steps"][-1]["data"]
    assert (outcome.exit_code, data["version_class"], data["queries"]) == (0, "neutral", 49), outcome
    assert (
        "statements fit neither schema and say nothing here, SELECT of Owner first: column owners.mobile" in data["problems"][0]
    )


def test_the_reference_application_fits_its_own_head(project: Project, database: Database) -> None:
    outcome = project.invoke(
        "migration.check", "--compatible-with", "HEAD", "--format", "json", env={"DATABASE_URL": database.url()}
    )

    step = json.loads(outcome.stdout)["steps"][-1]
    assert (outcome.exit_code, verdict(step), step["findings"]) == (0, ("neutral", "patch", "both"), []), outcome


def test_a_list_of_values_in_a_check_may_grow_and_not_shrink(clinic: Project, database: Database) -> None:
    checks = clinic.path / "migrations/versions/0002_audit.py"
    both = "        \"ALTER TABLE clinic.staff ADD CONSTRAINT ck_{0} CHECK ({0} IN ('a', 'b'))\"\n"
    lines = [f"    op.execute(\n{both.format(name)}    )\n" for name in ("kind", "ward")]
    text = checks.read_text(encoding="utf-8")
    checks.write_text(text.replace("def downgrade", "".join(lines) + "\n\ndef downgrade", 1), encoding="utf-8")
    anew = 'op.execute("ALTER TABLE clinic.staff DROP CONSTRAINT ck_{0}, ADD CONSTRAINT ck_{0} CHECK ({0} IN ({1}))")'
    change(clinic, anew.format("kind", "'a', 'b', 'c'"), anew.format("ward", "'b', 'c'"))

    step = judged(clinic, database)

    assert found(step) == [("SC215", "clinic.staff", "0003_change.py", 12), ("SC713", "", "", 0)]
    assert "clinic.staff.ward gets check ck_ward by revision 0003" in step["findings"][0]["message"]


@pytest.mark.parametrize("how", [pytest.param(signal.SIGINT, id="Ctrl-C"), pytest.param(signal.SIGTERM, id="SIGTERM")])
def test_a_stopped_check_leaves_no_files_of_the_other_commit(
    clinic: Project, database: Database, tmp_path: Path, how: signal.Signals
) -> None:
    mark = tmp_path / "mark"
    waits = f"import datetime\nimport pathlib\nimport time\n\npathlib.Path({str(mark)!r}).write_text(__file__)\ntime.sleep(60)\n"
    clinic.replace("clinic_models.py", old="import datetime\n", new=waits)
    git(clinic.path, "commit", "--all", "--quiet", "--message", "Wait")
    clinic.replace("clinic_models.py", old=waits, new="import datetime\n")

    with clinic.start("invoke", "migration.check", "--compatible-with", "HEAD", env={"DATABASE_URL": database.url()}) as process:
        deadline = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, how)
        process.communicate(timeout=60)

    there = Path(mark.read_text(encoding="utf-8"))
    assert (process.returncode, there.parent.exists()) == (128 + how, False)
    assert git(clinic.path, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize("name", ["async_asyncpg", "search_path", "tenants"])
def test_models_of_every_kind_of_project_fit_their_own_commit(
    scenario: Callable[[str], Project], database: Database, name: str
) -> None:
    project = scenario(name)
    project.commit()

    step = judged(project, database, ref="HEAD")

    assert (verdict(step), step["findings"]) == (("neutral", "patch", "both"), [])
    assert step["data"]["queries"] > 0
