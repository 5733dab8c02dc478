"""Revisions to be filled in by hand: an empty one, and one that changes rows in batches."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import ConfigError, MigrationFailedError, RevisionRejectedError
from seachange.revisions._fixed import fixed_text
from seachange.revisions._workshop import keep, require_one_head, workshop
from seachange.revisions.generate import GeneratedRevision
from seachange.revisions.history import History, read_history
from seachange.revisions.project import open_project

if TYPE_CHECKING:
    from seachange.postgres.connection import Database
    from seachange.revisions._naming import Identity
    from seachange.revisions.answers import Filling

__all__ = ["Batches", "write_data", "write_empty"]

_KEY = """
select array_agg(a.attname::text order by k.place) from pg_catalog.pg_index i
cross join unnest(i.indkey) with ordinality k(number, place)
join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indrelid = to_regclass(%s) and i.indisprimary
"""
_COLUMN = "select true from pg_catalog.pg_attribute where attrelid = to_regclass(%s) and attname = %s and attnum > 0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Batches:
    """What a data migration changes.

    :param table: the table, with its schema where that is not the default one.
    :param filling: a column of it and what rows get that have NULL there; None leaves the change to be written.
    """

    table: str
    filling: Filling | None = None


def write_empty(
    settings: Settings, history: History, *, name: str, location: str = "", dry_run: bool = False
) -> GeneratedRevision:
    """Write a revision without operations, by the project's own template.

    :param settings: the project's settings.
    :param history: the revisions.
    :param name: what to call it.
    :param location: the version location; that of the newest revision by default.
    :param dry_run: write nothing.
    :raises ConfigError: it has no name.
    """
    from seachange.revisions._rendering import render_file

    identity = _identity(settings, history, name=name, location=location)
    if not dry_run:
        with workshop(settings) as folder:
            values = {"down_revision": identity.down_revision, "imports": "", "upgrades": "", "downgrades": ""}
            text = render_file(open_project(settings), identity=identity, notes=(), values=values)
            path = _written(settings, folder / identity.path.name, text)
            keep(path, identity.path)
    return _told(identity, ("an empty revision, to be filled in",))


def write_data(
    settings: Settings,
    history: History,
    batches: Batches,
    *,
    name: str = "",
    location: str = "",
    dry_run: bool = False,
    progress: Callable[[str], None] | None = None,
) -> GeneratedRevision:
    """Write a revision that changes rows in batches and goes on where it was stopped; one that is complete is tried first.

    :param settings: the project's settings.
    :param history: the revisions.
    :param batches: the table, and what rows get.
    :param name: what to call it; derived from the column by default.
    :param location: the version location; that of the newest revision by default.
    :param dry_run: write nothing.
    :param progress: told what is being done.
    :raises ConfigError: there is no such table or column, or the table has no primary key.
    :raises RevisionRejectedError: it fails on the shadow.
    """
    from seachange.revisions.shadow_history import open_shadow

    column = batches.filling.column.rpartition(".")[2] if batches.filling else ""
    if batches.filling and batches.filling.column != f"{batches.table}.{column}":
        raise ConfigError(
            f"{batches.filling.where} is about another table than --table {batches.table}", hint="leave out --table"
        )
    given = name or (f"fill_{column}_of_{batches.table.rpartition('.')[2]}" if column else "")
    identity = _identity(settings, history, name=given, location=location)
    tell = progress or (lambda _: None)
    tell("reading the table on the shadow")
    with open_shadow(settings, history) as shadow:
        database = shadow.clone()
        text = _rendered(identity, batches, key=_key(database, batches.table, column), column=column)
        if dry_run:
            return _told(identity, ())
        with workshop(settings) as folder:
            path = _written(settings, folder / identity.path.name, text)
            if batches.filling:
                tell(f"trying {identity.revision} on the shadow")
                _try(settings, database, folder, identity=identity)
            keep(path, identity.path)
    said = f"{batches.table} in batches of 1000 rows, resumable"
    return _told(identity, (said,) if column else (said, "write the change into CHANGE: until then upgrade() refuses"))


def _identity(settings: Settings, history: History, *, name: str, location: str) -> Identity:
    from seachange.revisions._naming import identify

    require_one_head(history)
    if not name.strip():
        raise ConfigError("a revision to be filled in has no name", hint="pass --name: what it will do, in words")
    project = open_project(settings)
    return identify(history, project.script(project.config()), name=name, location=location)


def _key(database: Database, table: str, column: str) -> list[str]:
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True)) as session:
        name = _quoted(table)
        if not (row := session.execute("select to_regclass(%s) is not null", [name]).fetchone()) or not row[0]:
            raise ConfigError(f"--table {table}: no revision makes a table of that name", hint="write schema.table, or table")
        if column and not session.execute(_COLUMN, [name, column]).fetchone():
            raise ConfigError(f"--fill {table}.{column}: the table has no such column", hint="generate the column first")
        found = session.execute(_KEY, [name]).fetchone()
    if not found or not found[0]:
        raise ConfigError(f"--table {table} has no primary key, so its rows have no order to go by", hint="give it one first")
    return list(found[0])


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))


def _rendered(identity: Identity, batches: Batches, *, key: list[str], column: str) -> str:
    from sqlalchemy.dialects.postgresql.base import PGDialect

    from seachange.revisions._formatting import format_string

    quote = PGDialect().identifier_preparer.quote  # type: ignore[no-untyped-call]
    filling = batches.filling
    values = {
        "table": format_string(".".join(quote(part) for part in batches.table.split("."))),
        "key": "[" + ", ".join(format_string(quote(part)) for part in key) + "]",
        "change": format_string(f"{quote(column)} = {filling.expression}" if filling else ""),
        "rows": format_string(f"{quote(column)} IS NULL" if filling else "true"),
        "progress": format_string(re.sub(r"\W", "_", f"progress_{identity.revision.lower()}")),
    }
    return fixed_text("_batches.txt", identity, values)


def _written(settings: Settings, path: Path, text: str) -> Path:
    from seachange.revisions._hooks import run_hooks

    path.write_text(text, encoding="utf-8")
    run_hooks(open_project(settings), path)
    return path


def _try(settings: Settings, database: Database, folder: Path, *, identity: Identity) -> None:
    from seachange.revisions.runner import downgrade, upgrade

    history, there = read_history(settings, extra_locations=(folder,)), (folder,)
    try:
        upgrade(database, settings, target=identity.revision, history=history, extra_locations=there)
        downgrade(database, settings, target=identity.down_revision or "base", history=history, extra_locations=there)
    except MigrationFailedError as exc:
        reason = exc.reason.replace(str(folder.relative_to(settings.root)) + "/", "")
        raise RevisionRejectedError(
            f"the new revision {identity.revision} was not kept, it fails on the shadow {reason}",
            hint="mend the expression of --fill",
        ) from exc


def _told(identity: Identity, operations: tuple[str, ...]) -> GeneratedRevision:
    return GeneratedRevision(
        path=identity.path, revision=identity.revision, title=identity.title, operations=operations, warnings=()
    )
