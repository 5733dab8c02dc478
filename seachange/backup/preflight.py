"""What a server lacks for a restore, found before anything is touched, all at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from seachange.backup.manifest import Manifest
from seachange.backup.ownership import Ownership, Roles
from seachange.backup.properties import missing_collation
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
_VERSIONS = "SELECT name, version FROM pg_available_extension_versions WHERE name = ANY(%s)"
_TABLESPACES = "SELECT spcname FROM pg_tablespace WHERE spcname = ANY(%s)"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preflight:
    """How to restore here: options for pg_restore, the owner of the new database, and what will differ, in sentences.

    ``problems`` stand in the way, ``remedies`` say what helps; ``sorts`` is what to say of the collation where the server
    seems not to have that of the backup.
    """

    options: tuple[str, ...] = ()
    roles: Roles = dataclasses.field(default_factory=Roles)
    owner: str | None = None
    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sorts: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """What will differ, as far as that is known before."""
        return (*self.notes, self.sorts) if self.sorts else self.notes

    def require(self, backup: str) -> None:
        """Refuse what cannot be restored here.

        :param backup: the name of the backup.
        :raises RestoreFailedError: something is missing; nothing was touched.
        """
        if not self.problems:
            return
        several = len(self.problems) > 1
        listed = "".join(f"\n  {problem}" for problem in self.problems) if several else f" {self.problems[0]}"
        raise RestoreFailedError(
            f"backup {backup} cannot be restored here; nothing was touched:{listed}", hint="; ".join(self.remedies)
        )


def preflight(
    session: Connection[Any], manifest: Manifest, *, ownership: Ownership | None = None, planned: Sequence[str] = ()
) -> Preflight:
    """Compare what the backup needs with what the server has.

    :param session: to any database of the server.
    :param manifest: of the backup.
    :param ownership: whether owners are kept, and what roles are called here.
    :param planned: roles that will be there by then, of which this user may act for each.
    """
    roles = _Roles(session, manifest, ownership or Ownership(), planned=planned)
    parts = [_server(session, manifest), _extensions(session, manifest), roles.found()]
    missing = set(manifest.contents.tablespaces) - {
        row[0] for row in session.execute(_TABLESPACES, [list(manifest.contents.tablespaces)])
    }
    notes = [note for part in parts for note in part.notes]
    if missing:
        notes.append(f"tables go to the default tablespace: the server has no {_list(missing)}")
    return Preflight(
        options=("--no-tablespaces",) if missing else (),
        roles=roles.roles,
        owner=roles.database_owner,
        problems=tuple(problem for part in parts for problem in part.problems),
        remedies=tuple(dict.fromkeys(remedy for part in parts for remedy in part.remedies)),
        notes=tuple(notes),
        sorts=missing_collation(session, manifest.contents.locale),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Found:
    problems: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _server(session: Connection[Any], manifest: Manifest) -> _Found:
    here, there = session.info.server_version // 10_000, manifest.server.version_number // 10_000
    if here >= there:
        return _Found()
    return _Found(
        problems=(f"the server is PostgreSQL {here}, older than the one that was backed up ({manifest.server.version})",),
        remedies=(f"restore to a server of PostgreSQL {there} or newer",),
    )


def _extensions(session: Connection[Any], manifest: Manifest) -> _Found:
    wanted = manifest.contents.extensions
    available = dict(session.execute(_EXTENSIONS, [list(wanted)]).fetchall())
    versions = set(session.execute(_VERSIONS, [list(wanted)]).fetchall())
    missing = [f"{name} {version}" for name, version in sorted(wanted.items()) if name not in available]
    notes = tuple(
        f"extension {name} will be {available[name]} instead of {version}"
        + ("" if (name, version) in versions else ", which the server does not have")
        for name, version in wanted.items()
        if available.get(name, version) != version
    )
    if manifest.scope == "selected" or not missing:
        return _Found(notes=notes)
    return _Found(
        problems=(f"the server lacks the {_plural('extension', missing)} {', '.join(missing)}",),
        remedies=("install the extension's package on the server (often postgresql-contrib)",),
        notes=notes,
    )


class _Roles:
    """The roles that a backup names, and what this server makes of them."""

    def __init__(self, session: Connection[Any], manifest: Manifest, ownership: Ownership, *, planned: Sequence[str]) -> None:
        needed = manifest.contents.roles
        self._owners = sorted({*needed.owners, manifest.contents.owner})
        self._granted = sorted({*needed.grantees, *(grant.role for grant in manifest.contents.grants or () if grant.role)})
        self._policies = needed.policies
        self._settings = {setting.role for setting in manifest.contents.settings if setting.role}
        self._known = manifest.contents.named_roles
        self._ownership = ownership
        self._user = session.info.user
        names = [ownership.renamed.get(name, name) for name in self._known] + list(ownership.renamed.values())
        here: dict[str, bool] = dict(session.execute(_ROLES, [names]).fetchall())
        here |= dict.fromkeys(planned, True)
        self.roles = Roles(
            owners=ownership.owners,
            renamed={old: new for old, new in ownership.renamed.items() if old in self._known},
            absent=frozenset(name for name in self._known if self._called(name) not in here),
            foreign=frozenset(name for name in self._owners if here.get(self._called(name)) is False),
        )
        owner = self._called(manifest.contents.owner)
        self.database_owner = owner if ownership.owners and here.get(owner) else None

    def found(self) -> _Found:
        """Return what is wrong with the roles, and what will be different."""
        problems = [*self._absent(), *self._foreign(), *self._wrong_names()]
        remedies = []
        if self._needed_and_absent():
            remedies.append("create the roles (--globals makes those that the backup knows), or name others: --role OLD=NEW")
        if self._ownership.owners and {*self._owners, *self._granted} & (self.roles.absent | self.roles.foreign):
            remedies.append("or --no-owner: everything belongs to the user that restores")
        return _Found(problems=tuple(problems), remedies=tuple(remedies), notes=tuple(self._notes()))

    def _called(self, name: str) -> str:
        return self._ownership.renamed.get(name, name)

    def _needed_and_absent(self) -> list[str]:
        needed = {*self._policies} | ({*self._owners, *self._granted} if self._ownership.owners else set())
        return sorted(needed & self.roles.absent)

    def _absent(self) -> Iterator[str]:
        missing = [f"{self._called(name)} ({self._use(name)})" for name in self._needed_and_absent()]
        if missing:
            yield f"the server has no {_plural('role', missing)} {', '.join(missing)}"

    def _use(self, name: str) -> str:
        uses = {"owner": self._owners, "has privileges": self._granted, "named by row security": self._policies}
        return ", ".join(use for use, names in uses.items() if name in names)

    def _foreign(self) -> Iterator[str]:
        names = [self._called(name) for name in self._owners if name in self.roles.foreign]
        if names and self._ownership.owners:
            yield f"objects belong to {', '.join(names)}, for whom the user {self._user} may not act"

    def _wrong_names(self) -> Iterator[str]:
        renamed = self._ownership.renamed
        for old in sorted(set(renamed) - set(self._known)):
            yield f"--role {old}={renamed[old]}: the backup names no role {old}; it names {', '.join(self._known) or 'none'}"

    def _notes(self) -> Iterator[str]:
        lost = self.roles.absent - set(self._needed_and_absent())
        granted = lost & set(self._granted)
        if not self._ownership.owners:
            yield f"everything belongs to the user that restores, {self._user}"
        if granted:
            yield f"privileges of roles that the server lacks are left out: {_list(granted)}"
        if lost & self._settings:
            yield f"settings of the database for roles that the server lacks are left out: {_list(lost & self._settings)}"


def _plural(word: str, things: Iterable[object]) -> str:
    return word if len(list(things)) == 1 else f"{word}s"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
