"""How a database differs from the models: Alembic's comparison, plus enum labels and check constraints, in sentences."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.errors import SeveralUnitsError, StatementFailedError
from seachange.postgres.redaction import redact
from seachange.revisions._entities import Entities, without_entities
from seachange.revisions._environment import run_environment
from seachange.revisions._sides import Sides
from seachange.revisions.declared import Declared, read
from seachange.revisions.project import Project, open_project

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from alembic.operations.ops import MigrationScript
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection, MetaData

__all__ = ["Comparison", "compare", "differences"]

_OWN_SCHEMA = "seachange"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison found, as operations of Alembic; valid as long as its connection is open."""

    script: MigrationScript
    context: AutogenContext
    connection: Connection
    metadata: MetaData
    warnings: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not self.operations

    @property
    def operations(self) -> tuple[str, ...]:
        """What has to be done to the database, in sentences."""
        from seachange.revisions._sentences import describe_operations

        return describe_operations(self._upgrade, dialect=self.connection.dialect)

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs, in sentences."""
        from seachange.revisions._sentences import describe_differences

        return describe_differences(self._upgrade, dialect=self.connection.dialect)

    @property
    def _upgrade(self) -> list[Any]:
        return [operation for part in self.script.upgrade_ops_list for operation in part.ops]


def differences(
    metadata: MetaData, connection: Connection, *, declared: Declared, settings: Settings, throwaway: bool = False
) -> tuple[str, ...]:
    """Return in sentences how the database differs from the models; nothing means that they agree.

    :param metadata: what the models declare.
    :param declared: what that makes on a server, as :func:`seachange.revisions.declared.declare_on` finds it.
    :param connection: an open connection; nothing is changed.
    :param settings: the project's settings; the filters of its env.py count.
    :param throwaway: whether the database is one of ours, on which what alembic-utils declares may be tried.
    :raises EnvironmentFailedError: env.py fails.
    :raises StatementFailedError: the server refuses to be looked at.
    """
    found: list[str] = []
    project = open_project(settings)
    compare(
        project,
        connection,
        metadata=metadata,
        declared=declared,
        use=lambda comparison: found.extend(comparison.differences),
        throwaway=throwaway,
    )
    return tuple(found)


def compare(
    project: Project,
    connection: Connection,
    *,
    metadata: MetaData,
    declared: Declared,
    use: Callable[[Comparison], None],
    throwaway: bool = False,
) -> None:
    """Compare inside the project's env.py, with its filters and hooks, and hand the result to ``use``.

    :param project: the project.
    :param connection: the database; left without changes.
    :param metadata: what the models declare.
    :param declared: what that makes on a server.
    :param use: called once, while env.py's context is in place.
    :param throwaway: whether the database is one of ours, on which what alembic-utils declares may be tried.
    :raises SeveralUnitsError: env.py migrates more than one database or schema.
    """
    from sqlalchemy.exc import DBAPIError

    sides = Sides(declared=declared, actual=read(connection, metadata), schema=str(connection.dialect.default_schema_name))

    compared: list[object] = []

    def work(context: MigrationContext, heads: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        del arguments
        compared.append(context)
        if len(compared) > 1:
            raise SeveralUnitsError(
                "env.py migrates several databases or schemas, and the models can only be compared with one",
                hint="write the revision by `alembic revision --autogenerate`; `invoke migration.apply` applies it everywhere",
            )
        with without_entities() as entities:
            comparison = _compare(context, heads, sides, metadata=metadata, entities=entities if throwaway else None)
        use(comparison)

    try:
        run_environment(project, work, connection=connection, adjust=lambda options: _adjust(options, sides, metadata))
    except DBAPIError as exc:
        reason = redact(str(exc.orig)).splitlines()[0]
        raise StatementFailedError(f"the database cannot be compared with the models: {reason}") from exc
    finally:
        connection.rollback()


def _compare(
    context: MigrationContext, heads: tuple[str, ...], sides: Sides, *, metadata: MetaData, entities: Entities | None
) -> Comparison:
    from alembic.autogenerate.api import AutogenContext, produce_migrations
    from sqlalchemy.exc import SAWarning

    from seachange.revisions._extras import add_extras, place
    from seachange.revisions._rendering import run_rendered

    connection = context.connection
    if connection is None:
        raise StatementFailedError("env.py configured Alembic without a connection", hint="pass connection= to configure()")
    _compare_defaults(context, sides)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        script = produce_migrations(context, metadata)
    autogenerate = AutogenContext(context, metadata=metadata)
    placed = add_extras(script, autogenerate, sides, metadata=metadata)
    if entities:
        upgrade = script.upgrade_ops_list[-1].ops
        more = entities.compare(context, metadata, apply=lambda: run_rendered(autogenerate, upgrade))
        place(script, [*placed, *more])
    hook = context.opts.get("process_revision_directives")
    directives = [script]
    if hook:
        hook(context, heads, directives)
    kept = directives[0] if directives else _emptied(script)
    said = [str(warning.message) for warning in caught if issubclass(warning.category, (UserWarning, SAWarning))]
    said = [text for text in said if not _ANSWERED.search(text)] + [
        f"{table} is compared by Alembic alone, since PostgreSQL cannot make it from the models: {reason}"
        for table, reason in sides.declared.failed.items()
        if table in sides.known
    ]
    return Comparison(
        script=kept, context=autogenerate, connection=connection, metadata=metadata, warnings=tuple(dict.fromkeys(said))
    )


# What Alembic cannot compare or sort by itself is compared and sorted here.
_ANSWERED = re.compile(
    "^Computed default on .* cannot be modified$|Expression compare cannot proceed|^Cannot correctly sort tables"
)


def _compare_defaults(context: MigrationContext, sides: Sides) -> None:
    """Let Alembic ask us whether defaults differ.

    Not as env.py would, through ``compare_server_default``: with a function there, Alembic 1.20 stumbles over identity columns.
    Alembic's own way is to run both expressions, which takes a number of a sequence.
    """
    original: _Compare = context.impl.compare_server_default

    def compare(inspected: Any, column: Any, *rendered: Any) -> Any:
        answer = sides.differ_in_default(context, column)
        return original(inspected, column, *rendered) if answer is None else answer

    vars(context.impl)["compare_server_default"] = compare


def _emptied(script: MigrationScript) -> MigrationScript:
    # A hook that removes the directive says that no revision shall be written.
    for part in (*script.upgrade_ops_list, *script.downgrade_ops_list):
        part.ops = []
    return script


def _adjust(options: dict[str, Any], sides: Sides, metadata: MetaData) -> None:
    """Make env.py's options compare everything, leaving its own filters and functions in force."""
    options["target_metadata"] = metadata
    options["include_name"] = _include_name(options.get("include_name"), sides, metadata)
    options["compare_type"] = _first_of(options.get("compare_type"), sides.differ_in_type)
    if not callable(options.get("compare_server_default")):
        options["compare_server_default"] = True
    schemas = {table.schema for table in metadata.tables.values()}
    if schemas - {None} and not options.get("include_schemas"):
        options["include_schemas"] = True
        options["include_name"] = _only_schemas(options["include_name"], schemas)


