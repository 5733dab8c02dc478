"""The runs that a database remembers, as people read them."""

from __future__ import annotations

from seachange.report.history import history_lines
from seachange.report.marks import Marks
from seachange.revisions.runs import Entry, RecordedRun

PLAIN = Marks(pictures=False, colour=False)


def entry(revision: str, outcome: str, *, duration_s: float | None = 0.25, direction: str = "upgrade", error: str = "") -> Entry:
    state = "42P01" if error else None
    return Entry(
        revision=revision, direction=direction, outcome=outcome, duration_s=duration_s, sqlstate=state, error=error or None
    )


def recorded_run(*entries: Entry, **changed: object) -> RecordedRun:
    values: dict[str, object] = {
        "run_id": "run1",
        "command": "migration.apply",
        "outcome": entries[-1].outcome,
        "started": "2026-11-22T00:40:12+00:00",
        "ended": "2026-11-22T00:40:13+00:00",
        "duration_s": 0.5,
        "actor": "ann@host",
        "database_user": "app",
        "tool_version": "1.2.3",
        "git_commit": None,
        "git_dirty": None,
        "version_table": "alembic_version",
        "entries": entries,
    }
    return RecordedRun(**(values | changed))  # type: ignore[arg-type]


def test_a_run_says_who_did_what_and_how_it_ended() -> None:
    run = recorded_run(
        entry("a1", "applied"),
        entry("a2", "failed", error='relation "x" does not exist'),
        git_commit="0123456789abcdef",
        git_dirty=True,
    )

    assert history_lines((run,), titles={"a1": "Create accounts"}, marks=PLAIN) == [
        "2026-11-22 00:40:12 UTC  migration.apply: 1 applied, 1 failed in 0.50 s",
        "  run run1 by ann@host as app, seachange 1.2.3, commit 0123456789ab with changes",
        "ok: applied a1 Create accounts in 0.25 s",
        "error: failed a2 in 0.25 s",
        '    relation "x" does not exist',
    ]


def test_what_was_allowed_stands_under_the_run() -> None:
    run = recorded_run(entry("a1", "applied"), allowed="SC301: at night")

    assert history_lines((run,), titles={}, marks=PLAIN)[2] == "  allowed SC301: at night"


def test_many_revisions_that_nothing_was_run_for_are_one_line() -> None:
    adopted = [entry(f"{number:04}", "adopted", duration_s=None) for number in range(1, 401)]
    other = recorded_run(entry("0401", "reverted", direction="downgrade"), version_table="billing.alembic_version")

    lines = history_lines((other, recorded_run(*adopted, entry("0401", "applied"))), titles={}, marks=PLAIN)

    assert lines == [
        "2026-11-22 00:40:12 UTC  migration.apply: 1 reverted in 0.50 s",
        "  run run1 by ann@host as app, seachange 1.2.3, billing.alembic_version",
        "ok: reverted 0401 in 0.25 s",
        "",
        "2026-11-22 00:40:12 UTC  migration.apply: 400 adopted, 1 applied in 0.50 s",
        "  run run1 by ann@host as app, seachange 1.2.3",
        "  adopted 0001 ... 0400 (400 revisions)",
        "ok: applied 0401 in 0.25 s",
    ]


def test_no_run_is_said_in_words() -> None:
    assert history_lines((), titles={}, marks=PLAIN) == [
        "nothing is recorded: no run of Seachange has changed this database, or none since its history was turned on"
    ]
