"""Settings: one frozen value made of defaults, pyproject.toml, Invoke configuration, environment and flags, in that order."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seachange import _casts
from seachange._casts import ENVIRONMENTS
from seachange._settings import TABLES, BackupSettings, LintSettings, RehearsalSettings, SyncSettings, setting
from seachange.errors import ConfigError, ProjectNotFoundError

__all__ = ["ENVIRONMENTS", "Setting", "Settings", "describe", "find_root", "load"]

_CONNECTION_KEYS = ("database_url", "direct_url", "url", "dsn", "password")
_FREE_VARIABLES = re.compile(r"SEACHANGE_(PG\d+_BIN|ADMIN_URL|PGBOUNCER)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """Where one setting comes from; the rows of docs/settings.md."""

    key: str
    variable: str
    default: Any
    help: str
    cast: Callable[[object], Any]
    form: str
    connection: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(LintSettings, BackupSettings, RehearsalSettings, SyncSettings):
    """All settings of one run; times in milliseconds, sizes in bytes, paths relative to ``root`` unless absolute."""

    root: Path
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    project: str = setting(
        _casts.text, "text", "name of the project and of its development database (default: the folder's name)", default=""
    )
    database_url: str = setting(
        _casts.text, "URL", "the database; never read from pyproject.toml", default="", variable="DATABASE_URL", connection=True
    )
    direct_url: str = setting(
        _casts.text,
        "URL",
        "the same database without a connection pooler, instead of DATABASE_URL for everything but the service",
        default="",
        variable="DIRECT_URL",
        connection=True,
    )
    app_env: str = setting(
        _casts.environment_name, " | ".join(ENVIRONMENTS), "where this runs", default="development", variable="APP_ENV"
    )
    migration_timeout: int = setting(
        _casts.duration,
        "time",
        "how long to keep trying to reach the server or to get a lock",
        default=30_000,
        variable="MIGRATION_TIMEOUT",
    )
    migration_retry_attempts: int = setting(
        _casts.count,
        "number",
        "how often a revision stopped by a lock timeout is tried again",
        default=3,
        variable="MIGRATION_RETRY_ATTEMPTS",
    )
    lock_timeout: int | None = setting(
        _casts.duration,
        "time",
        "the longest lock_timeout of blocking statements (default: twice deadlock_timeout, at least 2s; docs/locks.md)",
        default=None,
    )
    statement_timeout: int | None = setting(
        _casts.duration,
        "time",
        "statement_timeout of all statements (default: 1min for what blocks, longer for data and builds; docs/locks.md)",
        default=None,
    )
    kill_blockers: str = setting(
        _casts.kill_blockers,
        "idle-in-transaction",
        "end sessions that are idle in a transaction and in the way of a revision",
        default="",
    )
    run_migrations: bool = setting(
        _casts.boolean, "true | false", "start.deploy applies revisions", default=False, variable="RUN_MIGRATIONS"
    )
    run_seeds: bool = setting(_casts.boolean, "true | false", "start.deploy loads seed data", default=False, variable="RUN_SEEDS")
    is_first_deploy: bool = setting(
        _casts.boolean, "true | false", "start.deploy sets up an empty database", default=False, variable="IS_FIRST_DEPLOY"
    )
    alembic_ini: str = setting(
        _casts.text,
        "path",
        "Alembic's ini file, when it is not alembic.ini beside pyproject.toml",
        default="alembic.ini",
        variable="ALEMBIC_CONFIG",
    )
    prepared_statements: bool = setting(
        _casts.boolean,
        "true | false",
        "the service keeps prepared statements, as psycopg 3 and asyncpg do by themselves (docs/compatibility.md)",
        default=True,
    )
    history: bool = setting(
        _casts.boolean, "true | false", "every run is written down in the database, in table seachange.history", default=True
    )
    release: str = setting(
        _casts.text,
        "text",
        "the release that is deployed, for requires_release (default: the newest git tag of HEAD)",
        default="",
    )
    env_context: str = setting(
        _casts.text,
        "module:attribute",
        "context manager that env.py runs in, such as Flask's application.app_context",
        default="",
    )
    models: str = setting(
        _casts.text, "module:attribute", "declarative base or MetaData (default: target_metadata of env.py)", default=""
    )
    databases: tuple[str, ...] = setting(
        _casts.names, "list", "names for the databases of an env.py with several, in the order in which it connects", default=()
    )
    seeds: str = setting(_casts.text, "module:function", "function(connection, scale) that loads seed data", default="")
    service: str = setting(_casts.text, "module:attribute", "ASGI application that start.prod serves", default="")
    schemas: tuple[str, ...] = setting(_casts.names, "list", "schemas to look at (default: all but the system's)", default=())
    base_branch: str = setting(
        _casts.text,
        "branch",
        "branch that others work from (default: origin/HEAD, origin/main, main, origin/master, master)",
        default="",
    )
    known_databases: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "variables with URLs of databases whose revisions are never rebased, besides DATABASE_URL",
        default=(),
    )
    data_check_timeout: int = setting(
        _casts.duration,
        "time",
        "how long one look at the rows that a pending revision needs may take; longer makes a warning",
        default=60_000,
    )
    statistics: str = setting(
        _casts.text, "path", "file of `db.stats --export` with the sizes of real tables, for machines that cannot ask", default=""
    )
    log_file: str = setting(_casts.text, "path", "the structured log, JSON lines", default="logs/migration.log")
    log_max_size: int = setting(_casts.size, "size", "size at which the log is rotated", default=5 * 1024**2)
    log_keep: int = setting(_casts.count, "number", "rotated logs to keep", default=5)
    clean_build: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "names of build output that clean removes when git does not track it",
        default=("dist", "build", "*.egg-info"),
    )
    clean_caches: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "names of tool caches",
        default=(".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache"),
    )
    clean_cache_age: int = setting(_casts.duration, "time", "caches not used for this long are stale", default=7 * 86_400_000)
    postgres_major: int = setting(
        _casts.major, "number", "major version of the development server; 0: the newest at hand", default=0
    )
    cache_dir: str = setting(
        _casts.text, "path", "servers, initdb templates and shadow databases (default: the user's cache folder)", default=""
    )
    shadow_keep: int = setting(_casts.count, "number", "shadow databases to keep for each major version", default=8)

    def path(self, value: str) -> Path:
        """Return ``value`` as an absolute path below the project's root."""
        return self.root / Path(value).expanduser()

    @property
    def state_dir(self) -> Path:
        """The folder of the project's own state: development server, headers, run records."""
        return self.root / ".seachange"

    def make_state_dir(self) -> Path:
        """Return the folder of the project's own state; it is made if need be, and git ignores it.

        :raises OSError: it cannot be made.
        """
        if not self.state_dir.exists():
            self.state_dir.mkdir(exist_ok=True)
            # Open to the user of the servers whatever the umask is.
            self.state_dir.chmod(0o755)
            (self.state_dir / ".gitignore").write_text("*\n", encoding="utf-8")
        return self.state_dir

    @property
    def session_lock_timeout(self) -> int:
        """lock_timeout of sessions that run no revisions."""
        return 2_000 if self.lock_timeout is None else self.lock_timeout

    @property
    def session_statement_timeout(self) -> int:
        """statement_timeout of sessions that run no revisions."""
        return 600_000 if self.statement_timeout is None else self.statement_timeout

    @property
    def failure_policy(self) -> str:
        """What follows a failed apply: ``on_failure``, else ``stop`` in staging and production and ``downgrade`` elsewhere."""
        return self.on_failure or ("stop" if self.production else "downgrade")

    @property
    def production(self) -> bool:
        """Whether this run is one of those where nothing may be assumed: staging or production."""
        return self.app_env in ("staging", "production")