_Compare = Callable[..., Any]


def _first_of(given: object, ours: _Compare) -> _Compare:
    """Ask env.py's own function first; None says that it leaves the answer to others."""
    if not callable(given):
        return ours

    def compare(*arguments: Any) -> Any:
        answer = given(*arguments)
        return ours(*arguments) if answer is None else answer

    return compare


_IncludeName = Callable[[Any, str, Any], bool]


def _include_name(given: _IncludeName | None, sides: Sides, metadata: MetaData) -> _IncludeName:
    # Partitions come and go with data; models declare the partitioned table.
    partitions = {(table.schema, table.name) for table in sides.actual.tables if table.partition_bound}
    partitions -= {(table.schema or sides.schema, table.name) for table in metadata.tables.values()}

    def include(name: Any, kind: str, parents: Any) -> bool:
        if kind == "table" and (parents.get("schema_name") or sides.schema, name) in partitions:
            return False
        if kind == "schema" and name == _OWN_SCHEMA:
            return False
        return given is None or bool(given(name, kind, parents))

    return include


def _only_schemas(given: _IncludeName, schemas: set[str | None]) -> _IncludeName:
    def include(name: Any, kind: str, parents: Any) -> bool:
        return bool((kind != "schema" or name in schemas or name is None) and given(name, kind, parents))

    return include
