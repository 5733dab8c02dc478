"""Say which revisions a database is at without running any: what plain Alembic calls a stamp."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seachange.errors import RevisionUnknownError, StatementFailedError
from seachange.revisions.history import History

if TYPE_CHECKING:
    import psycopg

    from seachange.revisions._versions import VersionTable

__all__ = ["find_state", "stamp"]

# As Alembic makes it (alembic/ddl/impl.py, version_table_impl).
_CREATE = "create table {} (version_num varchar(32) not null, constraint {} primary key (version_num))"


def find_state(history: History, text: str) -> tuple[str, ...]:
    """Return the revisions that a version table holds at ``text``.

    :param history: the revisions in the files.
    :param text: ``heads``, ``base``, or revisions or the starts of their ids, separated by commas.
    :raises RevisionUnknownError: one is in no file, or is below another one of them.
    """
    if text in ("head", "heads"):
        return tuple(sorted(history.heads))
    if text == "base":
        return ()
    found = {history.find(name.strip()).revision for name in text.split(",") if name.strip()}
    for name in found:
        below = {revision.revision for revision in history.ancestors([name])} - {name}
        if both := below & found:
            raise RevisionUnknownError(f"{min(both)} is below {name}", hint=f"name {name} alone: it stands for all below it")
    return tuple(sorted(found))


def stamp(connection: psycopg.Connection[Any], table: VersionTable, state: Iterable[str]) -> None:
    """Make a version table hold ``state``, in the transaction of ``connection``.

    :param connection: a connection in a transaction.
    :param table: the version table; it is made if it is not there.
    :param state: the revisions.
    :raises StatementFailedError: the table cannot be written.
    """
    import psycopg
    from psycopg import sql

    name = sql.Identifier(table.schema, table.name) if table.schema else sql.Identifier(table.name)
    try:
        row = connection.execute("select to_regclass(%s) is not null", [name.as_string(connection)]).fetchone()
        if row is None or not row[0]:
            connection.execute(sql.SQL(_CREATE).format(name, sql.Identifier(f"{table.name}_pkc")))
        connection.execute(sql.SQL("delete from {}").format(name))
        for revision in state:
            connection.execute(sql.SQL("insert into {} (version_num) values (%s)").format(name), [revision])
    except psycopg.Error as exc:
        reason = exc.diag.message_primary or exc
        raise StatementFailedError(
            f"Alembic's version table {table} cannot be written: {reason}", hint="check its grants"
        ) from exc
