"""Alembic's version table: which one env.py uses, and what stands in it."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.errors import StatementFailedError
from seachange.revisions._environment import read_configuration
from seachange.revisions._source import keywords
from seachange.revisions.project import Project

if TYPE_CHECKING:
    import psycopg

__all__ = ["VersionTable", "find_version_table", "named_version_table", "read_versions"]

_NAMES = ("version_table", "version_table_schema")


@dataclasses.dataclass(frozen=True, kw_only=True)
class VersionTable:
    """The name of the table; without a schema it is found by ``search_path``."""

    name: str = "alembic_version"
    schema: str = ""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


def find_version_table(project: Project) -> VersionTable:
    """Return the table that env.py names; env.py is run in offline mode only when it computes the name.

    :raises EnvironmentFailedError: env.py has to be run and fails.
    """
    return named_version_table(project) or _table(read_configuration(project))


def named_version_table(project: Project) -> VersionTable | None:
    """Return the table that the text of env.py names; None where it computes the name."""
    try:
        source = project.options.environment_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        source = ""
    if "version_table" not in source:
        return VersionTable()
    named = _constants(source)
    return _table(named) if named is not None else None


def _constants(source: str) -> Mapping[str, str] | None:
    """Arguments of a call that are written out; None when one is computed or stands elsewhere."""
    named = keywords(source, *_NAMES)
    values = {(node.arg, node.value.value if isinstance(node.value, ast.Constant) else None) for node in named}
    if not values or len(values) > len({name for name, _ in values}) or any(not isinstance(value, str) for _, value in values):
        return None
    return {str(name): str(value) for name, value in values}


def _table(options: Mapping[str, Any]) -> VersionTable:
    name, schema = (options.get(key) for key in _NAMES)
    return VersionTable(name=str(name or VersionTable.name), schema=str(schema or ""))


def read_versions(connection: psycopg.Connection[Any], table: VersionTable, *, seen: bool = False) -> tuple[str, ...]:
    """Return the revisions in the version table, sorted; none when there is no such table.

    :param connection: an open connection.
    :param table: the version table.
    :param seen: whether the table was there before; on a connection in autocommit a look is then one question and not two.
    :raises StatementFailedError: the table cannot be read.
    """
    import psycopg
    from psycopg import sql

    name = sql.Identifier(table.schema, table.name) if table.schema else sql.Identifier(table.name)
    try:
        if not seen:
            row = connection.execute("select to_regclass(%s) is not null", [name.as_string(connection)]).fetchone()
            if row is None or not row[0]:
                return ()
        rows = connection.execute(sql.SQL("select version_num from {}").format(name)).fetchall()
    except psycopg.errors.UndefinedTable:
        return ()
    except psycopg.Error as exc:
        reason = exc.diag.message_primary or exc
        raise StatementFailedError(f"Alembic's version table {table} cannot be read: {reason}", hint="check its grants") from exc
    return tuple(sorted(str(value) for (value,) in rows))
