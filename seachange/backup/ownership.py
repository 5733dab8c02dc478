"""Whose restored objects are: as they were, under other roles, or all of the user that restores; told anew in SQL."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Ownership", "Roles", "retold"]

_NAME = r'(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)'
_QUALIFIED = rf"{_NAME}(?:\.{_NAME})*"

# As pg_dump writes them, one grantee to a statement; PUBLIC is in capitals there, which no role's name is without quotes.
_OWNER = re.compile(rf"\A(?P<before>ALTER\s.*\sOWNER TO )(?P<role>{_NAME})\Z", re.DOTALL)
_PRIVILEGE = re.compile(
    rf"\A(?P<default>ALTER DEFAULT PRIVILEGES FOR ROLE )?(?P<for>(?(default){_NAME}))"
    rf"(?P<text>(?(default)(?: IN SCHEMA {_NAME})? )(?:GRANT|REVOKE)\s.*\s(?:TO|FROM) )"
    rf"(?P<role>PUBLIC|{_NAME})(?P<option> WITH GRANT OPTION)?\Z",
    re.DOTALL,
)
_AS = re.compile(rf"\A(?P<before>SET SESSION AUTHORIZATION )(?P<role>{_NAME})\Z")
_AS_QUOTED = re.compile(r"\A(?P<before>SET SESSION AUTHORIZATION )'(?P<role>(?:[^']|'')*)'\Z")
_POLICY = re.compile(
    rf"\A(?P<before>CREATE POLICY {_NAME} ON {_QUALIFIED}(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)? TO )"
    rf"(?P<roles>{_NAME}(?:, {_NAME})*)(?P<after>(?:\s.*)?)\Z",
    re.DOTALL,
)
_ANY_POLICY = re.compile(r"\ACREATE POLICY ")
_MAPPING = re.compile(rf"\A(?P<before>CREATE USER MAPPING FOR )(?P<role>{_NAME})(?P<after>\sSERVER .*)\Z", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ownership:
    """What was asked for: whether owners are kept, and which roles are called otherwise here."""

    owners: bool = True
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Roles:
    """What becomes of each role of a backup on this server.

    ``absent`` are not there, even under another name; ``foreign`` are, but this user may not act for them.
    """

    owners: bool = True
    renamed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    foreign: frozenset[str] = frozenset()

    @property
    def plain(self) -> bool:
        """Whether pg_restore can do it by itself."""
        return not (self.renamed or self.absent or self.foreign)

    def here(self, role: str) -> str:
        """Return what a role of the backup is called here."""
        return self.renamed.get(role, role)


def retold(statements: Iterable[str], roles: Roles) -> Iterator[str]:
    """Yield those statements of a dump that name roles, with the roles of this server, and leave the others out.

    What names a role that is absent is left out too.

    :param statements: of pg_restore, without comments and semicolons at their ends.
    :param roles: what becomes of the roles.
    """
    for statement in statements:
        if statement == "RESET SESSION AUTHORIZATION":
            yield statement
        told = _owner(statement, roles) or _session(statement, roles) or _policy(statement, roles) or _mapping(statement, roles)
        told = told or _privilege(statement, roles)
        if told:
            yield told


def _owner(statement: str, roles: Roles) -> str:
    found = _OWNER.match(statement)
    if not found or not roles.owners:
        return ""
    role = _unquoted(found["role"])
    return "" if role in roles.absent else f"{found['before']}{_here(role, roles)}"


def _session(statement: str, roles: Roles) -> str:
    found, quoted = _AS.match(statement), _AS_QUOTED.match(statement)
    role = _unquoted(found["role"]) if found else quoted["role"].replace("''", "'") if quoted else ""
    # Without its grantor a privilege is granted by the user that restores.
    if not role or role in roles.absent | roles.foreign or not roles.owners:
        return ""
    return f"SET SESSION AUTHORIZATION {_here(role, roles)}"


def _policy(statement: str, roles: Roles) -> str:
    found = _POLICY.match(statement)
    if not found:
        return statement if _ANY_POLICY.match(statement) else ""
    names = [_unquoted(name) for name in re.findall(_NAME, found["roles"])]
    return f"{found['before']}{', '.join(dict.fromkeys(_here(name, roles) for name in names))}{found['after']}"


def _mapping(statement: str, roles: Roles) -> str:
    found = _MAPPING.match(statement)
    if not found:
        return ""
    role = _unquoted(found["role"])
    if role in roles.absent:
        return ""
    # The mapping for everybody is called public in the catalogue.
    here = "PUBLIC" if role == "public" else _here(role, roles)
    return f"{found['before']}{here}{found['after']}"


def _privilege(statement: str, roles: Roles) -> str:
    found = _PRIVILEGE.match(statement)
    if not found:
        return ""
    everybody = found["role"] == "PUBLIC"
    grantee = "" if everybody else _unquoted(found["role"])
    if grantee in roles.absent:
        return ""
    ending = f"{found['text']}{'PUBLIC' if everybody else _here(grantee, roles)}{found['option'] or ''}"
    if not found["default"]:
        return ending
    grantor = _unquoted(found["for"])
    if grantor in roles.absent or grantor in roles.foreign:
        return ""
    return f"{found['default']}{_here(grantor, roles)}{ending}"


def _here(role: str, roles: Roles) -> str:
    name = roles.here(role).replace('"', '""')
    return f'"{name}"'


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
