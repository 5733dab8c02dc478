"""What a restored copy needs around it: roles, extensions, and the settings that sessions of its origin began with."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from seachange.backup.manifest import Manifest
from seachange.errors import CopyImpossibleError

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session
    from seachange.postgres.server import Server

__all__ = ["give_session", "make_roles", "require_extensions"]

log = logging.getLogger(__name__)

_ROLES = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
_AVAILABLE = "SELECT name FROM pg_available_extensions WHERE name = ANY(%s)"

# The value of search_path is a list of names; given as one text it would become one name.
_LISTS = frozenset({"search_path"})
_ELEMENT = re.compile(r'"((?:[^"]|"")*)"|([^,\s]+)')
_AT_START = frozenset({"max_locks_per_transaction"})


@contextlib.contextmanager
def make_roles(server: Database, manifest: Manifest, *, drop: Callable[[], object] | None = None) -> Iterator[None]:
    """Make the roles that the backup names and the server lacks; nobody can log in as one of them.

    :param server: any database of the server.
    :param manifest: of the backup.
    :param drop: removes what belongs to the roles; then they are dropped at the end of the block.
    :raises CopyImpossibleError: the user may not make them.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(server, autocommit=True)) as session:
        made = _make_missing(session, manifest)
        if not drop:
            yield
            return
        try:
            yield
        finally:
            drop()
            _drop_roles(session, made)


def _make_missing(session: Session, manifest: Manifest) -> list[str]:
    contents = manifest.contents
    named = {*contents.roles.owners, *contents.roles.grantees, *contents.roles.policies, contents.owner}
    named |= {setting.role for setting in contents.settings} | {grant.role for grant in contents.grants or ()}
    there = {row[0] for row in session.execute(_ROLES, [sorted(named)])}
    missing = sorted(name for name in named - there if name and not name.startswith("pg_"))
    for name in missing:
        attributes = ["NOLOGIN"]
        attributes += ["SUPERUSER"] if name in contents.roles.superusers else []
        attributes += ["BYPASSRLS"] if name in contents.roles.bypass_rls else []
        try:
            session.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(name), sql.SQL(" ".join(attributes))))
        except psycopg.errors.DuplicateObject:
            log.debug("the role %s was made by somebody else meanwhile", name)
        except psycopg.Error as exc:
            raise CopyImpossibleError(
                f"the role {name}, which the backup names, cannot be made: {exc.diag.message_primary or exc}",
                hint="let SEACHANGE_ADMIN_URL name a superuser, or unset it: a server of its own is started then",
            ) from exc
    return missing


def _drop_roles(session: Session, names: list[str]) -> None:
    for name in names:
        try:
            session.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.Error as exc:
            # Another run on the same server restored something that belongs to it meanwhile.
            log.warning("the role %s stays on the server: %s", name, exc.diag.message_primary or exc)


def require_extensions(server: Server, manifest: Manifest) -> None:
    """Make sure that the server has the extensions of the backup.

    :param server: the server.
    :param manifest: of the backup.
    :raises CopyImpossibleError: it lacks one.
    """
    from seachange.postgres.connection import connect

    wanted = manifest.contents.extensions
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        found = {row[0] for row in session.execute(_AVAILABLE, [list(wanted)])}
    missing = [f"{name} {version}" for name, version in sorted(wanted.items()) if name not in found]
    if not missing:
        return
    what = "the extension" if len(missing) == 1 else "the extensions"
    where = str(server.installation.bin_dir) if server.installation else "SEACHANGE_ADMIN_URL"
    raise CopyImpossibleError(
        f"PostgreSQL {server.major} of {where} lacks {what} {', '.join(missing)}, which the backup needs",
        hint=f"install packages of the system for PostgreSQL {server.major} that have it, and let SEACHANGE_PG{server.major}_BIN "
        "name the folder of the programs (`invoke db.servers` lists them); or let SEACHANGE_ADMIN_URL name a server with it",
    )


def give_session(server: Server, database: Database, manifest: Manifest) -> tuple[str, ...]:
    """Give the sessions of a server of our own the settings that those of the origin began with.

    :param server: the server; one that others use too keeps its settings.
    :param database: the database that will be restored.
    :param manifest: of the backup.
    :returns: a sentence for each that the server does not take.
    """
    from seachange.postgres.connection import connect

    wanted = {name: value for name, value in manifest.contents.session.items() if name not in _AT_START}
    if not wanted:
        return ()
    if server.data_dir is None:
        return (f"the server that SEACHANGE_ADMIN_URL names keeps its own settings of {', '.join(wanted)}",)
    notes = []
    with contextlib.closing(connect(server.database(), autocommit=True)) as session:
        for name, value in wanted.items():
            try:
                session.execute(sql.SQL("ALTER SYSTEM SET {} TO {}").format(sql.Identifier(name), _value(name, value)))
            except psycopg.Error as exc:
                log.debug("%s cannot be set for %s: %s", name, database.name, exc)
                notes.append(f"{name} is not {value} as at the origin: {exc.diag.message_primary or exc}")
        session.execute("SELECT pg_reload_conf()")
    return tuple(notes)


def _value(name: str, value: str) -> sql.Composable:
    if name not in _LISTS:
        return sql.Literal(value)
    elements = [quoted.replace('""', '"') or plain for quoted, plain in _ELEMENT.findall(value)]
    return sql.SQL(", ").join(map(sql.Literal, elements or [""]))
