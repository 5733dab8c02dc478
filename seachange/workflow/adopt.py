"""Taking Seachange on in an existing Alembic project: what is there, and which files would be written."""

from __future__ import annotations

import configparser
import contextlib
import dataclasses
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from seachange.config import Settings, find_root, load
from seachange.errors import ConfigError, DatabaseUrlError, ProjectNotFoundError
from seachange.revisions.changes import written
from seachange.revisions.history import read_history
from seachange.revisions.kind import Kind, read_kind
from seachange.revisions.project import Project, open_project
from seachange.workflow._adoption import Proposal, propose_noxfile, propose_pyproject, propose_tasks

__all__ = ["Found", "Proposal", "adopt", "look", "propose"]

_HINT = "run it in the project, or begin one: `alembic init migrations`, then this command again"
_SKIPPED = {"node_modules", "site-packages", "venv", "env", "build", "dist"}
_DEPTH = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a project has; ``findings`` counts what validate would say of its history."""

    root: Path
    configuration: tuple[str, ...]
    alembic_ini: str
    locations: tuple[str, ...]
    revisions: int
    heads: tuple[str, ...]
    environment_file: str
    kind: Kind
    database: str
    errors: int
    warnings: int


def look(start: Path) -> Found:
    """Return what the project around ``start`` has, without a database and without importing anything of it.

    :raises ProjectNotFoundError: there is no Alembic here.
    :raises ConfigError: Alembic's configuration, or one of Seachange's, cannot be read.
    """
    from seachange.revisions.validate import validate

    settings, ini = _settings(start)
    project, history = open_project(settings), read_history(settings, keep=False)
    options = project.options
    severities = [finding.severity for finding in validate(history)]
    return Found(
        root=settings.root,
        configuration=tuple(history.relative(path) for path in (options.ini, options.toml) if path),
        alembic_ini=ini,
        locations=tuple(history.relative(path) for path in options.version_locations),
        revisions=len(history.by_id),
        heads=history.heads,
        environment_file=history.relative(options.environment_file),
        kind=read_kind(options.environment_file, import_paths=options.import_paths, databases=_option(project, "databases")),
        database=_database(settings, project),
        errors=severities.count("error"),
        warnings=severities.count("warning"),
    )


def propose(found: Found) -> tuple[Proposal, ...]:
    """Return what is to become of tasks.py, noxfile.py and pyproject.toml; nothing else is touched."""
    return (
        propose_tasks(found.root),
        propose_noxfile(found.root),
        propose_pyproject(found.root, tuple(_lines(found))),
    )


def adopt(proposals: Iterable[Proposal]) -> None:
    """Write the files, all or none.

    :raises NotWritableError: one of them cannot be written.
    """
    with written([proposal.change for proposal in proposals if proposal.change is not None]):
        pass


def _settings(start: Path) -> tuple[Settings, str]:
    """Return the project's settings, and where its ini file is if that has to be written down."""
    with contextlib.suppress(ProjectNotFoundError):
        settings = load(find_root(start))
        with contextlib.suppress(ConfigError):
            open_project(settings)
            return settings, ""
        if settings.alembic_ini != "alembic.ini" or (settings.root / "alembic.ini").is_file():
            open_project(settings)
        start = settings.root
    found = [path.relative_to(start).as_posix() for path in _ini_files(start)]
    if len(found) > 1:
        raise ProjectNotFoundError(
            f"there are {len(found)} files alembic.ini below {start}: {', '.join(found)}",
            hint="run the command in the folder of one of them, or name one in ALEMBIC_CONFIG",
        )
    if not found:
        raise ProjectNotFoundError(
            f"there is no Alembic project here: from {start} upwards and below it is no alembic.ini and no [tool.alembic]",
            hint=_HINT,
        )
    return load(start, flags={"alembic_ini": found[0]}), found[0]


def _ini_files(start: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(start):
        here = Path(folder)
        deep = len(here.relative_to(start).parts) >= _DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        if "alembic.ini" in files:
            yield here / "alembic.ini"


def _option(project: Project, name: str) -> str:
    """Return an option of the ini file as it is written."""
    if project.options.ini is None:
        return ""
    parser = configparser.RawConfigParser()
    parser.read(project.options.ini, encoding="utf-8")
    return parser.get("alembic", name, fallback="").strip()


def _database(settings: Settings, project: Project) -> str:
    from seachange.postgres.connection import from_environment, parse

    if settings.database_url:
        return f"{parse(settings.database_url, environ=settings.environment).redacted} (DATABASE_URL)"
    if (named := from_environment(settings.environment)) is not None:
        return f"{named.redacted} (PG* variables)"
    written_down = _option(project, "sqlalchemy.url")
    if not written_down or written_down.startswith("driver://"):
        return "none is named; development and test start a server below .seachange/"
    try:
        shown = parse(written_down).redacted
    except DatabaseUrlError:
        return "sqlalchemy.url of the ini file is no PostgreSQL URL as it stands; name the database in DATABASE_URL"
    return f"{shown} (sqlalchemy.url of the ini file; Seachange takes it from DATABASE_URL, in the environment or in .env)"


def _lines(found: Found) -> Iterator[str]:
    if found.alembic_ini:
        yield f'alembic_ini = "{found.alembic_ini}"'
    kind = found.kind
    if kind.models and not kind.beside:
        yield f'models = "{kind.models}"'
    elif kind.models:
        yield f"# models: target_metadata of {found.environment_file}, which imports {', '.join(kind.beside)} for their tables"
