"""New ids and file names for revisions that move to the end of a history: by timestamp, by number, or none."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

from seachange.revisions._headers import stamp_of

__all__ = ["moment_of", "next_id", "restamp"]

_EPOCH_MS = re.compile(r"[12]\d{12}(?![0-9A-Za-z])")
_EPOCH_S = re.compile(r"1\d{9}(?![0-9A-Za-z])")
_DATE = re.compile(
    r"(20\d\d)([-_]?)([01]\d)([-_]?)([0-3]\d)([-_T]?)([0-2]\d)([-_h]?)([0-5]\d)(?:([-_m]?)([0-5]\d))?(?![0-9A-Za-z])"
)
_NUMBER = re.compile(r"\d{2,6}")


def restamp(text: str, moment: datetime.datetime, *, after: int) -> str | None:
    """Return ``text`` with the timestamp at its beginning moved to ``moment``, or just after ``after`` if that is later.

    :param text: an id or a file name.
    :param moment: now, with the clock that the project's dates are written by.
    :param after: a timestamp in milliseconds that has to be earlier.
    :returns: the new text in the old form, or None when it begins with no timestamp.
    """
    if stamp_of(text) is None:
        return None
    now_ms = int(moment.timestamp() * 1000)
    if found := _EPOCH_MS.match(text):
        return f"{max(now_ms, after + 1)}{text[found.end() :]}"
    if found := _EPOCH_S.match(text):
        return f"{max(now_ms, after + 1000) // 1000}{text[found.end() :]}"
    found = _DATE.match(text)
    if found is None:
        return None
    step = datetime.timedelta(seconds=1 if found[11] else 60)
    # The clock's own digits, whatever its zone: that is how such names are written and read.
    digits = max(moment.replace(tzinfo=datetime.UTC), datetime.datetime.fromtimestamp(after / 1000, datetime.UTC) + step)
    year, month, day, hour, minute, second = digits.strftime("%Y %m %d %H %M %S").split()
    parts = [year, found[2], month, found[4], day, found[6], hour, found[8], minute]
    parts += [found[10], second] if found[11] else []
    return "".join(parts) + text[found.end() :]


def moment_of(text: str, *, clock: datetime.datetime) -> datetime.datetime | None:
    """Return the time that ``text`` begins with, in the zone of ``clock``; None when it begins with no timestamp."""
    stamp = stamp_of(text)
    if stamp is None:
        return None
    if _EPOCH_MS.match(text) or _EPOCH_S.match(text):
        return datetime.datetime.fromtimestamp(stamp / 1000, clock.tzinfo)
    return datetime.datetime.fromtimestamp(stamp / 1000, datetime.UTC).replace(tzinfo=clock.tzinfo)


def next_id(revision: str, moment: datetime.datetime, *, after: int, taken: Iterable[str]) -> str:
    """Return the id of ``revision`` at its new place: a new timestamp, the next number, or the same where ids say no order.

    :param revision: the id so far.
    :param moment: now.
    :param after: the timestamp of the revision before it, in milliseconds.
    :param taken: the ids of the revisions that stay, and of those that were moved before.
    """
    ids = list(taken)
    if (stamped := restamp(revision, moment, after=after)) is not None:
        while stamped in ids:
            stamped = restamp(stamped, moment, after=stamp_of(stamped) or 0) or stamped
        return stamped
    if all(_NUMBER.fullmatch(name) and len(name) == len(revision) for name in (*ids, revision)) and ids:
        return str(max(int(name) for name in ids) + 1).zfill(len(revision))
    return revision
