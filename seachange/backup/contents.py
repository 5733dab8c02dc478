"""What a dump of a database leaves to others: its size, locale, roles, settings and grants, and what to count after a restore."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = [
    "Contents",
    "DatabaseSetting",
    "Grant",
    "LargeObjects",
    "Locale",
    "Roles",
    "TableContents",
    "read_contents",
    "read_session",
    "read_tables",
]

# A manifest is shown and sent around more freely than a dump; what looks like a secret stays out of it.
_SECRET = re.compile(r"pass|secret|token|credential|private|key", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Locale:
    """How a database sorts and encodes text, in the words of CREATE DATABASE.

    ``version`` is that of the library that sorts, as the database remembers it: under another one indexes may be wrong.
    """

    encoding: str
    collate: str
    ctype: str
    provider: str = "libc"
    name: str = ""
    icu_rules: str = ""
    version: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roles:
    """The roles that a restore needs: owners of objects, roles that were granted something, roles that policies name.

    ``superusers`` and ``bypass_rls`` are those among them that row security does not hold for.
    """

    owners: tuple[str, ...] = ()
    grantees: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    superusers: tuple[str, ...] = ()
    bypass_rls: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatabaseSetting:
    """One ``ALTER DATABASE ... SET``; ``role`` is empty when it holds for all, ``value`` is ``None`` when it was left out."""

    name: str
    value: str | None
    role: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grant:
    """One privilege on the database itself; ``role`` is empty for PUBLIC."""

    role: str
    privilege: str
    grantable: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableContents:
    """The rows of one table as COPY writes them out: how many, how many bytes, and a digest of the text in its order.

    ``columns`` are those in the text; a restored table may have them in another order (inheritance) and more (generated).
    """

    rows: int
    bytes: int
    checksum: str
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class LargeObjects:
    """All large objects together: how many, how many bytes, and a digest over their numbers, sizes and digests."""

    count: int
    bytes: int
    checksum: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """A database as it was when it was dumped.

    ``tables`` maps each table to the server's estimate of its rows, ``None`` where it has none yet; ``grants`` is ``None``
    when nobody changed them; ``collations`` maps those in use that have a version to it; ``session`` are the settings that a
    session began with and that give statements their meaning, wherever they were set.
    """

    database: str
    owner: str
    size_bytes: int
    locale: Locale
    tables: Mapping[str, int | None]
    extensions: Mapping[str, str]
    roles: Roles
    tablespaces: tuple[str, ...] = ()
    settings: tuple[DatabaseSetting, ...] = ()
    grants: tuple[Grant, ...] | None = None
    comment: str = ""
    collations: Mapping[str, str] = dataclasses.field(default_factory=dict)
    session: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def named_roles(self) -> tuple[str, ...]:
        """All roles that a restore may have to do with, in order."""
        named = {*self.roles.owners, *self.roles.grantees, *self.roles.policies, self.owner}
        named |= {setting.role for setting in self.settings} | {grant.role for grant in self.grants or ()}
        return tuple(sorted(named - {""}))


_DATABASE = """
    SELECT to_jsonb(d) || jsonb_build_object(
        'owner', pg_get_userbyid(d.datdba), 'encoding_name', pg_encoding_to_char(d.encoding),
        'size', pg_database_size(d.oid), 'comment', shobj_description(d.oid, 'pg_database'))
    FROM pg_database d WHERE d.datname = current_database()
"""

# Tables of extensions come with CREATE EXTENSION and not from the dump.
_TABLES = r"""
    SELECT format('%I.%I', n.nspname, c.relname), CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1
"""

_EXTENSIONS = "SELECT extname, extversion FROM pg_extension ORDER BY 1"

# pg_shdepend leaves out the bootstrap superuser (oid 10), who owns most objects of small installations.
_ROLES = """
    SELECT pg_get_userbyid(refobjid), deptype::text FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('o', 'a', 'r')
      AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION
    SELECT pg_get_userbyid(owner), 'o' FROM (
        SELECT oid, relowner AS owner FROM pg_class UNION ALL SELECT oid, proowner FROM pg_proc
        UNION ALL SELECT oid, typowner FROM pg_type UNION ALL SELECT oid, nspowner FROM pg_namespace) objects
    WHERE oid >= 16384 AND owner = 10
