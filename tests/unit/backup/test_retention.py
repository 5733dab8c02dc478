"""Which backups retention removes, why it keeps the others, and which it never removes."""

from __future__ import annotations

import dataclasses
import datetime
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from seachange.backup.retention import UNVERIFIED, Decision, Rules, decide, held, prune_backups
from seachange.backup.store import list_backups
from seachange.backup.verification import Verification
from seachange.backup.verify import Backup
from seachange.config import Settings
from seachange.partial import shared
from tests.backups import START, make_backup, make_manifest, record_verification


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, backup_keep_last=2)


@pytest.fixture
def folder(here: Settings) -> Path:
    return here.root / "backups"


def _damage(path: Path) -> None:
    (path / "database.dump").write_text("short")


def _made(number: int, *, state: str = "complete", started: datetime.datetime | None = None, **manifest: object) -> Backup:
    """Return a backup that lies nowhere; its number is its place in the order, and minutes since the start."""
    begun = started or START + datetime.timedelta(minutes=number)
    made = dataclasses.replace(
        make_manifest(number=number),
        started=begun,
        sequence=round((START + datetime.timedelta(minutes=number)).timestamp() * 1000),
        **manifest,  # type: ignore[arg-type]
    )
    record = Verification(at=begun, method="fast" if state == "fast" else "restore", ok=True, manifest_sha256="a")
    return Backup(
        path=Path(f"/backups/{number:07}"),
        manifest=made,
        problems=("a file is missing",) if state == "damaged" else (),
        verification=record if state in ("verified", "fast") else None,
    )


def _kept(decisions: tuple[Decision, ...]) -> list[str]:
    return [decision.backup.name.lstrip("0") or "0" for decision in decisions if decision.keep]


def _days(*days: float) -> list[Backup]:
    """Return verified backups, begun so many days after the midnight in which the start lies."""
    return [_made(_minute(day), state="verified") for day in days]


def _minute(day: float) -> int:
    return round((day - 0.5) * 24 * 60)


def test_all_but_the_newest_are_removed_oldest_first(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(5)]
    record_verification(paths[-1])

    assert [backup.path for backup in prune_backups(here)] == paths[:3]
    assert sorted(folder.iterdir()) == paths[3:]


def test_a_dry_run_lists_and_removes_nothing(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(3)]
    record_verification(paths[-1])

    assert [backup.path for backup in prune_backups(here, dry_run=True)] == paths[:1]
    assert sorted(folder.iterdir()) == paths


@pytest.mark.parametrize(
    ("keep", "left"), [pytest.param(0, 4, id="all"), pytest.param(1, 1, id="one"), pytest.param(9, 4, id="more")]
)
def test_the_number_to_keep_can_be_given(here: Settings, folder: Path, keep: int, left: int) -> None:
    paths = [make_backup(folder, number=number) for number in range(4)]
    record_verification(paths[-1])
    prune_backups(here, keep=keep)

    assert len(list_backups(here)) == left


def test_damaged_backups_do_not_push_out_complete_ones(here: Settings, folder: Path) -> None:
    complete = [make_backup(folder, number=number) for number in (1, 2)]
    for number in (3, 4, 5):
        _damage(make_backup(folder, number=number))

    assert prune_backups(here) == ()
    assert all(path.exists() for path in complete)


def test_a_damaged_backup_goes_when_enough_complete_ones_are_newer(here: Settings, folder: Path) -> None:
    _damage(old := make_backup(folder, number=1))
    for number in (2, 3):
        make_backup(folder, number=number)

    assert [backup.path for backup in prune_backups(here)] == [old]


def test_the_order_is_that_of_the_sequence_and_not_of_names(here: Settings, folder: Path) -> None:
    first, second, third = (make_backup(folder, number=number) for number in (1, 2, 3))
    record_verification(third)
    first.rename(renamed := folder / "20990101T000000Z-vetai")

    assert [backup.path for backup in prune_backups(here)] == [renamed]
    assert sorted(folder.iterdir()) == [second, third]


def test_each_database_of_each_server_keeps_its_own(here: Settings, folder: Path) -> None:
    make_backup(folder, number=1, database="other")
    make_backup(folder, number=2, server="another")
    for number in (3, 4):
        record_verification(make_backup(folder, number=number))

    assert prune_backups(here) == ()


