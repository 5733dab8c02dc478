"""A project whose third revision fails on certain rows, and what tests of the way back ask of it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Callable
from typing import Any, Literal

from seachange.config import Settings
from seachange.postgres.connection import Database, connect
from seachange.workflow._rehearsal.store import keep_rehearsal
from seachange.workflow._rehearsal.values import DowngradeRehearsal, Rehearsal, Source
from tests.project import Outcome, Project


def run(database: Database, *statements: str) -> None:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        for statement in statements:
            session.execute(statement.encode())


def ask(database: Database, query: str) -> list[Any]:
    with contextlib.closing(connect(database, autocommit=True)) as session:
        return [row[0] for row in session.execute(query.encode()).fetchall()]


def columns(database: Database, table: str) -> set[str]:
    return set(ask(database, f"select column_name from information_schema.columns where table_name = '{table}'"))


def apply(project: Project, *arguments: str) -> tuple[Outcome, dict[str, Any]]:
    outcome = project.invoke("migration.apply", "--format", "json", *arguments)
    document: dict[str, Any] = json.loads(outcome.stdout)
    steps: dict[str, Any] = {step["name"]: step for step in document["steps"]}
    return outcome, {**document, **steps["apply"]}


def opened(scenario: Callable[[str], Project], database: Database) -> Project:
    """Return a project and its database at 0001, with rows on which 0003 fails, after 0002 went well."""
    copy = scenario("way_back")
    made = dataclasses.replace(copy, environment={**copy.environment, "DATABASE_URL": database.url()})
    assert made.invoke("migration.apply", "--to", "0001").exit_code == 0
    run(
        database,
        "insert into clients select i, 'client ' || i from generate_series(1, 50) i",
        "insert into visits select i, i, 'a note' from generate_series(1, 50) i",
        "update clients set name = 'poison' where id = 7",
    )
    return made


def rehearsed(
    project: Project,
    *,
    kind: Literal["backup", "shadow"] = "backup",
    lossless: tuple[str, ...] = ("0004", "0003", "0002"),
    hours_ago: float = 1,
) -> None:
    """Keep a rehearsal of what is pending, as the step before apply does."""
    planned = json.loads(project.invoke("migration.plan", "--format", "json").stdout)
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours_ago)
    downgrades = tuple(
        DowngradeRehearsal(revision=name, verdict="lossless" if name in lossless else "lossy")
        for name in ("0004", "0003", "0002")
    )
    rehearsal = Rehearsal(
        plan_hash=planned["hash"], started=began.isoformat(timespec="seconds"), source=Source(kind=kind), downgrades=downgrades
    )
    assert keep_rehearsal(Settings(root=project.path), rehearsal) is not None
