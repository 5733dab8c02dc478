"""What a server lacks for a restore, found before anything is touched."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from seachange.backup.manifest import Manifest
from seachange.errors import RestoreFailedError

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["Preflight", "preflight"]

# Since PostgreSQL 16 being a member of a role does not mean that one may give it objects.
_ROLES = """
    SELECT rolname, pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
    FROM pg_roles WHERE rolname = ANY(%s)
"""
_EXTENSIONS = "SELECT name, default_version FROM pg_available_extensions WHERE name = ANY(%s)"
_TABLESPACES = "SELECT spcname FROM pg_tablespace WHERE spcname = ANY(%s)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preflight:
    """How to restore here: options for pg_restore, the owner of the new database, and what will differ, in sentences."""

    options: tuple[str, ...] = ()
    owner: str | None = None
    notes: tuple[str, ...] = ()


def preflight(session: Connection[Any], manifest: Manifest) -> Preflight:
    """Compare what the backup needs with what the server has.

    :param session: to any database of the server.
    :param manifest: of the backup.
    :raises RestoreFailedError: an extension, or a role that a policy names, is missing; nothing was touched.
    """
    needed = manifest.contents.roles
    names = [*needed.owners, *needed.grantees, *needed.policies, manifest.contents.owner]
    roles = dict(session.execute(_ROLES, [names]).fetchall())
    extension_notes = _check_extensions(session, manifest)
    _check_policies(manifest, roles)
    options, notes = _ownership(manifest, roles)
    missing = set(manifest.contents.tablespaces) - {
        row[0] for row in session.execute(_TABLESPACES, [list(manifest.contents.tablespaces)])
    }
    if missing:
        options.append("--no-tablespaces")
        notes.append(f"tables go to the default tablespace: the server has no {_list(missing)}")
    owner = manifest.contents.owner
    if not roles.get(owner):
        notes.append(f"the database belongs to the user that restores: {_reason(owner, roles)}")
    if session.info.server_version // 10_000 < manifest.server.version_number // 10_000:
        notes.append(f"the server is older than the one that was backed up ({manifest.server.version})")
    return Preflight(options=tuple(options), owner=owner if roles.get(owner) else None, notes=(*notes, *extension_notes))


def _check_extensions(session: Connection[Any], manifest: Manifest) -> list[str]:
    wanted = manifest.contents.extensions
    available = dict(session.execute(_EXTENSIONS, [list(wanted)]).fetchall())
    missing = set(wanted) - set(available)
    if missing:
        raise RestoreFailedError(
            f"the server lacks {_list(missing)}, which the backup needs; nothing was touched",
            hint="install the extension's package on the server (often postgresql-contrib), or restore to another server",
        )
    return [
        f"extension {name} will be {available[name]} instead of {version}"
        for name, version in wanted.items()
        if available[name] != version
    ]


def _check_policies(manifest: Manifest, roles: dict[str, bool]) -> None:
    missing = set(manifest.contents.roles.policies) - set(roles)
    if missing:
        raise RestoreFailedError(
            f"row security policies of the backup name roles that the server lacks: {_list(missing)}; nothing was touched",
            hint="; ".join(f'create role "{name}"' for name in sorted(missing)),
        )


def _ownership(manifest: Manifest, roles: dict[str, bool]) -> tuple[list[str], list[str]]:
    needed = manifest.contents.roles
    options, notes = [], []
    foreign = [name for name in needed.owners if not roles.get(name)]
    if foreign:
        options.append("--no-owner")
        notes.append(f"everything belongs to the user that restores: {'; '.join(_reason(name, roles) for name in foreign)}")
    missing = {name for name in (*needed.owners, *needed.grantees) if name not in roles}
    if missing:
        options.append("--no-acl")
        notes.append(f"privileges on objects are left out: the server has no role {_list(missing)}")
    return options, notes


def _reason(role: str, roles: dict[str, bool]) -> str:
    return f"the user may not act for role {role}" if role in roles else f"the server has no role {role}"


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names))
