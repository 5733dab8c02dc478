"""The databases that a project knows of, and which of its revisions they have applied."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator

from seachange.config import Settings
from seachange.errors import DatabaseMissingError, RefusedError, SeachangeError
from seachange.postgres.connection import Database
from seachange.revisions.history import History

__all__ = ["KnownDatabase", "known_databases", "require_unapplied"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownDatabase:
    """A database, and where its name comes from; ``database`` is None when the name leads to none."""

    source: str
    database: Database | None

    def __str__(self) -> str:
        return f"{self.source} ({self.database.redacted})" if self.database else self.source


def known_databases(settings: Settings) -> tuple[KnownDatabase, ...]:
    """Return the database of the settings, the development server's if there is one, and those of ``known_databases``.

    :raises DatabaseUrlError: a URL is malformed.
    """
    from seachange.postgres.connection import parse

    found = [*_own(settings)]
    for name in settings.known_databases:
        url = settings.environment.get(name, "")
        found.append(KnownDatabase(source=name, database=parse(url, environ=settings.environment) if url else None))
    return tuple(found)


def _own(settings: Settings) -> Iterator[KnownDatabase]:
    from seachange.postgres import embedded
    from seachange.postgres.connection import from_environment, parse

    if settings.database_url:
        yield KnownDatabase(source="DATABASE_URL", database=parse(settings.database_url, environ=settings.environment))
    elif (named := from_environment(settings.environment)) is not None:
        yield KnownDatabase(source="the PG* variables", database=named)
    elif embedded.exists(settings):
        yield KnownDatabase(source="the development server", database=embedded.database(settings))


def require_unapplied(
    settings: Settings, history: History, revisions: Iterable[str], *, offline: bool = False
) -> tuple[str, ...]:
    """Refuse when a database has applied one of ``revisions``, or cannot be asked.

    :param settings: the project's settings.
    :param history: the revisions in the files, those of the base branch among them if they are known.
    :param revisions: what no database may have applied.
    :param offline: whether a database that cannot be asked is left out.
    :returns: sentences on what was not asked.
    :raises RefusedError: naming the database and the revision.
    """
    wanted = tuple(revisions)
    notes: list[str] = []
    for known in known_databases(settings):
        try:
            applied = _applied(settings, history, known)
        except DatabaseMissingError:
            notes.append(f"{known} does not exist, so it has applied nothing")
            continue
        except SeachangeError as exc:
            if not offline:
                raise RefusedError(
                    f"{known} cannot say whether it has applied {', '.join(wanted)}: {exc.message}",
                    hint="make it reachable, or pass --offline if you know that it has not",
                ) from exc
            notes.append(f"not asked: {known}: {exc.message}")
            continue
        if found := [name for name in wanted if name in applied]:
            are = "is" if len(found) == 1 else "are"
            raise RefusedError(
                f"{', '.join(found)} {are} applied on {known}, and what is applied keeps its place",
                hint=_hint(settings, known),
            )
    return tuple(notes)


def _hint(settings: Settings, known: KnownDatabase) -> str:
    if known.source in settings.known_databases:
        return "join the heads with `invoke migration.merge`"
    return "undo it there by `invoke migration.revert` if it is yours alone; otherwise join the heads: `invoke migration.merge`"


def _applied(settings: Settings, history: History, known: KnownDatabase) -> frozenset[str]:
    from seachange.postgres.connection import connect
    from seachange.revisions.applied import read_everywhere

    if known.database is None:
        raise SeachangeError(f"the variable {known.source} of known_databases is not set")
    with contextlib.closing(connect(known.database, autocommit=True)) as session:
        at = read_everywhere(session, settings)
    if unknown := sorted(at - set(history.by_id)):
        raise SeachangeError(f"it is at {', '.join(unknown)}, which is in no file here")
    return frozenset(revision.revision for revision in history.ancestors(at))
