"""One read of the catalogue, and every target written from it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, ConfigError, ExitCode, SeachangeError, TargetFailedError
from seachange.plan import Finding
from seachange.postgres.catalog import exported_snapshot, without_collector
from seachange.postgres.connection import Database, Session, connect
from seachange.postgres.redaction import redact
from seachange.sync._selection import selected
from seachange.sync._write import SyncedFile, SyncResult, publish, remove, writing
from seachange.sync.model import Schema
from seachange.sync.reading import read_schema
from seachange.sync.registry import find_targets, target_names
from seachange.sync.target import Request, Target

__all__ = ["Listed", "client_targets", "list_targets", "sync"]

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A target at hand; ``path`` is below the project's root, ``commands`` are those that write it by the settings."""

    name: str
    summary: str
    path: str
    commands: tuple[str, ...]


def list_targets(settings: Settings) -> tuple[Listed, ...]:
    """Return all targets by name.

    :param settings: which of them are configured, and where they go.
    :raises ConfigError: a target of the settings does not exist, or one of a package cannot be imported.
    """
    clients = client_targets(settings)

    def listed(target: Target) -> Listed:
        path = _path(target, settings)
        commands = [("db.sync", settings.sync_targets), ("db.generate", clients)]
        return Listed(
            name=target.name,
            summary=target.summary,
            path=str(path.relative_to(settings.root) if path.is_relative_to(settings.root) else path) + "/" * target.is_folder,
            commands=tuple(command for command, names in commands if target.name in names),
        )

    return tuple(map(listed, find_targets(target_names(), settings=settings)))


def sync(
    database: Database,
    *,
    settings: Settings,
    targets: Sequence[str] = (),
    check: bool = False,
    generate: bool = False,
    revision: str = "",
    version_table: str = "alembic_version",
    progress: Callable[[str], None] | None = None,
    compared: Callable[[], Collection[Path]] = tuple,
) -> SyncResult:
    """Bring the files of the targets up to date with the database, all from one moment of it.

    A target that fails says so in its files and keeps no other from being written.

    :param database: the database.
    :param settings: what is written and where to.
    :param targets: names; those of ``sync_targets`` by default.
    :param check: write nothing, say what is stale.
    :param generate: run the generators of the targets afterwards.
    :param revision: the revision of the database, for the headers.
    :param version_table: Alembic's own table, which is not described.
    :param progress: told what is being done.
    :param compared: finds the files that the models which Alembic compares come from; asked only by targets that could hit one.
    :raises ConfigError: there is no such target.
    :raises ServerUnreachableError: the database cannot be reached.
    """
    chosen = find_targets(targets or settings.sync_targets, settings=settings)
    with without_collector(), contextlib.closing(_connect(database, settings)) as session, exported_snapshot(session) as snapshot:
        schema, catalog = read_schema(
            session, schemas=settings.schemas, exclude_tables=(version_table, f"*.{version_table}"), revision=revision
        )
        shown = selected(schema, settings=settings)
        asked = functools.partial(
            Request, settings=settings, database=database, session=session, snapshot=snapshot, catalog=catalog, compared=compared
        )
        requests = [(target, asked(target=target.name, **_place(target, settings))) for target in chosen]
        files: list[SyncedFile] = []
        for target, request in requests:
            if progress:
                progress(f"{'comparing' if check else 'writing'} {target.name}")
            files += _guarded(target, request, _written(target, shown, request, check=check))
    if generate and not check:
        # What runs other tools keeps no transaction waiting.
        failed = {file.target for file in files if file.status == "failed"}
        for target, request in requests:
            if target.name not in failed:
                files += _guarded(target, request, _generated(target, request))
    return SyncResult(files=tuple(files), fingerprint=schema.fingerprint)


def client_targets(settings: Settings) -> tuple[str, ...]:
    """Return the names of the targets that ``db.generate`` is for.

    :param settings: ``sync_clients``, and of ``sync_targets`` those that are client code or have a generator.
    """
    configured = find_targets(settings.sync_targets, settings=settings)
    generating = [target.name for target in configured if target.client or target.generate]
    return tuple(dict.fromkeys((*settings.sync_clients, *generating)))


def _guarded(target: Target, request: Request, work: Iterator[SyncedFile]) -> list[SyncedFile]:
    """Return what the work says of its files, or that the target failed: its texts are written together or not at all."""
    try:
        return list(work)
    except BinaryNotFoundError as exc:
        return [SyncedFile(path=request.path, target=target.name, status="skipped", reason=str(exc), hint=exc.hint)]
    except ConfigError:
        raise
    except Exception as exc:  # noqa: BLE001 - somebody else's target may fail in any way, and the others are to be written
        return [_failed(exc, target, request)]


def _generated(target: Target, request: Request) -> Iterator[SyncedFile]:
    for note in target.generate(request) if target.generate else ():
        yield SyncedFile(path=request.path, target=target.name, status="generated", reason=note)


def _place(target: Target, settings: Settings) -> dict[str, Any]:
    return {"path": _path(target, settings), "options": dict(dict(settings.sync_options).get(target.name, ()))}


def _failed(error: Exception, target: Target, request: Request) -> SyncedFile:
    if isinstance(error, SeachangeError):
        reason, hint, exit_code = str(error), error.hint, error.exit_code
    else:
        _log.error("target %s failed", target.name, exc_info=error)
        reason, hint, exit_code = (
            f"{type(error).__name__}: {redact(str(error))}",
            f"{request.settings.log_file} has the traceback",
            1,
        )
    findings = error.findings if isinstance(error, TargetFailedError) else ()
    return SyncedFile(
        path=request.path,
        target=target.name,
        status="failed",
        reason=reason,
        hint=hint,
        exit_code=ExitCode(exit_code),
        findings=tuple(one for one in findings if isinstance(one, Finding)),
    )


def _written(target: Target, schema: Schema, request: Request, *, check: bool) -> Iterator[SyncedFile]:
    with request.session.transaction():
        made = list(target.emit(schema, request))
    folder = request.path if target.is_folder else request.path.parent
    written = {folder / artefact.name if artefact.name else request.path: artefact for artefact in made}
    with writing() as writer:
        for path, artefact in written.items():
            if artefact.skipped:
                yield SyncedFile(path=path, target=target.name, status="skipped", reason=artefact.skipped, hint=artefact.hint)
            else:
                volatile = artefact.volatile
                yield publish(path, artefact.text, writer=writer, target=target.name, volatile=volatile, check=check)
    if target.is_folder or target.beside:
        own = request.path if target.is_folder else request.beside
        keep = {path.relative_to(own).as_posix() for path in written if path.is_relative_to(own)}
        yield from remove(own, keep=keep, target=target.name, check=check)


def _path(target: Target, settings: Settings) -> Path:
    given = dict(settings.sync_paths).get(target.name)
    return settings.path(given) if given else settings.path(settings.sync_dir) / target.path


def _connect(database: Database, settings: Settings) -> Session:
    return connect(
        database, lock_timeout_ms=settings.session_lock_timeout, statement_timeout_ms=settings.session_statement_timeout
    )