def describe() -> tuple[Setting, ...]:
    """Return every setting with its sources, in the order of the documentation."""
    return tuple(
        Setting(
            key=field.name,
            variable=field.metadata["variable"] or f"SEACHANGE_{field.name.upper()}",
            default=field.default,
            help=field.metadata["help"],
            cast=field.metadata["cast"],
            form=field.metadata["form"],
            connection=field.metadata["connection"],
        )
        for field in sorted(dataclasses.fields(Settings), key=lambda field: field.name not in vars(Settings)["__annotations__"])
        if "cast" in field.metadata
    )


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder from ``start`` upwards that is a project.

    A project has a ``pyproject.toml`` with ``[tool.seachange]`` or ``[tool.alembic]``, or an ``alembic.ini``.

    :param start: where to begin; the working directory by default.
    :raises ProjectNotFoundError: no such folder.
    """
    begin = (start or Path.cwd()).resolve()
    for folder in (begin, *begin.parents):
        tool = _tool_table(folder)
        if "seachange" in tool or "alembic" in tool or (folder / "alembic.ini").is_file():
            return folder
    raise ProjectNotFoundError(
        f"no project found from {begin} upwards: no pyproject.toml with [tool.seachange] or [tool.alembic], no alembic.ini",
        hint="run the command inside the project, or add an empty [tool.seachange] table to its pyproject.toml",
    )


def load(
    root: Path | None = None,
    *,
    invoke: Mapping[str, object] | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings: default < pyproject.toml < Invoke configuration < environment (and .env) < flag.

    :param root: the project's folder; searched from the working directory upwards by default.
    :param invoke: the ``seachange`` mapping of Invoke's configuration.
    :param flags: values given on the command line; ``None`` means not given.
    :param environ: the environment; ``os.environ`` by default.
    :raises ConfigError: a name is unknown or a value cannot be read.
    """
    root = root or find_root()
    known = {setting.key: setting for setting in describe()}
    environment = {**_dotenv(root), **(os.environ if environ is None else environ)}
    values: dict[str, Any] = {}
    _merge(values, known, _tool_table(root).get("seachange", {}), source="[tool.seachange] in pyproject.toml")
    _merge(values, known, invoke or {}, source="the seachange configuration of Invoke")
    _merge_environment(values, known, environment)
    for key, value in (flags or {}).items():
        if value is not None:
            values[key] = _cast(
                known[key], value, f"--{'url' if key == 'database_url' else key.removeprefix('rehearsal_').replace('_', '-')}"
            )
    _choose_url(values, given=bool((flags or {}).get("database_url")))
    values["project"] = values.get("project") or root.name
    return Settings(root=root, environment=environment, **values)


