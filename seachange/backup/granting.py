"""Owners, privileges and policies of a restored database, given after its data when roles are called otherwise."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from seachange.backup.load import Archive, read_statements
from seachange.backup.ownership import Roles, retold
from seachange.config import Settings
from seachange.errors import RestoreFailedError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database

__all__ = ["give_to_roles"]


def give_to_roles(database: Database, archive: Archive, settings: Settings, *, roles: Roles) -> None:
    """Run the statements of an archive that name roles, with the roles of this server, in one transaction.

    :param database: the restored database; the archive was loaded without roles.
    :param archive: what was loaded.
    :param settings: where programs come from.
    :param roles: what becomes of the roles.
    :raises RestoreFailedError: the server refused a statement.
    """
    from seachange.postgres.connection import connect

    found = read_statements(archive, settings)
    with contextlib.closing(connect(database, statement_timeout_ms=0)) as session:
        session.execute(sql.SQL("SET client_encoding TO {}").format(sql.Literal(found.encoding)))
        # As pg_dump does it: every name in its statements has its schema.
        session.execute("SELECT pg_catalog.set_config('search_path', '', false)")
        for statement in retold(found.texts, roles):
            try:
                session.execute(statement.encode(found.codec))
            except psycopg.Error as exc:
                said = exc.diag.message_primary or str(exc)
                raise RestoreFailedError(f"owners and privileges were not given back: {said}: {statement[:200]}") from exc
        session.commit()
