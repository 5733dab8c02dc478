"""A restored database looked over in a moment: tables, rows and schema, held against the manifest of the backup."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import psycopg

from seachange.backup.checksums import read_dumped_tables
from seachange.backup.contents import read_tables
from seachange.backup.manifest import Manifest

if TYPE_CHECKING:
    from seachange.postgres.connection import Database, Session

__all__ = ["Counted", "count_restored"]

_NAMED = 5
_EXTENSIONS = "SELECT extname, extversion FROM pg_extension"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted:
    """What was found: ``problems`` mean that the restore is not what was backed up, ``notes`` what could not be compared."""

    tables: int
    rows: int | None
    schema: bool
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What is as it was, in words."""
        rows = f" with {self.rows:,} rows" if self.rows is not None else ""
        return f"{self.tables} tables{rows}{', and the schema,' if self.schema else ''} are as in the manifest"


def count_restored(database: Database, manifest: Manifest, *, renamed: Iterable[str] = ()) -> Counted:
    """Compare tables, numbers of rows and schema of a restored database with the manifest.

    :param database: as it was restored.
    :param manifest: of the backup.
    :param renamed: roles that are called otherwise here, which policies show.
    """
    from seachange.postgres.connection import connect

    with contextlib.closing(connect(database, autocommit=True, statement_timeout_ms=0)) as session:
        # A dump carries no statistics, and without them the first queries are planned blindly.
        session.execute("ANALYZE")
        there = read_tables(session)
        missing = sorted(set(manifest.contents.tables) - set(there))
        if missing:
            problem = f"{len(missing)} of {len(manifest.contents.tables)} tables are missing after the restore: "
            return Counted(tables=len(there), rows=None, schema=False, problems=(problem + ", ".join(missing[:_NAMED]),))
        rows, wrong, unseen = _rows(session, {name: table.rows for name, table in manifest.tables.items()})
        reason = _incomparable(session, manifest, renamed)
        schema = not reason and _fingerprint(session) == manifest.fingerprint
    problems = wrong if reason or schema else (*wrong, "the schema is not that of the manifest")
    return Counted(
        tables=len(there),
        rows=rows if manifest.tables else None,
        schema=schema,
        problems=tuple(problems),
        notes=(*unseen, *([f"the schema was not compared: {reason}"] if reason and manifest.fingerprint else [])),
    )


def _rows(session: Session, expected: Mapping[str, int]) -> tuple[int, list[str], list[str]]:
    total, wrong, hidden = 0, [], []
    # Rather an error than some of the rows.
    session.execute("SET row_security = off")
    found = read_dumped_tables(session)
    for name, number in expected.items():
        if name not in found:
            wrong.append(f"table {name} is missing")
            continue
        statement = f"SELECT count(*) FROM ONLY {name} {found[name].condition}"  # noqa: S608 - names that the server quoted
        try:
            rows: int = session.execute(statement.encode()).fetchall()[0][0]
        except psycopg.errors.InsufficientPrivilege:
            hidden.append(name)
            continue
        total += rows
        if rows != number:
            wrong.append(f"table {name} has {rows:,} rows instead of {number:,}")
    more = [f"and {len(wrong) - _NAMED} more tables"] if len(wrong) > _NAMED else []
    unseen = [f"the rows of {', '.join(hidden[:_NAMED])} were not counted: this user may not see all of them"] if hidden else []
    return total, [*wrong[:_NAMED], *more], unseen


def _incomparable(session: Session, manifest: Manifest, renamed: Iterable[str]) -> str:
    here, there = session.info.server_version // 10_000, manifest.server.version_number // 10_000
    if not manifest.fingerprint:
        return "the manifest has no fingerprint"
    if manifest.scope == "selected":
        return "the backup is of a part of it"
    if here != there:
        return f"PostgreSQL {here} describes it in other words than {there} does"
    if set(renamed):
        return "roles are called otherwise"
    versions = dict(session.execute(_EXTENSIONS).fetchall())
    other = [name for name, version in manifest.contents.extensions.items() if versions.get(name) != version]
    return f"{', '.join(other)} is of another version" if other else ""


def _fingerprint(session: Session) -> str:
    from seachange.postgres.catalog import read_catalog

    return read_catalog(session).fingerprint
