"""The place where models go: never a file that Alembic compares, nor one that somebody else wrote."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from seachange.errors import ConfigError, TargetFailedError
from seachange.sync.target import Request

__all__ = ["refuse_compared"]

_MARK = "Written by Seachange from the database"
_HEAD = 1000


def refuse_compared(request: Request) -> None:
    """Refuse to write the models that Alembic compares with the database: they would follow what they are to lead.

    :param request: whose path it is; ``compared`` tells the files that env.py's models come from.
    :raises ConfigError: the path is one of those files.
    :raises TargetFailedError: what is there was not written by Seachange.
    """
    place = request.path.resolve()
    root = request.settings.root.resolve()
    name = place.relative_to(root) if place.is_relative_to(root) else place
    hint = f"set sync_paths.{request.target} to another file; what is good in it is copied into the models by hand"
    if place in {path.resolve() for path in _named(request)}:
        raise ConfigError(
            f"target {request.target} would write {name}, from which models = {request.settings.models!r} takes the tables that "
            "Alembic compares with the database",
            hint=hint,
        )
    if place in {path.resolve() for path in request.compared()}:
        raise ConfigError(
            f"target {request.target} would write {name}, from which env.py takes the tables that Alembic compares", hint=hint
        )
    present = request.present()
    if present and _MARK not in present[:_HEAD]:
        raise TargetFailedError(
            f"target {request.target} would write {name}, which is there and was not written by Seachange",
            hint=f"move it away, or give {request.target} another file in sync_paths",
        )


def _named(request: Request) -> Iterator[Path]:
    name = request.settings.models.partition(":")[0]
    if not name:
        return
    parts = name.split(".")
    for base in (request.settings.root, request.settings.root / "src", *map(Path, sys.path)):
        yield base.joinpath(*parts).with_suffix(".py")
        yield base.joinpath(*parts, "__init__.py")
