"""The side that asks for models: checks of options and path, and the process that makes them."""

from __future__ import annotations

import importlib.util
import keyword
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from seachange.errors import (
    ConfigError,
    ExtraMissingError,
    ProgramFailedError,
    TargetFailedError,
    TimeoutExceededError,
)
from seachange.postgres import programs
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, header
from seachange.sync.targets.models._job import Answer, Job
from seachange.sync.targets.models._names import RESERVED
from seachange.sync.targets.models._place import refuse_compared

__all__ = ["OPTIONS", "emit"]

#: Those of sqlacodegen by its names, and the name of the base class.
OPTIONS = {
    "noindexes": "true leaves out indexes",
    "noconstraints": "true leaves out all constraints but primary keys",
    "nocomments": "true leaves out comments",
    "nonativeenums": "true makes no class of an enum",
    "use_inflect": "true makes classes singular and collections plural; takes 4 s more",
    "nojoined": "true makes no subclass of a table whose primary key refers to another one's",
    "nobidi": "true makes relationships in one direction only",
    "noidsuffix": "true keeps _id in the names of relationships",
    "nofknames": "true names relationships after tables only, not after columns",
    "base_class": "name of the declarative base (Base)",
}
_TIMEOUT_S = 600.0
_WORKER = "seachange.sync.targets.models._worker"


def emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    """Make the models in a process of its own and take them when Alembic finds no difference.

    :param schema: the tables.
    :param request: name of the target, options, snapshot.
    :raises ConfigError: an option has a wrong value, or the path is that of the models that Alembic compares.
    :raises ExtraMissingError: sqlacodegen or sqlmodel is not installed.
    :raises TargetFailedError: what was made cannot be used; it says why.
    """
    _check_options(request)
    refuse_compared(request)
    _check_extras(request.target)
    settings = request.settings
    job = Job(
        target=request.target,
        tables=tuple(table.key for table in schema.tables if table.kind != "foreign table" and not table.is_partition),
        header=header(schema, target=request.target),
        snapshot=request.snapshot,
        options=dict(request.options),
        lock_timeout_ms=settings.session_lock_timeout,
        statement_timeout_ms=settings.session_statement_timeout,
    )
    answer = _ask(job, request)
    if answer.error:
        raise TargetFailedError(answer.error, hint=answer.hint)
    yield Artefact(text=answer.text)


def _ask(job: Job, request: Request) -> Answer:
    with tempfile.TemporaryFile() as task:
        task.write(job.to_json())
        task.seek(0)
        try:
            # -P: what lies in the working directory is not imported.
            arguments = ["-P", "-B", "-m", _WORKER]
            done = programs.run(
                Path(sys.executable), arguments, database=request.database, stdin=task, timeout_s=_TIMEOUT_S, env=_own_path()
            )
        except (ProgramFailedError, TimeoutExceededError) as exc:
            raise TargetFailedError(f"the process that makes the models failed: {exc.message}", hint=exc.hint) from exc
    return Answer.from_json(done.stdout)


def _own_path() -> dict[str, str]:
    # The process may find Seachange in another place than this one did, which tasks.py or a tool put on the path.
    package = str(Path(__file__).resolve().parents[4])
    return {"PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), package)))}


def _check_options(request: Request) -> None:
    for name, value in request.options.items():
        where = f"sync_options.{request.target}.{name}"
        if name == "base_class":
            if not isinstance(value, str) or not value.isidentifier() or keyword.iskeyword(value) or value in RESERVED:
                raise ConfigError(f"{where} is {value!r}, no free name of a class", hint='for example base_class = "Model"')
        elif not isinstance(value, bool):
            raise ConfigError(f"{where} is {value!r}, neither true nor false", hint=f"{name}: {OPTIONS[name]}")


def _check_extras(target: str) -> None:
    needed = ["sqlacodegen", *(["sqlmodel"] if target == "sqlmodel" else [])]
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        hint = "pip install 'seachange[models]'" + (" sqlmodel" if "sqlmodel" in missing else "")
        raise ExtraMissingError(f"target {target} needs {' and '.join(missing)}, which is not installed", hint=hint)
