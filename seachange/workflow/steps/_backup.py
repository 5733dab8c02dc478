"""backup: a way back before anything is changed, a dump of our own or the last backup of another tool."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from seachange.backup import Backup
from seachange.backup.selection import EVERYTHING, Selection
from seachange.plan import StepResult
from seachange.workflow.retention import retire
from seachange.workflow.run import Run

__all__ = ["backup", "dump"]


def backup(run: Run) -> StepResult:
    """Have a way back: the last backup of the tool that setting ``backup_external`` names, else a dump made now.

    :raises BackupFailedError: no backup was made; nothing that looks like one was left.
    :raises RefusedError: the other tool has no backup that may be relied on.
    """
    return _external(run) if run.settings.backup_external else dump(run)


def dump(run: Run) -> StepResult:
    """Back the database up, verify that where it was asked for, and remove what retention no longer keeps.

    :raises BackupFailedError: no backup was made; nothing that looks like one was left.
    :raises BackupInvalidError: what was made is not what its manifest says.
    """
    from seachange.backup import create_backup

    selection, dump_format = run.options.get("selection") or EVERYTHING, run.options.get("dump_format") or ""
    if run.dry_run:
        return _planned(run, selection, dump_format)
    made = create_backup(
        run.database,
        run.settings,
        revision="-".join(run.current()),
        server=run.server,
        selection=selection,
        dump_format=dump_format,
        progress=run.progress,
    )
    retired = retire(run, made)
    near = not made.remote and made.path.is_relative_to(run.settings.root)
    facts = [str(made.path.relative_to(run.settings.root)) if near else made.location]
    facts += _about(made) if run.options.get("in_full") else []
    summary = f"{_mb(made.size_bytes)} of {_mb(run.server.size_bytes)}, sha256 in the manifest"
    return StepResult(summary=summary, facts=(*facts, *retired.facts), data={**_data(made), **retired.data})


def _planned(run: Run, selection: Selection, dump_format: str) -> StepResult:
    from seachange.backup.planning import plan_backup, previous_of
    from seachange.backup.stores import open_store

    store = open_store(run.settings)
    previous = previous_of(store.list(), run.server, selection)
    plan = plan_backup(
        run.database, run.settings, server=run.server, previous=previous, selection=selection, dump_format=dump_format
    )
    facts = [
        f"{plan.tables} tables, {_how(plan.recipe.format, plan.recipe.compression, plan.recipe.recipients)}",
        f"about {_mb(plan.estimated_bytes)}; {_mb(plan.needed_bytes)} of room needed while it is made",
        *selection.notes,
    ]
    return StepResult(
        status="skipped",
        summary=f"would back up {run.database.name} ({_mb(run.server.size_bytes)} in the database) to {store.location}",
        facts=tuple(facts) if run.options.get("in_full") else (),
        data={"estimated_bytes": plan.estimated_bytes, "needed_bytes": plan.needed_bytes, "format": plan.recipe.format},
    )


def _about(made: Backup) -> list[str]:
    manifest = made.manifest
    if manifest is None:
        return []
    rows = sum(table.rows for table in manifest.tables.values())
    ratio = manifest.contents.size_bytes / max(1, made.size_bytes)
    held = f"{len(manifest.tables)} tables with {rows:,} rows" if manifest.tables else f"{len(manifest.contents.tables)} tables"
    if manifest.large_objects and manifest.large_objects.count:
        held += f", {manifest.large_objects.count:,} large objects"
    size = f"; the database is {ratio:.0f} times as large" if made.whole else ""
    return [
        f"{held}, {_how(manifest.format, manifest.compression, manifest.encryption)}",
        f"made in {manifest.duration_s:.2f} s{size}",
        *manifest.notes,
    ]


def _how(form: str, compression: str, recipients: Sequence[str]) -> str:
    encryption = f"encrypted to {', '.join(recipients)}" if recipients else "not encrypted"
    return f"{form} format, {compression}, {encryption}"


def _data(made: Backup) -> dict[str, object]:
    found: dict[str, object] = {"backup": made.name, "path": made.location, "size_bytes": made.size_bytes}
    manifest = made.manifest
    if manifest is None:
        return found
    return found | {
        "database_bytes": manifest.contents.size_bytes,
        "duration_s": round(manifest.duration_s, 3),
        "tables": len(manifest.contents.tables),
        "rows": sum(table.rows for table in manifest.tables.values()) if manifest.tables else None,
        "format": manifest.format,
        "scope": manifest.scope,
        "compression": manifest.compression,
        "encryption": list(manifest.encryption),
        "notes": list(manifest.notes),
    }


def _mb(size: int) -> str:
    return f"{size / 1024**2:.1f} MB"


def _external(run: Run) -> StepResult:
    from seachange.backup.external import age_text, require_external

    now = datetime.datetime.now(datetime.UTC)
    run.progress("asking for the backups of backup_external")
    found = require_external(run.settings, run.server, now=now)
    age = age_text(max(0.0, found.age_s(now)))
    summary = f"{found.tool} has {found.name} ({found.kind}), finished {age} ago; no dump is made"
    facts = [f"it is of this server: system identifier {found.system_identifier}"]
    if not (found.system_identifier and run.server.system_identifier):
        facts = ["whether it is of this server is not known: its system identifier cannot be compared"]
    data = {"external": found.to_dict(), "age_s": round(found.age_s(now), 3)}
    return StepResult(summary=summary, facts=tuple(facts), data=data)
