"""How a database differs from the models: Alembic's comparison, plus enum labels and check constraints, in sentences."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.errors import StatementFailedError
from seachange.postgres.redaction import redact
from seachange.revisions._environment import run_environment
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


def differences(metadata: MetaData, connection: Connection, *, settings: Settings) -> tuple[str, ...]:
    """Return in sentences how the database differs from the models; nothing means that they agree.

    :param metadata: what the models declare.
    :param connection: an open connection; nothing is changed.
    :param settings: the project's settings; the filters of its env.py count.
    :raises EnvironmentFailedError: env.py fails.
    :raises StatementFailedError: the server refuses to be looked at.
    """
    found: list[str] = []
    compare(open_project(settings), connection, metadata=metadata, use=lambda comparison: found.extend(comparison.differences))
    return tuple(found)


def compare(project: Project, connection: Connection, *, metadata: MetaData, use: Callable[[Comparison], None]) -> None:
    """Compare inside the project's env.py, with its filters and hooks, and hand the result to ``use``.

    :param project: the project.
    :param connection: the database; left without changes.
    :param metadata: what the models declare.
    :param use: called once, while env.py's context is in place.
    """
    from sqlalchemy.exc import DBAPIError

    def work(context: MigrationContext, heads: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        del arguments
        use(_compare(context, heads, metadata))

    try:
        run_environment(project, work, connection=connection, adjust=lambda options: _adjust(options, metadata))
    except DBAPIError as exc:
        raise StatementFailedError(f"the database cannot be compared with the models: {redact(str(exc.orig))}") from exc
    finally:
        connection.rollback()


def _compare(context: MigrationContext, heads: tuple[str, ...], metadata: MetaData) -> Comparison:
    from alembic.autogenerate.api import AutogenContext, produce_migrations
    from sqlalchemy.exc import SAWarning

    from seachange.revisions._extras import add_extras

    connection = context.connection
    if connection is None:
        raise StatementFailedError("env.py configured Alembic without a connection", hint="pass connection= to configure()")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        script = produce_migrations(context, metadata)
    autogenerate = AutogenContext(context, metadata=metadata)
    add_extras(script, autogenerate, connection, metadata=metadata)
    hook = context.opts.get("process_revision_directives")
    directives = [script]
    if hook:
        hook(context, heads, directives)
    kept = directives[0] if directives else _emptied(script)
    said = dict.fromkeys(str(warning.message) for warning in caught if issubclass(warning.category, (UserWarning, SAWarning)))
    return Comparison(script=kept, context=autogenerate, connection=connection, metadata=metadata, warnings=tuple(said))


def _emptied(script: MigrationScript) -> MigrationScript:
    # A hook that removes the directive says that no revision shall be written.
    for part in (*script.upgrade_ops_list, *script.downgrade_ops_list):
        part.ops = []
    return script


def _adjust(options: dict[str, Any], metadata: MetaData) -> None:
    """Make env.py's options compare everything, leaving its own filters and functions in force."""
    options["target_metadata"] = metadata
    options["include_name"] = _include_name(options.get("include_name"))
    if not callable(options.get("compare_type")):
        options["compare_type"] = True
    if not callable(options.get("compare_server_default")):
        options["compare_server_default"] = True
    schemas = {table.schema for table in metadata.tables.values()}
    if schemas - {None} and not options.get("include_schemas"):
        options["include_schemas"] = True
        options["include_name"] = _only_schemas(options["include_name"], schemas)


_IncludeName = Callable[[Any, str, Any], bool]


def _include_name(given: _IncludeName | None) -> _IncludeName:
    def include(name: Any, kind: str, parents: Any) -> bool:
        if kind == "schema" and name == _OWN_SCHEMA:
            return False
        return given is None or bool(given(name, kind, parents))

    return include


def _only_schemas(given: _IncludeName, schemas: set[str | None]) -> _IncludeName:
    def include(name: Any, kind: str, parents: Any) -> bool:
        return bool((kind != "schema" or name in schemas or name is None) and given(name, kind, parents))

    return include
