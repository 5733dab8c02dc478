"""database.ts as the compiler of TypeScript reads it, and as node-postgres keeps its promises."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from seachange.sync import sync
from seachange.testing.fixtures import fresh_database
from tests.integration.app._history import upgrade
from tests.integration.sync.databases import filled_database
from tests.oracles import run_node
from tests.schemas import CLINIC, DRIVER, NASTY

_READ = {
    "DriverRow": "SELECT * FROM driver",
    "ClientsRow": "SELECT * FROM clients",
    "PetsRow": "SELECT * FROM pets",
    "OddSchemaOrderLineRow": 'SELECT * FROM "Odd Schema"."Order ""line"" | %"',
    "EventsRow": "SELECT * FROM events",
    "CountsRow": "SELECT * FROM counts",
    "RecentRow": "SELECT * FROM recent",
}
_USES = """
import type { AppointmentsInsert, AppointmentsRow, AppointmentsUpdate, AppointmentState, Database, PetsInsert } from "./database";
import { appointmentStateLabels } from "./database";

export const least: AppointmentsInsert = { starts_at: new Date() };
export const most: AppointmentsInsert = { id: 1n, pet_id: null, state: "done", starts_at: "2024-02-29", note: "x" };
export const changed: AppointmentsUpdate = { note: null };
export const first: AppointmentState = appointmentStateLabels[0];
export const read = (row: AppointmentsRow): string => row.id + row.state + (row.note ?? "") + row.starts_at.toISOString();
export const table: keyof Database = "appointments";
type InsertOf<Name extends keyof Database> = Database[Name]["id"]["__insert__"];
export const id: InsertOf<"pets"> = undefined;

// @ts-expect-error a column without default is missing
export const missing: AppointmentsInsert = { state: "done" };
// @ts-expect-error no label of the enum
export const label: AppointmentState = "lost";
// @ts-expect-error no column
export const column: PetsInsert = { client_id: 1, name: "x", legs: 4 };
// @ts-expect-error NULL where none can be
export const none: AppointmentsUpdate = { starts_at: null };
// @ts-expect-error 64-bit integers are no numbers
export const number = (row: AppointmentsRow): number => row.id;
// @ts-expect-error it may be NULL
export const note = (row: AppointmentsRow): string => row.note;
// @ts-expect-error no table
export const lost: keyof Database = "visits";
"""
_CAMEL = """
import type { PetsRow } from "./database";
export const pet: PetsRow = { id: 1n, clientId: 2n, name: "x", weightKg: null };
"""


def _write(database: Database, settings: Settings, folder: Path, *, uses: str = "", **options: object) -> None:
    folder.mkdir()
    (folder / "uses.ts").write_text(uses)
    changed = dataclasses.replace(settings, root=folder, sync_options=(("typescript", tuple(options.items())),))
    (file,) = sync(database, settings=changed, targets=["typescript"]).files
    assert file.reason == ""
    file.path.rename(folder / "database.ts")


@pytest.fixture(scope="module")
def clinic(server: Server) -> Iterator[Database]:
    with filled_database(server, CLINIC) as database:
        yield database


@pytest.fixture(scope="module")
def nasty(server: Server) -> Iterator[Database]:
    with filled_database(server, NASTY + DRIVER) as database:
        yield database


@pytest.fixture(scope="module")
def application(server: Server) -> Iterator[Database]:
    with fresh_database(server) as database:
        upgrade(database)
        yield database


@pytest.fixture(scope="module")
def problems(
    nasty: Database,
    clinic: Database,
    application: Database,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    oracles: Path,
) -> Callable[[str], list[str]]:
    """What the compiler says of the folders of all cases, asked once."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "node_modules").symlink_to(oracles)
    rows = json.loads(run_node("pg_rows.mjs", input=json.dumps({"url": nasty.url(), "queries": _READ})))
    assert all(rows.values())
    lines = [f'import type {{ {", ".join(_READ)} }} from "./database";']
    lines += [f"export const all{kind}: {kind}[] = [{', '.join(found)}];" for kind, found in rows.items()]
    _write(nasty, settings, folder / "nasty", uses="\n".join(lines))
    _write(nasty, settings, folder / "other", uses="\n".join(lines), int8="number", dates="string")
    _write(clinic, settings, folder / "clinic", uses=_USES)
    _write(clinic, settings, folder / "camel", uses=_CAMEL, int8="bigint", casing="camel")
    _write(application, settings, folder / "application")
    files = [path.relative_to(folder).as_posix() for path in folder.glob("*/*.ts")]
    found = json.loads(run_node("tsc.mjs", input=json.dumps({"folder": str(folder), "files": files})))
    return lambda name: [line for line in found if line.startswith(f"{name}/") or "/" not in line.split(":")[0]]


def test_rows_have_the_values_that_are_promised(problems: Callable[[str], list[str]]) -> None:
    assert problems("nasty") == []


def test_values_that_the_driver_does_not_deliver_are_refused(problems: Callable[[str], list[str]]) -> None:
    found = [line.partition(": ")[2] for line in problems("other")]

    assert "Type 'string' is not assignable to type 'number'." in found
    assert "Type 'Date' is not assignable to type 'string'." in found


def test_programs_are_held_to_the_schema(problems: Callable[[str], list[str]]) -> None:
    assert problems("clinic") == []


def test_options_change_names_and_types(problems: Callable[[str], list[str]]) -> None:
    assert problems("camel") == []


def test_the_reference_application_compiles(problems: Callable[[str], list[str]]) -> None:
    assert problems("application") == []


def test_a_wrong_option_is_told_with_the_right_ones(clinic: Database, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sync_options\.typescript: int8 cannot be 'text'") as caught:
        _write(clinic, settings, tmp_path / "wrong", int8="text")

    assert caught.value.hint == 'it is one of "string", "number", "bigint"'
