"""A project's Alembic configuration, made from its settings without touching logging or the working directory."""

from __future__ import annotations

import configparser
import dataclasses
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.revisions._options import Options, read_options
from seachange.revisions._output import LogWriter

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from sqlalchemy import URL

    from seachange.postgres.connection import Database

__all__ = ["Project", "open_project"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """What Alembic needs to know of a project.

    ``extra_locations`` are searched for revisions besides those of the configuration.
    """

    settings: Settings
    options: Options
    extra_locations: tuple[Path, ...] = ()

    def add_to_path(self) -> None:
        """Let the project's modules be imported: its root and Alembic's ``prepend_sys_path`` come first on ``sys.path``."""
        wanted = [str(path) for path in self.options.import_paths]
        sys.path[:0] = [path for path in wanted if path not in sys.path]

    def config(self, *, database: Database | None = None, **attributes: Any) -> Config:
        """Return Alembic's configuration with absolute paths.

        :param database: becomes ``sqlalchemy.url`` for an env.py that connects by itself.
        :param attributes: what env.py finds in ``config.attributes``, ``connection`` above all.
        """
        from alembic.config import Config

        options = self.options
        # The cookbook's name for "do not configure logging".
        attributes = {"configure_logger": False, **attributes}
        # Alembic reads pyproject.toml since 1.16; before, it is told what stands there.
        toml: dict[str, Any] = {"toml_file": options.toml} if "toml_file" in inspect.signature(Config).parameters else {}
        config = Config(options.ini, **toml, stdout=cast("TextIO", LogWriter()), attributes=attributes)
        for name, value in () if toml else options.toml_values:
            _set(config, name, value)
        locations = (*options.version_locations, *self.extra_locations)
        _set(config, "script_location", str(options.script_location))
        _set(config, "path_separator", "newline")
        # Its name before Alembic 1.16.
        _set(config, "version_path_separator", "newline")
        _set(config, "version_locations", "\n".join(str(path) for path in locations))
        if database is not None:
            _set(config, "sqlalchemy.url", sqlalchemy_url(database, own=_own_url(config)))
        return config

    def script(self, config: Config) -> ScriptDirectory:
        """Return Alembic's script directory; ``sys.path`` stays as :meth:`add_to_path` made it."""
        from alembic.script import ScriptDirectory
        from alembic.util import CommandError

        before = list(sys.path)
        try:
            return ScriptDirectory.from_config(config)
        except CommandError as exc:
            raise ConfigError(f"Alembic cannot read its script directory: {exc}", hint="mend [tool.alembic]") from exc
        finally:
            sys.path[:] = before


def open_project(settings: Settings, *, extra_locations: tuple[Path, ...] = ()) -> Project:
    """Read how Alembic is configured in the project of ``settings``.

    :raises ConfigError: it is not, or the configuration cannot be read.
    """
    options = read_options(settings.root, ini=settings.alembic_ini)
    return Project(settings=settings, options=options, extra_locations=extra_locations)


def sqlalchemy_url(database: Database, *, own: URL | None = None) -> str:
    """Return the URL of ``database`` for SQLAlchemy, *with its password*.

    :param database: where it leads.
    :param own: the project's own URL, whose driver and ``options`` stay in force.
    """
    from sqlalchemy import URL

    parameters = dict(database.parameters)
    if own is not None and isinstance(options := own.query.get("options"), str):
        parameters.setdefault("options", options)
    url = URL.create(
        own.drivername if own is not None else "postgresql+psycopg",
        username=parameters.pop("user", None),
        password=parameters.pop("password", None),
        database=parameters.pop("dbname", None),
        query=parameters,
    )
    return url.render_as_string(hide_password=False)


def _own_url(config: Config) -> URL | None:
    """Return the URL that the project's configuration has; None for none, a placeholder, or another kind of database."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(config.get_main_option("sqlalchemy.url") or "")
    except (ArgumentError, configparser.Error, ValueError):
        return None
    return url if url.drivername.split("+")[0] == "postgresql" else None


def _set(config: Config, name: str, value: str) -> None:
    config.set_main_option(name, value.replace("%", "%%"))
