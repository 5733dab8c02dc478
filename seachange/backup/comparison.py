"""A restored database held against the manifest of its backup: schema, rows, contents, large objects, extensions."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from seachange.backup.contents import LargeObjects, TableContents, read_tables
from seachange.backup.manifest import Manifest
from seachange.backup.selection import SELECTED
from seachange.config import Settings

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Comparison", "compare", "is_part"]

_NAMED = 20
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a restored database has that its manifest does not say, and the other way round; ``notes`` is what nobody can say.

    ``tables`` and ``rows`` were compared, ``proven`` names in words what all was.
    """

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    tables: int = 0
    rows: int = 0


@dataclasses.dataclass
class _Found:
    problems: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    proven: list[str] = dataclasses.field(default_factory=list)


def compare(
    database: Database,
    manifest: Manifest,
    settings: Settings,
    *,
    jobs: int,
    progress: Callable[[str], None],
) -> Comparison:
    """Compare a restored database with the manifest.

    :param database: as it was restored, and as nobody changed it since.
    :param manifest: of the backup.
    :param settings: where programs come from, and how long to wait.
    :param jobs: how many connections to read tables with.
    :param progress: told what is being done.
    """
    from seachange.backup.checksums import table_checksums
    from seachange.postgres.connection import connect

    found = _Found()
    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        progress("comparing the schema")
        _compare_schema(session, manifest, found)
        _compare_extensions(session, manifest, found)
        there = read_tables(session)
    actual: Mapping[str, TableContents] = {}
    if manifest.tables:
        total = sum(table.bytes for table in manifest.tables.values())
        actual = table_checksums(
            database, settings, tables=manifest.tables, jobs=jobs, progress=lambda read: progress(_share(read, total))
        )
        _compare_tables(manifest, actual, there, found=found)
    elif manifest.contents.tables and manifest.scope != "schema-only":
        found.notes.append("the manifest has no rows and checksums: what the tables hold was not compared")
    _compare_large_objects(database, manifest, settings, found=found)
    return Comparison(
        problems=tuple(found.problems),
        notes=tuple(found.notes),
        proven=tuple(found.proven),
        tables=len(actual),
        rows=sum(table.rows for table in actual.values()),
    )


def is_part(manifest: Manifest) -> bool:
    """Whether a backup is of some schemas or tables only, with or without their rows.

    :param manifest: of the backup.
    """
    selected = any(note.startswith(SELECTED) for note in manifest.notes)
    return manifest.scope == "selected" or (manifest.scope == "schema-only" and selected)


def _share(read: int, total: int) -> str:
    return f"comparing rows: {read / 1024**2:,.0f} of {total / 1024**2:,.0f} MB"


def _compare_schema(session: Session, manifest: Manifest, found: _Found) -> None:
    from seachange.postgres.catalog import read_catalog

    if not manifest.fingerprint:
        found.notes.append("the manifest has no fingerprint: the schema was not compared")
        return
    if is_part(manifest):
        found.notes.append("the fingerprint is that of the whole database: the schema of a part of it was not compared")
        return
    actual = read_catalog(session).fingerprint
    if actual == manifest.fingerprint:
        found.proven.append("schema")
    else:
        found.problems.append(
            f"the schema is another one: its fingerprint is {actual[:12]}… instead of {manifest.fingerprint[:12]}…"
        )


def _compare_extensions(session: Session, manifest: Manifest, found: _Found) -> None:
    wanted = {} if is_part(manifest) else manifest.contents.extensions
    actual = dict(session.execute(_EXTENSIONS).fetchall())
    missing = sorted(set(wanted) - set(actual))
    found.problems += [f"extension {name} {wanted[name]} is missing" for name in missing]
    found.notes += [
        f"extension {name} is {actual[name]} here and was {version}"
        for name, version in sorted(wanted.items())
        if actual.get(name, version) != version
    ]
    if wanted and not missing:
        found.proven.append(_count(len(wanted), "extension"))


def _compare_tables(manifest: Manifest, actual: Mapping[str, TableContents], there: Iterable[str], *, found: _Found) -> None:
    problems = []
    for name, expected in sorted(manifest.tables.items()):
        table = actual.get(name)
        if table is None:
            problems.append(f"table {name} is missing")
        elif table.rows != expected.rows:
            problems.append(f"table {name} has {table.rows:,} rows instead of {expected.rows:,}")
        elif (table.checksum, table.bytes) != (expected.checksum, expected.bytes):
            problems.append(f"table {name} has {_count(table.rows, 'row')} as it should, and other values in them")
    known = {*manifest.tables, *manifest.contents.tables}
    problems += [f"table {name} is there, and the manifest does not name it" for name in sorted(set(there) - known)]
    found.problems += problems[:_NAMED]
    if len(problems) > _NAMED:
        found.problems.append(f"and {len(problems) - _NAMED} more tables")
    if not problems:
        rows = sum(table.rows for table in actual.values())
        found.proven.append(f"{_count(len(actual), 'table')} with {_count(rows, 'row')}")


def _compare_large_objects(database: Database, manifest: Manifest, settings: Settings, *, found: _Found) -> None:
    from seachange.backup.checksums import large_object_checksum

    expected: LargeObjects | None = manifest.large_objects
    if expected is None:
        return
    actual = large_object_checksum(database, settings)
    if actual.count != expected.count:
        found.problems.append(f"there are {_count(actual.count, 'large object')} instead of {expected.count:,}")
    elif actual != expected:
        found.problems.append(f"the {_count(actual.count, 'large object')} have other contents")
    elif expected.count:
        found.proven.append(_count(expected.count, "large object"))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
