"""Roles and tablespaces beside a dump, as SQL without any password; and the roles that a server lacks made from it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from seachange.backup.files import write_new
from seachange.backup.manifest import BackupFile, describe_file
from seachange.backup.sealing import seal_file
from seachange.backup.store import fetched
from seachange.backup.verify import Backup
from seachange.config import Settings
from seachange.errors import BackupInvalidError, RestoreFailedError

if TYPE_CHECKING:
    from psycopg import Connection

    from seachange.postgres.connection import Database

__all__ = ["GLOBALS_NAME", "MissingRole", "load_globals", "make_roles", "missing_roles", "read_globals", "write_globals"]

GLOBALS_NAME = "globals.sql"

_HEAD = """\
-- Roles and tablespaces of the server, without passwords: whoever logs in by one needs a new one.
-- `invoke db.restore --globals` makes the roles that are missing; psql runs all of it.
"""
_SECRET = re.compile(r"pass|secret|token|credential|private|key", re.IGNORECASE)

# pg_roles shows no password to anybody; pg_authid, which has them, is never read. What a role may not be shown is left out there.
_ROLES = """
    SELECT rolname, format('CREATE ROLE %I WITH %s', rolname, concat_ws(' ',
        CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
        CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END, CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
        CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END,
        CASE WHEN rolconnlimit >= 0 THEN 'CONNECTION LIMIT ' || rolconnlimit END,
        CASE WHEN rolvaliduntil IS NOT NULL THEN format('VALID UNTIL %L', rolvaliduntil) END)),
        CASE WHEN shobj_description(oid, 'pg_authid') IS NOT NULL
             THEN format('COMMENT ON ROLE %I IS %L', rolname, shobj_description(oid, 'pg_authid')) END,
        rolconfig
    FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname
"""
# The options of a membership came with PostgreSQL 16.
_MEMBERS = """
    SELECT m.rolname, format('GRANT %I TO %I', r.rolname, m.rolname), a.admin_option, to_jsonb(a)
    FROM pg_auth_members a JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member
    WHERE m.rolname !~ '^pg_' ORDER BY r.rolname, m.rolname
"""
_TABLESPACES = """
    SELECT format('CREATE TABLESPACE %I OWNER %I LOCATION %L', spcname, pg_get_userbyid(spcowner), pg_tablespace_location(oid))
    FROM pg_tablespace WHERE spcname !~ '^pg_' ORDER BY spcname
"""
_LISTS = frozenset({"local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"})

_NAME = r'(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)'
_CREATE = re.compile(rf"\ACREATE ROLE (?P<role>{_NAME}) WITH ", re.DOTALL)
_GRANT = re.compile(rf"\AGRANT (?P<role>{_NAME}) TO (?P<member>{_NAME})(?P<options>.*)\Z", re.DOTALL)
_ABOUT = re.compile(rf"\A(?:ALTER ROLE|COMMENT ON ROLE) (?P<role>{_NAME}) ", re.DOTALL)
_MEMBER_OPTIONS_SINCE = 160_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class MissingRole:
    """A role that a server lacks; ``attributes`` are as CREATE ROLE has them, ``statements`` make it."""

    name: str
    attributes: str
    statements: tuple[str, ...]


def read_globals(session: Connection[Any]) -> str:
    """Return the roles and tablespaces of a server as SQL, without passwords.

    :param session: to any database of the server.
    """
    lines = [*_role_statements(session), *(row[0] for row in session.execute(_TABLESPACES))]
    return _HEAD + "".join(f"{line};\n" for line in lines)


def write_globals(database: Database, folder: Path, *, recipients: Sequence[str] = ()) -> BackupFile:
    """Write the roles and tablespaces of a server into the folder of a backup, and wait until they are on disk.

    :param database: any database of the server.
    :param folder: the folder.
    :param recipients: public keys to encrypt to.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as session:
        write_new(folder / GLOBALS_NAME, read_globals(session))
    return seal_file(folder, GLOBALS_NAME, recipients=recipients).file


def load_globals(backup: Backup, settings: Settings) -> str:
    """Return the roles and tablespaces that a backup has beside its dump.

    :param backup: the backup.
    :param settings: ``backup_identity``, and how to reach a remote backup.
    :raises BackupInvalidError: it has none, or they are damaged.
    :raises DecryptionFailedError: the secret key is missing or another.
    """
    wanted = [file for file in (backup.manifest.files if backup.manifest else ()) if file.path.startswith(GLOBALS_NAME)]
    if not wanted or backup.manifest is None:
        raise BackupInvalidError(
            f"backup {backup.name} has no roles beside it",
            hint="older versions, and backups of less than a database, have none; create the roles by hand",
        )
    (file,) = wanted
    with fetched(backup, settings, files=[file.path]) as local:
        if describe_file(local.path, file.path).sha256 != file.sha256:
            raise BackupInvalidError(f"{file.path} of backup {backup.name} is damaged", hint="use another backup")
        data = (local.path / file.path).read_bytes()
    if backup.manifest.encryption:
        from seachange.backup.encryption import decrypt_stream, read_identities

        plain = io.BytesIO()
        decrypt_stream(io.BytesIO(data), plain, read_identities(settings, recipients=backup.manifest.encryption), name=file.path)
        data = plain.getvalue()
    return data.decode()


