"""The tables that a project's models declare."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import EnvironmentFailedError, ModelsNotImportableError, SeachangeError
from seachange.postgres.redaction import redact
from seachange.revisions import _environment
from seachange.revisions._output import contained
from seachange.revisions._where import find_place
from seachange.revisions.project import Project, open_project

if TYPE_CHECKING:
    from sqlalchemy import MetaData

__all__ = ["load_metadata", "model_files"]

_log = logging.getLogger(__name__)
_HINT = 'set models = "package.module:Base" in [tool.seachange]: a declarative base, a MetaData or a list of them; '
_HINT += "without models `invoke migration.generate --empty --name NAME` begins a revision to be written by hand"


def load_metadata(settings: Settings) -> MetaData:
    """Import the models and return their tables as one MetaData.

    :param settings: ``models`` names them; without it env.py's ``target_metadata`` counts.
    :raises ModelsNotImportableError: they cannot be imported, or what is named is no MetaData.
    """
    project = open_project(settings)
    found = _named(project) if settings.models else _from_environment(project)
    parts = _metadata_of(found)
    if not parts:
        where = f"models = {settings.models!r}" if settings.models else "target_metadata in env.py"
        raise ModelsNotImportableError(f"{where} is {found!r}, neither a declarative base nor a MetaData", hint=_HINT)
    return _merged(parts, where=settings.models or "target_metadata")


def model_files(settings: Settings) -> frozenset[Path]:
    """Return the files of the modules that hold a table, model or MetaData which Alembic compares; none when they cannot be had.

    :param settings: as for :func:`load_metadata`.
    """
    from sqlalchemy import MetaData, Table

    try:
        load_metadata(settings)
        project = open_project(settings)
        parts = {id(part) for part in _metadata_of(_named(project) if settings.models else _from_environment(project))}
    except SeachangeError as exc:
        _log.debug("the files of the models are not known: %s", exc)
        return frozenset()

    def holds(module: object) -> bool:
        # By their types: to ask anything else for an attribute may run somebody's code.
        for value in list(getattr(module, "__dict__", {}).values()):
            if issubclass(type(value), MetaData):
                found = value
            else:
                found = getattr(value, "metadata", None) if issubclass(type(value), (Table, type)) else None
            if id(found) in parts:
                return True
        return False

    files = ((module, getattr(module, "__file__", None)) for module in list(sys.modules.values()))
    return frozenset(Path(file) for module, file in files if file and holds(module))


def _named(project: Project) -> object:
    name, _, attribute = project.settings.models.partition(":")
    project.add_to_path()
    try:
        with contained():
            module = importlib.import_module(name)
    except (Exception, SystemExit) as exc:
        raise _not_importable(project, name, exc) from exc
    try:
        return getattr(module, attribute or "Base")
    except AttributeError as exc:
        raise ModelsNotImportableError(f"module {name} has no attribute {attribute or 'Base'!r}", hint=_HINT) from exc


def _not_importable(project: Project, name: str, exc: BaseException) -> ModelsNotImportableError:
    place = find_place(exc, root=project.settings.root)
    missing = getattr(exc, "name", None) if isinstance(exc, ModuleNotFoundError) else None
    if missing and (name == missing or name.startswith(f"{missing}.")):
        hint = f"{missing} is neither below {project.settings.root} nor installed; " + _HINT
    elif missing:
        hint = f"install {missing} into this environment"
    else:
        hint = f"`python -c 'import {name}'` meets the same error"
    where = f", at {place}" if place else ""
    reason = redact(f"{type(exc).__name__}: {exc}")
    return ModelsNotImportableError(f"models = {project.settings.models!r} cannot be imported{where}: {reason}", hint=hint)


def _from_environment(project: Project) -> object:
    try:
        return _environment.read_configuration(project).get("target_metadata")
    except EnvironmentFailedError as exc:
        raise ModelsNotImportableError(f"models: {exc.message}", hint=_HINT) from exc


def _metadata_of(value: object) -> tuple[MetaData, ...]:
    from sqlalchemy import MetaData

    if isinstance(value, MetaData):
        return (value,)
    if isinstance(metadata := getattr(value, "metadata", None), MetaData):
        return (metadata,)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return tuple(part for each in value for part in _metadata_of(each))
    return ()


def _merged(parts: tuple[MetaData, ...], *, where: str) -> MetaData:
    from sqlalchemy import MetaData

    distinct = list({id(part): part for part in parts}.values())
    if len(distinct) == 1:
        return distinct[0]
    merged = MetaData(naming_convention=distinct[0].naming_convention)
    for part in distinct:
        for table in part.tables.values():
            if table.key in merged.tables:
                raise ModelsNotImportableError(f"{where}: table {table.key} is in two of the MetaData", hint="keep one of them")
            table.to_metadata(merged)
    return merged
