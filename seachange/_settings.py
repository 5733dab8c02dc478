"""The settings that have a table of their own in pyproject.toml, and how a setting is declared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from seachange import _casts

__all__ = ["TABLES", "BackupSettings", "LintSettings", "RehearsalSettings", "SyncSettings", "setting"]

_T = TypeVar("_T")

# ``[tool.seachange.lint] since`` is the setting ``lint_since``.
TABLES = ("lint", "backup", "rehearsal", "sync")


def setting(
    cast: Callable[[object], _T], form: str, text: str, *, default: _T, variable: str = "", connection: bool = False
) -> _T:
    """Declare a setting as a field of a dataclass.

    :param cast: makes its value of what was written, or raises ValueError.
    :param form: how it is written, for the documentation.
    :param text: what it is for.
    :param default: its value when nobody says otherwise.
    :param variable: its environment variable, when that is not ``SEACHANGE_`` and its name.
    :param connection: whether it may hold a secret, which is then never shown.
    """
    metadata = {"cast": cast, "form": form, "help": text, "variable": variable, "connection": connection}
    return dataclasses.field(default=default, metadata=metadata, repr=not connection)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LintSettings:
    """Table ``lint``."""

    lint_severity: tuple[tuple[str, str], ...] = setting(
        _casts.severities,
        "table",
        "severity by rule, such as SC104 or SC10??: error, warning, info or off; advice that is off is turned on by it",
        default=(),
    )
    lint_since: str = setting(
        _casts.text, "revision", "the last revision of an old history that nobody judges any more, like all before it", default=""
    )
    lint_rules: tuple[str, ...] = setting(
        _casts.names, "list", "modules with rules of the project, besides those that packages offer", default=()
    )
    lint_small_rows: int = setting(
        _casts.count, "number", "up to so many rows, work under a blocking lock is no more than a warning", default=10_000
    )
    lint_large_rows: int = setting(
        _casts.count, "number", "from so many rows on, what is a warning elsewhere is an error", default=1_000_000
    )
    lint_disk_budget: int = setting(
        _casts.size, "size", "the most disk space that rewrites may take for a while; 0 sets no limit", default=0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackupSettings:
    """Table ``backup``, and what else backups go by."""

    backup_dir: str = setting(
        _casts.text,
        "path | URL",
        "where backups go: a folder, or s3://, gs:// or az:// with the extra of that name",
        default="backups",
    )
    backup_format: str = setting(
        _casts.backup_format,
        " | ".join(_casts.BACKUP_FORMATS),
        "form of a backup; auto: directory from backup_directory_from on, custom below",
        default="auto",
    )
    backup_directory_from: int = setting(
        _casts.size, "size", "size of a database from which auto takes the directory format", default=64 * 1024**2
    )
    backup_jobs: int = setting(
        _casts.count,
        "number",
        "connections of a dump or restore in the directory format; 0: as many as there are processors, at most 4",
        default=0,
    )
    backup_encrypt_to: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "recipients of age that backups are encrypted to: public keys, or files with one on each line",
        default=(),
    )
    backup_identity: str = setting(
        _casts.text, "path", "file with the secret key of age that encrypted backups are read with", default=""
    )
    backup_verify: bool = setting(
        _casts.boolean, "true | false", "each new backup is verified by restoring it on a throwaway server", default=False
    )
    backup_keep_last: int = setting(_casts.count, "number", "backups to keep of each database, at least; 0 keeps all", default=10)
    backup_keep_daily: int = setting(_casts.count, "number", "days to keep the last backup of, besides", default=0)
    backup_keep_weekly: int = setting(_casts.count, "number", "weeks to keep the last backup of, besides", default=0)
    backup_keep_monthly: int = setting(_casts.count, "number", "months to keep the last backup of, besides", default=0)
    backup_external: str = setting(
        _casts.text,
        "command",
        "lists backups of others as JSON, which are the safety net then: pgbackrest --stanza=main info --output=json",
        default="",
    )
    backup_external_max_age: int = setting(
        _casts.duration, "time", "how old the last backup of backup_external may be before a migration", default=86_400_000
    )
    stall_timeout: int = setting(
        _casts.duration, "time", "a dump or restore that makes no progress for this long is stopped", default=300_000
    )
    on_failure: str = setting(
        _casts.on_failure,
        " | ".join(_casts.ON_FAILURE),
        "what follows when a revision or the check after it fails (default: stop in staging and production, else downgrade)",
        default="",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RehearsalSettings:
    """Table ``rehearsal``, and what else rehearsals go by."""

    rehearsal_source: str = setting(
        _casts.rehearsal_source,
        " | ".join(_casts.REHEARSAL_SOURCES),
        "what the workflow rehearses on; auto: the newest verified backup or that of the run, else made-up rows; off: nothing",
        default="auto",
    )
    rehearsal_max_reader_stall: int = setting(
        _casts.duration, "time", "the longest that readers may wait in a rehearsal; 0 sets no limit", default=0
    )
    rehearsal_max_writer_stall: int = setting(
        _casts.duration, "time", "the longest that writers may wait in a rehearsal; 0 sets no limit", default=0
    )
    rehearsal_max_duration: int = setting(
        _casts.duration, "time", "the longest that all revisions of a rehearsal may take; 0 sets no limit", default=0
    )
    rehearsal_max_disk_growth: int = setting(
        _casts.size, "size", "the most that the database may grow in a rehearsal; 0 sets no limit", default=0
    )
    rehearsal_mask: tuple[tuple[str, str], ...] = setting(
        _casts.table,
        "table",
        "SQL expressions that replace columns of the copy before anything else sees it, by schema.table.column or table.column",
        default=(),
    )
    rehearsal_keep: int = setting(_casts.count, "number", "restored copies to keep in the cache for rehearsals", default=2)
    rehearsal_rows: int = setting(
        _casts.count, "number", "the most made-up rows in a table where a rehearsal has no copy of the real ones", default=100_000
    )
    require_rehearsal: int = setting(
        _casts.duration,
        "time",
        "in staging and production, how old the rehearsal of the same plan may be that apply asks for; 0 asks for none",
        default=0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SyncSettings:
    """Table ``sync``."""

    sync_targets: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "what db.sync writes from the database (docs/sync.md lists the targets)",
        default=("sql", "erd", "json"),
    )
    sync_clients: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "what db.generate writes or runs, besides the targets of sync_targets that are client code or have a generator",
        default=("client",),
    )
    sync_dir: str = setting(_casts.text, "path", "where the targets go that sync_paths does not name", default="schema")
    sync_paths: tuple[tuple[str, str], ...] = setting(
        _casts.table, "table", "file or folder of single targets, such as prisma = 'prisma/schema.prisma'", default=()
    )
    sync_options: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = setting(
        _casts.tables, "table of tables", "options of single targets, such as queries = { folder = 'app/queries' }", default=()
    )
    sync_schemas: tuple[str, ...] = setting(
        _casts.names, "list", "schemas that the targets describe (default: those of schemas)", default=()
    )
    sync_tables: tuple[str, ...] = setting(
        _casts.names,
        "list",
        "names or patterns of the only tables and views that the targets describe (default: all)",
        default=(),
    )
    sync_exclude: tuple[str, ...] = setting(
        _casts.names, "list", "names or patterns of tables and views that the targets leave out", default=()
    )
    sync_generate: bool = setting(
        _casts.boolean,
        "true | false",
        "db.sync and the workflow run the generators of the targets as well, such as prisma generate",
        default=False,
    )
    sync_on_failure: str = setting(
        _casts.sync_on_failure,
        " | ".join(_casts.SYNC_ON_FAILURE),
        "what a target that fails is in a workflow; of db.sync it is always an error",
        default="warning",
    )