def missing_roles(text: str, session: Connection[Any], *, needed: Iterable[str]) -> tuple[MissingRole, ...]:
    """Return the roles that a server lacks, of those that a backup needs and those that they are members of.

    :param text: what :func:`read_globals` returned for the server that was backed up.
    :param session: to any database of the server to restore to.
    :param needed: roles that the backup names.
    """
    import postgast

    statements = [re.sub(r"\A(?:\s*--[^\n]*\n)*\s*", "", part) for part in postgast.split(text, method="scanner")]
    known = {_unquoted(found["role"]): statement for statement in statements if (found := _CREATE.match(statement))}
    wanted = _with_groups({*needed} & set(known), statements)
    here = {row[0] for row in session.execute("SELECT rolname FROM pg_roles")}
    made = wanted - here
    return tuple(
        MissingRole(
            name=name,
            attributes=known[name].partition(" WITH ")[2],
            statements=(
                known[name],
                *_belonging(name, statements, there=here | made, server_version=session.info.server_version),
            ),
        )
        for name in sorted(made & set(known))
    )


def make_roles(server: Database, roles: Iterable[MissingRole]) -> None:
    """Make roles, all or none; nobody can log in by a password as one of them.

    :param server: any database of the server.
    :param roles: what :func:`missing_roles` returned.
    :raises RestoreFailedError: the server refused one; none was made.
    """
    from seachange.postgres.connection import maintenance

    statements = [statement for role in roles for statement in role.statements]
    # A membership needs both of its roles.
    statements.sort(key=lambda statement: not statement.startswith("CREATE"))
    with maintenance(server) as session:
        try:
            with session.transaction():
                for statement in dict.fromkeys(statements):
                    session.execute(statement.encode())
        except psycopg.Error as exc:
            raise RestoreFailedError(
                f"the roles were not made: {exc.diag.message_primary or exc}",
                hint="connect as a superuser, or make them by hand: they are in globals.sql of the backup",
            ) from exc


def _role_statements(session: Connection[Any]) -> Iterator[str]:
    roles = session.execute(_ROLES).fetchall()
    for _, create, _, _ in roles:
        yield create
    for name, _, comment, settings in roles:
        yield from (_setting(session, name, item) for item in settings or () if not _SECRET.search(item.partition("=")[0]))
        if comment:
            yield comment
    for _, grant, admin, options in session.execute(_MEMBERS):
        yield f"{grant}{_options(options, admin=admin)}"


def _options(membership: dict[str, Any], *, admin: bool) -> str:
    if "inherit_option" not in membership:
        return " WITH ADMIN OPTION" if admin else ""
    words = {"ADMIN": "admin_option", "INHERIT": "inherit_option", "SET": "set_option"}
    return " WITH " + ", ".join(f"{word} {str(membership[key]).upper()}" for word, key in words.items())


def _setting(session: Connection[Any], role: str, item: str) -> str:
    from psycopg import sql

    name, _, value = item.partition("=")
    variable = sql.SQL(".").join([sql.Identifier(part) for part in name.split(".")])
    # The catalogue keeps lists quoted already.
    given = sql.SQL(value) if name in _LISTS else sql.Literal(value)
    return sql.SQL("ALTER ROLE {} SET {} TO {}").format(sql.Identifier(role), variable, given).as_string(session)


def _with_groups(names: set[str], statements: Iterable[str]) -> set[str]:
    pairs = [(_unquoted(found["role"]), _unquoted(found["member"])) for text in statements if (found := _GRANT.match(text))]
    while groups := {group for group, member in pairs if member in names} - names:
        names = names | groups
    return {name for name in names if not name.startswith("pg_")}


def _belonging(name: str, statements: Iterable[str], *, there: set[str], server_version: int) -> Iterator[str]:
    for statement in statements:
        about, grant = _ABOUT.match(statement), _GRANT.match(statement)
        if about and _unquoted(about["role"]) == name:
            yield statement
        elif (
            grant
            and name in (group := _unquoted(grant["role"]), member := _unquoted(grant["member"]))
            and {group, member} <= there
        ):
            old = server_version < _MEMBER_OPTIONS_SINCE and grant["options"].startswith(" WITH ADMIN ")
            admin = " WITH ADMIN OPTION" if grant["options"].startswith((" WITH ADMIN OPTION", " WITH ADMIN TRUE")) else ""
            yield f"GRANT {grant['role']} TO {grant['member']}{admin}" if old else statement


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
