"""What belongs to a database and not to its objects, given back after a restore: locale, settings, grants, comment."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from seachange.backup.contents import Contents, DatabaseSetting, Locale
from seachange.backup.ownership import Roles

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["LAST_RESORT", "apply_properties", "collation_replaced", "locale_options", "missing_collation"]

LAST_RESORT = "bytes (C)"

_PROVIDER_SINCE = {"libc": 0, "icu": 150_000, "builtin": 170_000}
_LETTER = {"libc": "c", "icu": "i", "builtin": "b"}
# The operating system spells the same encoding in several ways: en_US.utf8, en_US.UTF-8.
_KNOWN = """
    SELECT CASE WHEN %(provider)s = 'c' THEN EXISTS (
        SELECT FROM (SELECT collcollate AS word FROM pg_collation WHERE collprovider = 'c'
                     UNION ALL SELECT datcollate FROM pg_database) known
        WHERE replace(lower(word), '-', '') = replace(lower(%(collate)s), '-', ''))
    ELSE EXISTS (SELECT FROM pg_collation WHERE collprovider = %(provider)s) END
"""
_RULES_SINCE = 160_000

# The catalogue keeps these as lists that are quoted already; as one string they would become a list of one.
_LISTS = frozenset({"local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces"})

_SETTINGS = """
    SELECT coalesce(r.rolname, ''), split_part(item, '=', 1), substr(item, strpos(item, '=') + 1)
    FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole,
         unnest(setconfig) item
    WHERE d.datname = %s
"""


def locale_options(locale: Locale, *, version: int) -> Iterator[tuple[sql.Composed, str]]:
    """Yield clauses of CREATE DATABASE in order of preference, each with what it sorts by when not as before.

    :param locale: of the database that was backed up.
    :param version: ``server_version_num`` of the server.
    """
    encoding = ("ENCODING", locale.encoding)
    plain = [encoding, ("LC_COLLATE", locale.collate), ("LC_CTYPE", locale.ctype)]
    provider = [("LOCALE_PROVIDER", locale.provider)] if version >= _PROVIDER_SINCE["icu"] else []
    rules = [("ICU_RULES", locale.icu_rules)] if locale.icu_rules and version >= _RULES_SINCE else []
    named = {"icu": [("ICU_LOCALE", locale.name), *rules], "builtin": [("BUILTIN_LOCALE", locale.name)]}
    if version >= _PROVIDER_SINCE[locale.provider]:
        yield _clauses([*plain, *provider, *named.get(locale.provider, [])]), ""
    yield _clauses([encoding]), "the server's default"
    libc = [("LOCALE_PROVIDER", "libc")] if provider else []
    yield _clauses([encoding, ("LC_COLLATE", "C"), ("LC_CTYPE", "C"), *libc]), LAST_RESORT


def missing_collation(session: Connection[Any], locale: Locale) -> str:
    """Say what a database will sort by where the server seems not to have its collation; nothing where it has.

    :param session: to any database of the server.
    :param locale: of the database that was backed up.
    """
    if locale.provider == "libc" and {locale.collate, locale.ctype} <= {"C", "POSIX"}:
        return ""
    known = session.execute(_KNOWN, {"provider": _LETTER[locale.provider], "collate": locale.collate}).fetchone()
    # Before PostgreSQL 17 the built-in provider is not among the collations, and of ICU every language is taken.
    return "" if known and known[0] else collation_replaced(locale, "the server's default")


def collation_replaced(locale: Locale, instead: str) -> str:
    """Say what text will be sorted by instead.

    :param locale: of the database that was backed up.
    :param instead: what it is sorted by.
    """
    return f"the server does not have the collation {locale.name or locale.collate}; text sorts by {instead}"


def _clauses(pairs: list[tuple[str, str]]) -> sql.Composed:
    return sql.SQL(" ").join([sql.SQL("{} {}").format(sql.SQL(word), sql.Literal(value)) for word, value in pairs])


def apply_properties(
    session: Connection[Any], database: str, contents: Contents, *, roles: Roles | None = None, instead_of: str = ""
) -> tuple[str, ...]:
    """Give a restored database the settings, grants and comment of the one that was backed up.

    :param session: an autocommit session of the server.
    :param database: the name of the restored database.
    :param contents: what was backed up.
    :param roles: what its roles are called here; what is for one that is absent is left out.
    :param instead_of: the database that it will replace; what is not in the manifest because it is secret is taken from there.
    :returns: a sentence for everything that could not be given back.
    """
    contents = _with_secrets(session, _with_roles(contents, roles or Roles()), instead_of)
    notes = [
        f"setting {setting.name} looks like a secret and is not in the manifest; set it again"
        for setting in contents.settings
        if setting.value is None
    ]
    for what, statements in _statements(sql.Identifier(database), contents):
        try:
            with session.transaction():
                for statement in statements:
                    session.execute(statement)
        except (psycopg.ProgrammingError, psycopg.DataError) as exc:
            notes.append(f"the {what} of the database could not be given back: {exc.diag.message_primary}")
    return tuple(notes)


def _with_roles(contents: Contents, roles: Roles) -> Contents:
    settings = (
        dataclasses.replace(setting, role=roles.here(setting.role))
        for setting in contents.settings
        if setting.role not in roles.absent
    )
    grants = contents.grants
    if grants is not None:
        kept = (grant for grant in grants if grant.role not in roles.absent)
        grants = tuple(dataclasses.replace(grant, role=roles.here(grant.role)) for grant in kept)
    return dataclasses.replace(contents, settings=tuple(settings), grants=grants)


def _with_secrets(session: Connection[Any], contents: Contents, database: str) -> Contents:
    known = {(role, name): value for role, name, value in session.execute(_SETTINGS, [database])}
    settings = (
        setting if setting.value is not None else dataclasses.replace(setting, value=known.get((setting.role, setting.name)))
        for setting in contents.settings
    )
    return dataclasses.replace(contents, settings=tuple(settings))


def _statements(name: sql.Identifier, contents: Contents) -> Iterator[tuple[str, list[sql.Composed]]]:
    for setting in contents.settings:
        if setting.value is not None:
            yield f"setting {setting.name}", list(_set(name, setting))
    if contents.grants is not None:
        yield "grants to PUBLIC", [sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name)]
    for grant in contents.grants or ():
        role = sql.Identifier(grant.role) if grant.role else sql.SQL("PUBLIC")
        statement = sql.SQL("GRANT {} ON DATABASE {} TO {}").format(sql.SQL(grant.privilege), name, role)
        option = sql.SQL(" WITH GRANT OPTION" if grant.grantable else "")
        yield f"grant of {grant.privilege} to {grant.role or 'PUBLIC'}", [statement + option]
    if contents.comment:
        yield "comment", [sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(contents.comment))]


def _set(name: sql.Identifier, setting: DatabaseSetting) -> Iterator[sql.Composed]:
    where = sql.SQL("DATABASE {}").format(name)
    if setting.role:
        where = sql.SQL("ROLE {} IN {}").format(sql.Identifier(setting.role), where)
    variable = sql.SQL(".").join([sql.Identifier(part) for part in setting.name.split(".")])
    if setting.name in _LISTS:
        yield sql.SQL("SELECT set_config({}, {}, true)").format(sql.Literal(setting.name), sql.Literal(setting.value))
        yield sql.SQL("ALTER {} SET {} FROM CURRENT").format(where, variable)
    else:
        yield sql.SQL("ALTER {} SET {} TO {}").format(where, variable, sql.Literal(setting.value))