"""

_COLLATIONS = """
    SELECT format('%I.%I', n.nspname, c.collname), c.collversion
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
    WHERE c.collversion IS NOT NULL
      AND (c.oid >= 16384
           OR EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_collation'::regclass AND d.refobjid = c.oid))
    ORDER BY 1
"""

_TABLESPACES = "SELECT spcname FROM pg_tablespace WHERE oid IN (SELECT reltablespace FROM pg_class WHERE oid >= 16384) ORDER BY 1"

_SETTINGS = """
    SELECT coalesce(r.rolname, ''), item
    FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole, unnest(setconfig) item
    WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2
"""

_ATTRIBUTES = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = ANY(%s) ORDER BY rolname"

# What statements and values mean depends on these; the last one, on whether there is room for what a migration locks.
_MEANING = (
    "array_nulls",
    "backslash_quote",
    "bytea_output",
    "check_function_bodies",
    "DateStyle",
    "default_text_search_config",
    "default_toast_compression",
    "default_transaction_isolation",
    "extra_float_digits",
    "IntervalStyle",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "search_path",
    "standard_conforming_strings",
    "TimeZone",
    "transform_null_equals",
    "xmlbinary",
    "xmloption",
    "max_locks_per_transaction",
)
# What the client itself asked for is not what others get.
_SESSION = (
    "SELECT name, reset_val FROM pg_settings WHERE name = ANY(%s) AND source <> 'client' AND reset_val <> boot_val ORDER BY name"
)

_GRANTS = """
    SELECT CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee) END, privilege_type, bool_or(is_grantable)
    FROM pg_database d, aclexplode(d.datacl)
    WHERE d.datname = current_database() AND grantee <> d.datdba GROUP BY 1, 2 ORDER BY 1, 2
"""


def read_contents(connection: Connection[Any]) -> Contents:
    """Describe the database that the connection is to.

    :param connection: best in one snapshot with the dump.
    :returns: the description.
    """
    row = connection.execute(_DATABASE).fetchone()
    database: dict[str, Any] = row[0] if row else {}
    grants = [Grant(role=role, privilege=word, grantable=grantable) for role, word, grantable in connection.execute(_GRANTS)]
    return Contents(
        database=database["datname"],
        owner=database["owner"],
        size_bytes=database["size"],
        locale=_locale(database),
        tables=read_tables(connection),
        extensions=dict(connection.execute(_EXTENSIONS).fetchall()),
        roles=_roles(connection),
        tablespaces=tuple(row[0] for row in connection.execute(_TABLESPACES)),
        settings=tuple(_setting(role, item) for role, item in connection.execute(_SETTINGS)),
        grants=tuple(grants) if database["datacl"] is not None else None,
        comment=database["comment"] or "",
        collations=dict(connection.execute(_COLLATIONS).fetchall()),
        session=read_session(connection),
    )


def read_session(connection: Connection[Any]) -> dict[str, str]:
    """Return the settings that a session of this database begins with and that give statements their meaning.

    :param connection: to the database.
    """
    return dict(connection.execute(_SESSION, [list(_MEANING)]).fetchall())


def read_tables(connection: Connection[Any]) -> dict[str, int | None]:
    """Return the tables that a dump of this database contains, each with the server's estimate of its rows.

    :param connection: to the database.
    """
    return dict(connection.execute(_TABLES).fetchall())


def _locale(database: Mapping[str, Any]) -> Locale:
    # PostgreSQL 15 brought ICU (daticulocale), 16 its rules, 17 the built-in provider and one column for both (datlocale).
    provider = {"i": "icu", "b": "builtin"}.get(database.get("datlocprovider", "c"), "libc")
    return Locale(
        encoding=database["encoding_name"],
        collate=database["datcollate"],
        ctype=database["datctype"],
        provider=provider,
        name=database.get("datlocale") or database.get("daticulocale") or "",
        icu_rules=database.get("daticurules") or "",
        version=database.get("datcollversion") or "",
    )


def _roles(connection: Connection[Any]) -> Roles:
    found: dict[str, set[str]] = {"o": set(), "a": set(), "r": set()}
    for role, kind in connection.execute(_ROLES):
        found[kind].add(role)
    # Every server has the predefined roles; a restore has to look for the others only.
    names = {kind: tuple(sorted(role for role in roles if not role.startswith("pg_"))) for kind, roles in found.items()}
    attributes = connection.execute(_ATTRIBUTES, [sorted({name for roles in names.values() for name in roles})]).fetchall()
    return Roles(
        owners=names["o"],
        grantees=names["a"],
        policies=names["r"],
        superusers=tuple(name for name, superuser, _ in attributes if superuser),
        bypass_rls=tuple(name for name, _, bypasses in attributes if bypasses),
    )


def _setting(role: str, item: str) -> DatabaseSetting:
    name, _, value = item.partition("=")
    return DatabaseSetting(name=name, value=None if _SECRET.search(name) else value, role=role)