def _choose_url(values: dict[str, Any], *, given: bool) -> None:
    """Take DIRECT_URL for the database, unless a flag names one: a pooler is for services."""
    if given:
        values.pop("direct_url", None)
    elif values.get("direct_url"):
        values["database_url"] = values["direct_url"]


def _merge(values: dict[str, Any], known: Mapping[str, Setting], layer: Mapping[str, object], *, source: str) -> None:
    for key, value in _flat(layer).items():
        if key in _CONNECTION_KEYS:
            raise ConfigError(
                f"{source}: {key} is not read from there, so that no password is committed",
                hint="set DATABASE_URL in the environment or in .env, or pass --url",
            )
        if key not in known:
            raise ConfigError(f"{source}: unknown setting {key!r}", hint=_nearest(key, list(known)))
        values[key] = _cast(known[key], value, f"{source}: {key}")


def _flat(layer: Mapping[str, object]) -> dict[str, object]:
    """Name what stands in a table such as ``lint`` as the settings are named, with ``lint_`` before it."""
    flat: dict[str, object] = {}
    for key, value in layer.items():
        if key in TABLES and isinstance(value, Mapping):
            flat |= {f"{key}_{name}": part for name, part in value.items()}
        else:
            flat[key] = value
    return flat


def _merge_environment(values: dict[str, Any], known: Mapping[str, Setting], environment: Mapping[str, str]) -> None:
    by_variable = {setting.variable: setting for setting in known.values()}
    for variable, value in environment.items():
        if variable in by_variable:
            setting = by_variable[variable]
            values[setting.key] = _cast(setting, value, variable)
        elif variable.startswith("SEACHANGE_") and not _FREE_VARIABLES.fullmatch(variable):
            raise ConfigError(f"unknown environment variable {variable}", hint=_nearest(variable, list(by_variable)))


def _cast(setting: Setting, value: object, source: str) -> Any:
    try:
        return setting.cast(value)
    except ValueError as exc:
        shown = "the given value" if setting.connection else repr(value)
        raise ConfigError(f"{source}: {shown} is not {exc}", hint=f"{setting.key}: {setting.help}") from exc


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "docs/settings.md lists every setting"


def _tool_table(folder: Path) -> Mapping[str, Any]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", hint="mend the file") from exc
    return tool if isinstance(tool, dict) else {}


def _dotenv(root: Path) -> dict[str, str]:
    path = root / ".env"
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path).items() if value is not None}
