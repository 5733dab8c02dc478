"""Settings: layers, casts, unknown names, the root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seachange import config
from seachange.errors import ConfigError, ProjectNotFoundError


def make_project(root: Path, table: str = "") -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(f"[tool.seachange]\n{table}\n")
    return root


@pytest.mark.parametrize(
    ("table", "invoke", "environ", "flags", "expected"),
    [
        pytest.param("", {}, {}, {}, None, id="default"),
        pytest.param('lock_timeout = "3s"', {}, {}, {}, 3000, id="pyproject over default"),
        pytest.param('lock_timeout = "3s"', {"lock_timeout": "4s"}, {}, {}, 4000, id="Invoke over pyproject"),
        pytest.param("", {"lock_timeout": "4s"}, {"SEACHANGE_LOCK_TIMEOUT": "5s"}, {}, 5000, id="environment over Invoke"),
        pytest.param("", {}, {"SEACHANGE_LOCK_TIMEOUT": "5s"}, {"lock_timeout": "6s"}, 6000, id="flag over environment"),
        pytest.param("", {}, {"SEACHANGE_LOCK_TIMEOUT": "5s"}, {"lock_timeout": None}, 5000, id="a flag not given is no layer"),
    ],
)
def test_each_layer_overrides_the_one_before(
    tmp_path: Path,
    table: str,
    invoke: Mapping[str, object],
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    expected: int | None,
) -> None:
    root = make_project(tmp_path, table)

    assert config.load(root, invoke=invoke, environ=environ, flags=flags).lock_timeout == expected


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (root / ".env").write_text("MIGRATION_TIMEOUT=1000\nAPP_ENV=staging\n")

    settings = config.load(root, environ={"APP_ENV": "test"})

    assert (settings.migration_timeout, settings.app_env) == (1000, "test")


@pytest.mark.parametrize("key", [setting.key for setting in config.describe()])
def test_every_setting_is_read_from_its_variable(tmp_path: Path, key: str) -> None:
    setting = next(one for one in config.describe() if one.key == key)
    values = {bool: "true", int: "17", type(None): "17", tuple: "one,two"}
    special = {
        "app_env": "staging",
        "backup_format": "custom",
        "on_failure": "restore",
        "rehearsal_mask": '{"clients": {"email": "NULL"}}',
        "rehearsal_source": "copy",
        "history": "false",
        "prepared_statements": "false",
        "kill_blockers": "idle-in-transaction",
        "lint_severity": "SC104=off",
        "sync_on_failure": "error",
        "sync_options": '{"erd": {"pages": true}}',
        "sync_paths": '{"sql": "structure.sql"}',
    }
    text = special.get(key, values.get(type(setting.default), "some/text"))

    settings = config.load(make_project(tmp_path), environ={setting.variable: text})

    assert getattr(settings, key) == setting.cast(text) != setting.default


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        pytest.param("RUN_SEEDS", "perhaps", "RUN_SEEDS: 'perhaps' is not true or false", id="boolean"),
        pytest.param(
            "MIGRATION_RETRY_ATTEMPTS", "-1", "MIGRATION_RETRY_ATTEMPTS: '-1' is not a whole number, 0 or more", id="count"
        ),
        pytest.param(
            "MIGRATION_TIMEOUT",
            "30 parsecs",
            "MIGRATION_TIMEOUT: '30 parsecs' is not milliseconds, or a number with ms, s, min, h or d",
            id="time",
        ),
        pytest.param("APP_ENV", "prod", "APP_ENV: 'prod' is not one of development, test, staging, production", id="word"),
        pytest.param(
            "SEACHANGE_POSTGRES_MAJOR",
            "9",
            "SEACHANGE_POSTGRES_MAJOR: '9' is not a PostgreSQL major version such as 18, or 0 for the newest at hand",
            id="major",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_variable(tmp_path: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(make_project(tmp_path), environ={variable: value})

    assert str(caught.value) == message


def test_a_table_named_lint_holds_the_settings_of_that_name(tmp_path: Path) -> None:
    root = make_project(tmp_path, "[tool.seachange.lint]\nsmall_rows = 5\nseverity = {SC104 = 'off', 'SC10??' = 'info'}")

    settings = config.load(root, environ={})

    assert (settings.lint_small_rows, settings.lint_severity) == (5, (("SC104", "off"), ("SC10??", "info")))


def test_an_unknown_setting_of_lint_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'lint_sevrity'") as caught:
        config.load(make_project(tmp_path, "[tool.seachange.lint]\nsevrity = 1"), environ={})

    assert caught.value.hint == "did you mean lint_severity?"


def test_a_severity_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(make_project(tmp_path, "[tool.seachange.lint]\nseverity = {SC104 = 'fatal'}"), environ={})

    assert "lint_severity: {'SC104': 'fatal'} is not rules with one of error, warning, info, off" in str(caught.value)


def test_an_unknown_setting_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'lock_timout'") as caught:
        config.load(make_project(tmp_path, "lock_timout = 1"), environ={})

    assert caught.value.hint == "did you mean lock_timeout?"


def test_an_unknown_variable_of_ours_names_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown environment variable SEACHANGE_LOCK_TIMOUT") as caught:
        config.load(make_project(tmp_path), environ={"SEACHANGE_LOCK_TIMOUT": "1s"})

    assert caught.value.hint == "did you mean SEACHANGE_LOCK_TIMEOUT?"


@pytest.mark.parametrize("variable", ["SEACHANGE_PG15_BIN", "SEACHANGE_ADMIN_URL"])
def test_variables_that_name_servers_are_known(tmp_path: Path, variable: str) -> None:
    assert config.load(make_project(tmp_path), environ={variable: "x"}).environment[variable] == "x"


@pytest.mark.parametrize("key", ["url", "database_url"])
def test_the_connection_is_not_read_from_pyproject(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="is not read from there") as caught:
        config.load(make_project(tmp_path, f'{key} = "postgresql://u:canary-secret@h/d"'), environ={})

    assert "canary-secret" not in f"{caught.value}{caught.value.hint}"


def test_the_password_is_not_in_the_repr(tmp_path: Path) -> None:
    settings = config.load(
        make_project(tmp_path), environ={"DATABASE_URL": "postgresql://u:canary-secret@h/d", "PGPASSWORD": "canary"}
    )

    assert "canary" not in repr(settings)


def test_the_root_is_found_from_a_subfolder(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    (root / "app" / "models").mkdir(parents=True)

    assert config.find_root(root / "app" / "models") == root


def test_a_folder_without_a_project_is_said_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFoundError) as caught:
        config.find_root(tmp_path)

    assert str(caught.value) == (
        f"no project found from {tmp_path} upwards: no pyproject.toml with [tool.seachange] or [tool.alembic], no alembic.ini"
    )
    assert "[tool.seachange]" in caught.value.hint


def test_a_broken_pyproject_is_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.seachange\n")

    with pytest.raises(ConfigError, match=r"pyproject\.toml cannot be read"):
        config.find_root(tmp_path)


def test_a_table_of_settings_has_the_names_without_its_own(tmp_path: Path) -> None:
    table = '[tool.seachange.backup]\nkeep_last = 3\n[tool.seachange.rehearsal.mask]\n"clients.email" = "NULL"'
    root = make_project(tmp_path, table)

    settings = config.load(root, environ={})

    assert (settings.backup_keep_last, settings.rehearsal_mask) == (3, (("clients.email", "NULL"),))
