"""The trial of generated models: they import, their mappers configure, and Alembic finds no difference."""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from seachange.errors import TargetFailedError
from seachange.sync.targets.models._job import Job
from seachange.sync.targets.models._reflecting import Found
from seachange.sync.targets.models._sentences import sentences

__all__ = ["try_models"]

_MODULE = "seachange_generated_models"
_SHOWN = 10


def try_models(text: str, found: Found, job: Job) -> None:
    """Import the models, configure their mappers and compare them with the database.

    :param text: the module.
    :param found: what they were made from.
    :param job: its options say what is left out of the models, and so of the comparison.
    :raises TargetFailedError: with what is wrong, in sentences.
    """
    metadata = _imported(text, job)
    differences = _differences(metadata, found, job)
    if differences:
        more = len(differences) - _SHOWN
        shown = "; ".join(differences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise TargetFailedError(
            f"Alembic still finds differences between the generated models and the database: {shown}",
            hint=f"the file stays as it was; leave the table out with sync_exclude, or write its model by hand{_of_options(job)}",
        )


def _of_options(job: Job) -> str:
    given = sorted(name for name, value in job.options.items() if value)
    return f"; options {', '.join(given)} are set" if given else ""


def _imported(text: str, job: Job) -> sa.MetaData:
    from sqlalchemy.orm import configure_mappers

    module = types.ModuleType(_MODULE)
    sys.modules[_MODULE] = module
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            exec(compile(text, f"{job.target}.py", "exec", dont_inherit=True), vars(module))  # noqa: S102
        except Exception as exc:
            raise _unusable("cannot be imported", exc, text) from exc
        try:
            configure_mappers()
        except Exception as exc:
            raise _unusable("cannot be configured as mappers", exc, text) from exc
    if job.target == "sqlmodel":
        import sqlmodel

        return sqlmodel.SQLModel.metadata
    return _metadata(vars(module), job)


def _metadata(names: Mapping[str, Any], job: Job) -> sa.MetaData:
    base = names.get(str(job.options.get("base_class") or "Base"))
    found = getattr(base, "metadata", names.get("metadata"))
    if not isinstance(found, sa.MetaData):
        raise TargetFailedError(f"the generated models have no metadata, but {found!r}", hint="choose another base_class")
    return found


def _unusable(what: str, exc: Exception, text: str) -> TargetFailedError:
    line = _line_of(exc, text)
    where = f", at `{line}`" if line else ""
    reason = " ".join(str(exc).split())
    return TargetFailedError(
        f"the generated models {what}{where}: {type(exc).__name__}: {reason}",
        hint="the file stays as it was; leave the table out with sync_exclude, or try option nojoined, nobidi or nofknames",
    )


def _line_of(exc: BaseException, text: str) -> str:
    lines = text.splitlines()
    trace, number = exc.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == _MODULE:
            number = trace.tb_lineno
        trace = trace.tb_next
    return lines[number - 1].strip()[:200] if 0 < number <= len(lines) else ""


def _foreign_keys(metadata: sa.MetaData) -> Iterator[sa.ForeignKeyConstraint]:
    for table in metadata.tables.values():
        yield from table.foreign_key_constraints


def _differences(metadata: sa.MetaData, found: Found, job: Job) -> list[str]:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    wanted = {(table.schema, table.name) for table in found.metadata.tables.values()}
    keys = {(one.table.schema, one.table.name, one.name) for one in _foreign_keys(found.metadata)}
    schemas = {schema for schema, _ in wanted}
    left_out = {kind for option, kinds in _LEFT_OUT.items() if job.options.get(option) for kind in kinds}

    def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        if kind == "schema":
            return name in schemas
        return kind != "table" or (parents["schema_name"], name) in wanted

    def include_object(*described: Any) -> bool:
        thing, name, kind, reflected, _ = described
        if kind == "foreign_key_constraint" and reflected and (thing.table.schema, thing.table.name, name) not in keys:
            # A copy that PostgreSQL made for a partition of the table that is referred to.
            return False
        return kind not in left_out

    context = MigrationContext.configure(
        found.connection,
        opts={
            "compare_type": True,
            "compare_server_default": True,
            "include_schemas": True,
            "include_name": include_name,
            "include_object": include_object,
        },
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        operations = compare_metadata(context, metadata)
    said = [str(one.message) for one in caught if "Computed default" in str(one.message)]
    return [*sentences(operations, comments=not job.options.get("nocomments")), *said]


# Alembic's names for what the options of sqlacodegen leave out.
_LEFT_OUT = {"noindexes": ("index",), "noconstraints": ("unique_constraint", "foreign_key_constraint")}