def test_what_is_not_ours_or_cannot_be_read_stays(here: Settings, folder: Path) -> None:
    (folder / "20000101T000000Z-vetai").mkdir(parents=True)
    (folder / "20000101T000000Z-vetai" / "database.dump").write_text("whose?")
    (folder / "notes").mkdir()
    (folder / f".partial-{os.getpid()}-0123abcd").mkdir()
    for number in range(3):
        record_verification(make_backup(folder, number=number))
    prune_backups(here)

    assert [path.name for path in sorted(folder.iterdir())] == [
        f".partial-{os.getpid()}-0123abcd",
        "20000101T000000Z-vetai",
        "20250601T120100Z-vetai-1750200000000",
        "20250601T120200Z-vetai-1750200000000",
        "notes",
    ]


def test_a_backup_that_is_being_restored_stays(here: Settings, folder: Path) -> None:
    paths = [make_backup(folder, number=number) for number in range(4)]
    record_verification(paths[-1])
    with shared(paths[0]):
        removed = prune_backups(here)

    assert [backup.path for backup in removed] == [paths[1]]
    assert paths[0].is_dir()


def test_nothing_goes_while_nobody_knows_whether_any_can_be_restored() -> None:
    decisions = decide([_made(number) for number in range(5)], Rules(last=2))

    assert _kept(decisions) == ["4", "3", "2", "1", "0"]
    assert [backup.name for backup in held(decisions)] == ["0000002", "0000001", "0000000"]
    assert [decision.reasons for decision in decisions][1:3] == [("last 2 of 2", UNVERIFIED), (UNVERIFIED,)]


def test_one_that_is_verified_lets_go_of_all_before_it() -> None:
    backups = [_made(0), _made(1, state="verified"), _made(2), _made(3, state="verified"), _made(4), _made(5), _made(6)]
    decisions = decide(backups, Rules(last=2))

    assert _kept(decisions) == ["6", "5", "4", "3"]
    assert [decision.reasons for decision in decisions][2:4] == [(UNVERIFIED,), ("the newest verified one",)]


def test_a_look_at_files_only_is_no_verification() -> None:
    assert _kept(decide([_made(number, state="fast") for number in range(4)], Rules(last=1))) == ["3", "2", "1", "0"]


def test_the_newest_verified_one_stays_however_old_it_is() -> None:
    backups = [_made(0, state="verified"), *(_made(number) for number in range(1, 4))]

    assert _kept(decide(backups, Rules(last=1))) == ["3", "2", "1", "0"]


def test_what_a_verification_found_damaged_goes_like_other_damage() -> None:
    backups = [_made(0, state="damaged"), _made(1, state="verified"), _made(2, state="damaged"), _made(3, state="verified")]

    assert _kept(decide(backups, Rules(last=1))) == ["3"]
    assert _kept(decide(backups, Rules(last=3))) == ["3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        pytest.param(Rules(last=1), [60.5], id="last"),
        pytest.param(Rules(last=2), [60.5, 60.25], id="two last"),
        pytest.param(Rules(last=1, daily=3), [60.5, 59.5, 58.5], id="days"),
        pytest.param(Rules(last=1, weekly=3), [60.5, 56.5, 49.5], id="weeks"),
        pytest.param(Rules(last=1, monthly=2), [60.5, 29.25], id="months"),
        pytest.param(Rules(last=1, daily=2, weekly=2, monthly=9), [60.5, 59.5, 56.5, 29.25], id="all"),
        pytest.param(Rules(last=1, daily=99), [60.5, 59.5, 58.5, 56.5, 49.5, 40.5, 29.25, 0.5], id="more than there are"),
    ],
)
def test_the_last_one_of_a_day_a_week_a_month_stays(rules: Rules, kept: list[float]) -> None:
    # Day 0 is Sunday, the 1st of June 2025; day 29 is the last of June, day 60 Thursday, the last of July.
    backups = _days(0.5, 29, 29.25, 40.5, 49.5, 56.5, 58.25, 58.5, 59.25, 59.5, 60.25, 60.5)

    assert _kept(decide(backups, rules)) == [str(_minute(day)) for day in kept]


def test_schema_only_selected_and_physical_backups_have_rules_of_their_own() -> None:
    backups = [
        _made(1, state="verified"),
        _made(2, state="verified", scope="schema-only"),
        _made(3, state="verified", scope="selected", notes=("only of table a",)),
        _made(4, state="verified", format="physical"),
        _made(5, state="verified"),
        _made(6, state="verified", scope="selected", notes=("only of table b",)),
        _made(7, state="verified", scope="selected", notes=("only of table a",)),
    ]

    assert _kept(decide(backups, Rules(last=1))) == ["7", "6", "5", "4", "2"]


