"""Write a revision from the difference between a database and models, and run it up, down and up there."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

from seachange.config import Settings
from seachange.postgres.catalog import Catalog, diff, read_catalog
from seachange.postgres.connection import Database, connect
from seachange.revisions._naming import Identity
from seachange.revisions._notes import notes
from seachange.revisions._rendering import render_revision
from seachange.revisions._trial import connected
from seachange.revisions.compare import Comparison, compare
from seachange.revisions.declared import declare
from seachange.revisions.project import open_project


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A revision as text, and what is said of it."""

    operations: tuple[str, ...]
    differences: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    text: str


def run(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement)


def write(database: Database, settings: Settings, metadata: sa.MetaData) -> Written:
    found: list[Written] = []
    project = open_project(settings)

    def use(comparison: Comparison) -> None:
        operations = comparison.script.upgrade_ops_list[-1].ops
        identity = Identity(
            revision="0001",
            down_revision=None,
            title="Change",
            created=datetime.datetime(2024, 1, 1),
            path=settings.root / "x.py",
        )
        said = notes(operations)
        text = render_revision(project, comparison, identity=identity, notes=said)
        found.append(
            Written(
                operations=comparison.operations,
                differences=comparison.differences,
                warnings=comparison.warnings,
                notes=said,
                text=text,
            )
        )

    with connected(database) as connection:
        compare(project, connection, metadata=metadata, declared=declare(connection, metadata), use=use)
    return found[0]


def round_trip(database: Database, settings: Settings, metadata: sa.MetaData) -> Written:
    """Run the revision up, down and up; it makes the models true, comes back to where it began, and does so again."""
    written = write(database, settings, metadata)
    before = catalog(database)
    move(database, written.text, "upgrade")
    again = write(database, settings, metadata)
    assert again.operations == (), written.text
    after = catalog(database)
    move(database, written.text, "downgrade")
    assert [each.sentence for each in diff(before, catalog(database))] == [], written.text
    move(database, written.text, "upgrade")
    assert [each.sentence for each in diff(after, catalog(database))] == [], written.text
    return written


def catalog(database: Database) -> Catalog:
    with contextlib.closing(connect(database)) as session:
        return read_catalog(session)


def move(database: Database, text: str, direction: str) -> None:
    module: dict[str, Any] = {}
    exec(compile(text, "revision.py", "exec"), module)
    with connected(database) as connection:
        context = MigrationContext.configure(connection)
        with _transaction(context), Operations.context(context):
            module[direction]()


@contextlib.contextmanager
def _transaction(context: MigrationContext) -> Iterator[None]:
    with context.begin_transaction():
        yield
