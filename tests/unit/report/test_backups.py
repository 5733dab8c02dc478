"""Backups as tables: what each is, what is known of it, and what retention does with it."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest

from seachange.backup.retention import Rules, decide
from seachange.backup.verification import Verification
from seachange.backup.verify import Backup
from seachange.report.backups import backup_lines, decision_lines
from tests.backups import START, make_manifest

NOW = START + datetime.timedelta(hours=3)


def _backup(number: int = 1, *, problems: tuple[str, ...] = (), record: Verification | None = None, **changes: object) -> Backup:
    manifest = dataclasses.replace(make_manifest(number=number), **changes)  # type: ignore[arg-type]
    return Backup(path=Path(f"/b/number-{number}"), manifest=manifest, problems=problems, verification=record)


def _record(*, method: str = "restore", ok: bool | None = True) -> Verification:
    at = NOW - datetime.timedelta(hours=2, minutes=10)
    return Verification(at=at, method=method, ok=ok, manifest_sha256="a")  # type: ignore[arg-type]


def test_a_list_shows_what_each_is_and_what_is_known_of_it() -> None:
    backups = [
        _backup(2, record=_record(), encryption=("age1x",), format="directory"),
        _backup(1, scope="schema-only", tables={}),
        Backup(path=Path("/b/20250601T110000Z-x"), manifest=None, problems=("/b/20250601T110000Z-x/manifest.json is missing",)),
    ]

    expected = """\
backup              started (UTC)        database  revision       format                rows  size  state
------------------  -------------------  --------  -------------  --------------------  ----  ----  -----------------------
number-2            2025-06-01 12:02:00  vetai     1750200000000  directory, encrypted  12     4 B  verified 2 h 10 min ago
number-1            2025-06-01 12:01:00  vetai     1750200000000  custom, schema-only   -      4 B  complete
20250601T110000Z-x  2025-06-01 11:00:00  -         -              -                     -      0 B  damaged
3 backups, 8 B, 1 verified
20250601T110000Z-x: /b/20250601T110000Z-x/manifest.json is missing"""

    assert backup_lines(backups, now=NOW) == expected.splitlines()


@pytest.mark.parametrize(
    ("backup", "state"),
    [
        pytest.param(_backup(), "complete", id="nothing known"),
        pytest.param(_backup(record=_record()), "verified 2 h 10 min ago", id="restored"),
        pytest.param(_backup(record=_record(method="fast")), "complete, files looked at 2 h 10 min ago", id="looked at"),
        pytest.param(_backup(record=_record(ok=None)), "complete, could not be verified 2 h 10 min ago", id="not possible here"),
        pytest.param(_backup(record=_record(ok=False), problems=("rows",)), "damaged, found 2 h 10 min ago", id="found damaged"),
        pytest.param(_backup(record=_record(), problems=("cut",)), "damaged", id="damaged since"),
    ],
)
def test_the_state_says_how_it_is_known_and_since_when(backup: Backup, state: str) -> None:
    assert backup_lines([backup], now=NOW)[2].endswith(f"  {state}")


def test_no_backups_are_none() -> None:
    assert backup_lines([], now=NOW) == ["none"]


def test_retention_is_shown_with_the_reason_of_each() -> None:
    backups = [_backup(number, record=_record() if number in (2, 3) else None) for number in range(1, 6)]

    assert decision_lines(decide(backups, Rules(last=1)), dry_run=True) == [
        "backup    started (UTC)        database  size  state     decision  why",
        "--------  -------------------  --------  ----  --------  --------  --------------------------------------------",
        "number-5  2025-06-01 12:05:00  vetai      4 B  complete  keep      last 1 of 1; not verified, and none newer is",
        "number-4  2025-06-01 12:04:00  vetai      4 B  complete  keep      not verified, and none newer is",
        "number-3  2025-06-01 12:03:00  vetai      4 B  verified  keep      the newest verified one",
        "number-2  2025-06-01 12:02:00  vetai      4 B  verified  remove    beyond what the settings keep",
        "number-1  2025-06-01 12:01:00  vetai      4 B  complete  remove    beyond what the settings keep",
        "2 of 5 would go, 8 B",
        "1 backup is kept only because no newer one is verified; `invoke db.verify-backup` lets go of it",
    ]
