"""Which backups are no longer needed, why each of the others is, and the removal."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from seachange.backup.stores import open_store
from seachange.backup.verify import Backup
from seachange.config import Settings

__all__ = ["UNVERIFIED", "Decision", "Rules", "decide", "held", "prune_backups", "remove_superfluous"]

log = logging.getLogger(__name__)

UNVERIFIED = "not verified, and none newer is"
_NEWEST_VERIFIED = "the newest verified one"
_TIED = "its migration is not confirmed yet"

_Period = Callable[[datetime.datetime], tuple[int, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rules:
    """How many backups to keep of each database: the last ones, and the last one of so many days, weeks and months.

    ``last=0`` keeps all. Days end at midnight in UTC, weeks on Sundays.
    """

    last: int
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Return the rules of the settings."""
        return cls(
            last=settings.backup_keep_last,
            daily=settings.backup_keep_daily,
            weekly=settings.backup_keep_weekly,
            monthly=settings.backup_keep_monthly,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of one backup, and why."""

    backup: Backup
    keep: bool
    reasons: tuple[str, ...]

    @property
    def unverified_only(self) -> bool:
        """Whether it is kept for no other reason than that nobody verified it, nor a newer one."""
        return self.keep and self.reasons == (UNVERIFIED,)


def prune_backups(
    settings: Settings, *, keep: int | None = None, dry_run: bool = False, tied: Collection[str] = ()
) -> tuple[Backup, ...]:
    """Remove the backups that retention no longer keeps; call it only after a backup succeeded.

    :param settings: the rules, and where backups are.
    :param keep: how many of the last ones to keep, instead of ``backup_keep_last``; 0 keeps all.
    :param dry_run: remove nothing.
    :param tied: names of backups that stay because their migration is not confirmed.
    :returns: what was removed, or would be, oldest first; a backup that is being restored stays.
    :raises NotWritableError: a backup cannot be removed.
    """
    rules = Rules.of(settings) if keep is None else dataclasses.replace(Rules.of(settings), last=keep)
    decisions = decide(open_store(settings).list(), rules, tied=tied)
    if dry_run:
        return tuple(decision.backup for decision in reversed(decisions) if not decision.keep)
    return remove_superfluous(settings, decisions)


def remove_superfluous(settings: Settings, decisions: Sequence[Decision]) -> tuple[Backup, ...]:
    """Remove what was decided to go, the oldest first.

    :param settings: where backups are.
    :param decisions: of :func:`decide`.
    :returns: what was removed; a backup that somebody uses stays.
    :raises NotWritableError: a backup cannot be removed.
    """
    store = open_store(settings)
    removed = []
    for decision in reversed(decisions):
        if decision.keep:
            continue
        gone = store.remove(decision.backup)
        log.info("backup %s was %s", decision.backup.name, "removed by retention" if gone else "kept: it is in use")
        removed += [decision.backup] if gone else []
    return tuple(removed)


def decide(backups: Iterable[Backup], rules: Rules, *, tied: Collection[str] = ()) -> tuple[Decision, ...]:
    """Decide about every backup of a store; the answer has the newest first.

    Each database of each server has its own, those of a part of it and physical ones apart. Only complete ones count. The newest
    verified one always stays, and so does one of which nobody knows whether it can be restored while no newer one is verified.
    A damaged one goes when enough complete ones are newer. What has no readable manifest may not be ours, and stays.

    :param backups: all of a store.
    :param rules: how many to keep.
    :param tied: names of backups that stay because their migration is not confirmed.
    """
    groups: dict[tuple[object, ...], list[Backup]] = defaultdict(list)
    for backup in backups:
        groups[_group(backup)].append(backup)
    found = [decision for group in groups.values() for decision in _decided(group, rules, tied)]
    return tuple(sorted(found, key=lambda decision: _order(decision.backup), reverse=True))


def held(decisions: Iterable[Decision]) -> tuple[Backup, ...]:
    """Return the backups that would go if one that is newer were verified.

    :param decisions: of :func:`decide`.
    """
    return tuple(decision.backup for decision in decisions if decision.unverified_only)


def _group(backup: Backup) -> tuple[object, ...]:
    manifest = backup.manifest
    if manifest is None:
        return ()
    # What was selected is said in a note.
    what = () if manifest.scope == "database" else manifest.notes
    return manifest.database, manifest.server.system_identifier, manifest.scope, manifest.format == "physical", what


def _order(backup: Backup) -> tuple[float, str]:
    # The sequence and not the time: a clock that goes back does not make a backup an older one.
    return (backup.manifest.sequence if backup.manifest else backup.started.timestamp() * 1000), backup.name


def _decided(group: list[Backup], rules: Rules, tied: Collection[str]) -> Iterator[Decision]:
    newest_first = sorted(group, key=_order, reverse=True)
    reasons = _reasons([backup for backup in newest_first if backup.complete], rules)
    complete = 0
    for backup in newest_first:
        found = [*reasons.get(backup.name, ()), *([_TIED] if backup.name in tied else [])]
        if backup.manifest is None:
            found = ["its manifest cannot be read: whose it is, nobody knows"]
        elif backup.problems and (not rules.last or complete < rules.last):
            found.append("damaged, and not enough complete ones are newer")
        complete += backup.complete
        gone = "damaged, and enough complete ones are newer" if backup.problems else "beyond what the settings keep"
        yield Decision(backup=backup, keep=bool(found), reasons=tuple(found) or (gone,))


def _reasons(complete: list[Backup], rules: Rules) -> dict[str, list[str]]:
    """Return why complete backups of one group stay, by name."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for number, backup in enumerate(complete, start=1):
        if not rules.last:
            reasons[backup.name].append("backup_keep_last = 0 keeps all")
        elif number <= rules.last:
            reasons[backup.name].append(f"last {number} of {rules.last}")
    for word, count, period in (
        ("day", rules.daily, _day),
        ("week", rules.weekly, _week),
        ("month", rules.monthly, _month),
    ):
        for backup, number in _lasts(complete, count, period):
            reasons[backup.name].append(f"{word} {number} of {count}")
    for backup in complete:
        if backup.verified:
            reasons[backup.name].append(_NEWEST_VERIFIED)
            break
        reasons[backup.name].append(UNVERIFIED)
    return reasons


def _lasts(complete: list[Backup], count: int, period: _Period) -> list[tuple[Backup, int]]:
    """Return the last backup of each of the last ``count`` periods, with the number of the period.

    Periods are told by the time of the start and, once more, by the sequence, which is that time but never goes back. While the
    clock is right both say the same. When it was wrong, each keeps what the other would let go.
    """
    found: dict[str, tuple[Backup, int]] = {}
    for time_of in (_sequence_time, lambda backup: backup.started):
        seen: list[tuple[int, ...]] = []
        for backup in complete:
            which = period(time_of(backup).astimezone(datetime.UTC))
            if which not in seen and len(seen) < count:
                seen.append(which)
                found.setdefault(backup.name, (backup, len(seen)))
    return list(found.values())


def _sequence_time(backup: Backup) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(backup.manifest.sequence / 1000 if backup.manifest else 0, datetime.UTC)
    except (ValueError, OverflowError, OSError):
        return backup.started


def _day(when: datetime.datetime) -> tuple[int, ...]:
    return when.year, when.month, when.day


def _week(when: datetime.datetime) -> tuple[int, ...]:
    return when.isocalendar()[:2]


def _month(when: datetime.datetime) -> tuple[int, ...]:
    return when.year, when.month
