"""Where env.py runs migrations: one version table, or one for each of its databases or schemas, at revisions of their own."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.errors import StatementFailedError
from seachange.revisions._environment import run_environment
from seachange.revisions._order import ancestors
from seachange.revisions._source import goes_round, is_plain
from seachange.revisions._versions import VersionTable, find_version_table, read_versions
from seachange.revisions.project import Project, open_project

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

    from seachange.postgres.connection import Database, Session
    from seachange.revisions.history import History

__all__ = ["Unit", "Witness", "common", "labels", "read_units", "survey", "unit_of"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unit:
    """One version table, and the revisions that it holds."""

    database: Database
    table: VersionTable
    current: tuple[str, ...] = dataclasses.field(default=(), compare=False)


class Witness:
    """Connections that see what is committed and nothing else, one for each database."""

    def __init__(self) -> None:
        self._sessions: dict[Database, Session] = {}
        self._seen: set[Unit] = set()

    def read(self, unit: Unit) -> tuple[str, ...]:
        """Return the revisions that the version table of ``unit`` holds."""
        found = self._read(unit)
        if found:
            self._seen.add(unit)
        return found

    def _read(self, unit: Unit) -> tuple[str, ...]:
        from seachange.postgres.connection import connect

        session = self._sessions.get(unit.database)
        if session is not None and not session.closed:
            try:
                return read_versions(session, unit.table, seen=unit in self._seen)
            except StatementFailedError:
                # A server that was restarted has ended this connection too; a new one tells whether it is back.
                if not session.closed:
                    raise
        session = self._sessions[unit.database] = connect(unit.database, autocommit=True, application_name="seachange witness")
        return read_versions(session, unit.table)

    def close(self) -> None:
        """End the connections; :meth:`read` opens new ones."""
        while self._sessions:
            self._sessions.popitem()[1].close()

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Close after the block, however it ends."""
        try:
            yield
        finally:
            self.close()


def read_units(settings: Settings, database: Database) -> tuple[Unit, ...]:
    """Return every version table that env.py moves, with what it holds; nothing is changed.

    :param settings: the project's settings.
    :param database: the database, or the first of several.
    :raises EnvironmentFailedError: env.py has to be run and fails.
    """
    with contextlib.closing(Witness()) as witness:
        return survey(open_project(settings), database, witness=witness)


def survey(project: Project, database: Database, *, witness: Witness) -> tuple[Unit, ...]:
    """Return what :func:`read_units` returns; env.py is run unless its text shows that there is one plain version table.

    :param project: the project.
    :param database: the database, or the first of several.
    :param witness: asked what the version tables hold.
    """
    single = _single(project, database)
    found = (single,) if single is not None else _found_by_running(project, database)
    if len(found) == 1 and found[0].database == database and not goes_round(project.options.environment_file):
        _singles[_key(project, database)] = found[0].table
    return tuple(dataclasses.replace(unit, current=witness.read(unit)) for unit in found)


# Each command asks several times where the database is, and a process runs one env.py: it is run once to learn that it has one
# version table, and where.
_singles: dict[tuple[bytes, str, str, str], VersionTable] = {}


def _key(project: Project, database: Database) -> tuple[bytes, str, str, str]:
    # An open connection names the port that a URL may leave out.
    place = database.parameters
    return project.options.environment_file.read_bytes(), place.get("host", ""), place.get("port", "5432"), database.name


def _single(project: Project, database: Database) -> Unit | None:
    """Return the only version table where env.py need not be run to know it."""
    file = project.options.environment_file
    if project.settings.databases or not file.is_file():
        return None
    if is_plain(file):
        return Unit(database=database, table=find_version_table(project))
    table = _singles.get(_key(project, database))
    return Unit(database=database, table=table) if table is not None else None


def _found_by_running(project: Project, database: Database) -> tuple[Unit, ...]:
    from seachange.postgres.connection import engine

    found: dict[Unit, None] = {}

    def note(context: MigrationContext, heads: tuple[str, ...], arguments: Mapping[str, Any]) -> None:
        del heads, arguments
        found.setdefault(unit_of(context, database))

    opened = engine(database)
    try:
        with opened.connect() as connection:
            run_environment(project, note, connection=connection, database=database)
    finally:
        opened.dispose()
    return tuple(found)


def unit_of(context: MigrationContext, database: Database) -> Unit:
    """Return the version table of a migration context, with the schema in which its connection finds it or would make it.

    :param context: what env.py has configured.
    :param database: the database of the connection that env.py was offered.
    """
    from seachange.revisions._redirect import target_of

    name, schema, connection = context.version_table, context.version_table_schema, context.connection
    if connection is None:
        return Unit(database=database, table=VersionTable(name=name, schema=schema or ""))
    translated: Mapping[str | None, str | None] = connection.get_execution_options().get("schema_translate_map") or {}
    schema = translated.get(schema, schema) or _schema_of(connection, context.dialect.identifier_preparer.quote(name))
    return Unit(database=target_of(connection) or database, table=VersionTable(name=name, schema=schema))


def _schema_of(connection: Connection, quoted: str) -> str:
    from sqlalchemy import text

    query = (
        "select coalesce((select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace"
        " where c.oid = to_regclass(:name)), current_schema())"
    )
    found = connection.execute(text(query), {"name": quoted}).scalar()
    # Alembic has made the table in a transaction that it means to go on with; every revision gets its own.
    connection.commit()
    return str(found or "")


def common(history: History, units: Iterable[Unit]) -> tuple[str, ...]:
    """Return the newest revisions that are applied in every unit.

    :param history: the revisions in the files; when a unit holds another one, that is returned, for the caller to complain of.
    :param units: where env.py runs migrations.
    """
    states = {unit.current for unit in units}
    if len(states) == 1:
        return states.pop()
    if unknown := sorted({name for state in states for name in state} - set(history.by_id)):
        return tuple(unknown)
    applied = set.intersection(*(set(ancestors(history.parents, state)) for state in states))
    above = {parent for name in applied for parent in history.parents.get(name, ())}
    return tuple(sorted(applied - above))


def labels(units: Sequence[Unit]) -> dict[Unit, str]:
    """Return what tells each unit from the others: database, schema, table, as far as they differ; nothing for a single one."""
    parts = [(unit.database.name, unit.table.schema, unit.table.name) for unit in units]
    differing = [place for place in range(3) if len({part[place] for part in parts}) > 1]
    return {unit: ".".join(part[place] for place in differing) for unit, part in zip(units, parts, strict=True)}