def test_a_backup_whose_migration_is_not_confirmed_stays() -> None:
    backups = [_made(number, state="verified") for number in range(4)]
    decisions = decide(backups, Rules(last=1), tied=["0000001"])

    assert [(decision.backup.name, decision.reasons) for decision in decisions if decision.keep] == [
        ("0000003", ("last 1 of 1", "the newest verified one")),
        ("0000001", ("its migration is not confirmed yet",)),
    ]


def test_a_clock_that_went_back_lets_nothing_go_that_would_have_stayed() -> None:
    hours = 24 * 60
    before = [_made(day * hours, state="verified") for day in range(6)]
    back = _made(5 * hours + 1, state="verified", started=START - datetime.timedelta(days=400))
    rules = Rules(last=2, daily=4)

    assert set(_kept(decide(before, rules))) <= {*_kept(decide([*before, back], rules)), str(5 * hours - hours)}
    assert _kept(decide([*before, back], rules))[:2] == [str(5 * hours + 1), str(5 * hours)]


def test_a_clock_that_was_a_year_ahead_once_does_not_make_one_day_of_all_that_came_after() -> None:
    hours, year = 24 * 60, 365 * 24 * 60
    wrong = _made(year, state="verified")
    after = [_made(year + day, state="verified", started=START + datetime.timedelta(days=day)) for day in range(1, 5)]
    kept = _kept(decide([wrong, *after], Rules(last=1, daily=3)))

    assert kept[:3] == [str(year + 4), str(year + 3), str(year + 2)]
    assert hours < year


_STATES = st.sampled_from(["complete", "verified", "fast", "damaged"])
_RULES = st.builds(Rules, last=st.integers(0, 4), daily=st.integers(0, 3), weekly=st.integers(0, 3), monthly=st.integers(0, 3))
_AGES = st.integers(-60, 400).map(lambda days: START + datetime.timedelta(days=days))


@st.composite
def _stores(draw: st.DrawFn) -> list[Backup]:
    """Backups in the order in which they were made, begun at times that a wrong clock may have told."""
    count = draw(st.integers(0, 12))
    made = []
    for number in range(count):
        database = draw(st.sampled_from(["one", "two"]))
        contents = dataclasses.replace(make_manifest().contents, database=database)
        started = draw(st.none() | _AGES)
        made.append(
            _made(number * draw(st.integers(1, 900)) * 13 + number, state=draw(_STATES), started=started, contents=contents)
        )
    return sorted({backup.name: backup for backup in made}.values(), key=lambda backup: backup.name)


def _groups(backups: list[Backup]) -> list[list[Backup]]:
    """Return the backups of each database, the newest first."""
    names = {backup.database for backup in backups}
    return [[backup for backup in reversed(backups) if backup.database == name] for name in sorted(names)]


@hypothesis_settings(max_examples=80, deadline=None)
@given(_stores(), _RULES)
def test_what_retention_promises_holds_whatever_was_made_when(backups: list[Backup], rules: Rules) -> None:
    decisions = decide(backups, rules)
    kept = {decision.backup.name for decision in decisions if decision.keep}

    assert [decision.backup for decision in decisions] == list(reversed(backups))
    for group in _groups(backups):
        complete = [backup for backup in group if backup.complete]
        verified = [backup for backup in complete if backup.verified]
        newer = complete[: complete.index(verified[0])] if verified else complete
        assert {backup.name for backup in verified[:1]} <= kept
        assert {backup.name for backup in newer} <= kept
        assert {backup.name for backup in complete[: rules.last or None]} <= kept


@hypothesis_settings(max_examples=80, deadline=None)
@given(_stores(), _RULES)
def test_what_stays_stays_when_it_is_asked_again(backups: list[Backup], rules: Rules) -> None:
    left = [decision.backup for decision in decide(backups, rules) if decision.keep]

    assert all(decision.keep for decision in decide(left, rules))


@hypothesis_settings(max_examples=80, deadline=None)
@given(_stores(), _RULES)
def test_every_decision_has_its_reason(backups: list[Backup], rules: Rules) -> None:
    assert all(decision.reasons for decision in decide(backups, rules))


@hypothesis_settings(max_examples=80, deadline=None)
@given(_stores(), _RULES, st.data())
def test_keeping_more_never_lets_go_of_what_fewer_kept(backups: list[Backup], rules: Rules, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["daily", "weekly", "monthly"]))
    more = dataclasses.replace(rules, **{name: getattr(rules, name) + 1})

    assert set(_kept(decide(backups, rules))) <= set(_kept(decide(backups, more)))
