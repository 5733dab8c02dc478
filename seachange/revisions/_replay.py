"""A revision that is run again after part of it was committed: what it sends is held against what is recorded."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from seachange.errors import ExitCode, RefusedError
from seachange.revisions._statement_table import Recorded

__all__ = ["Replay"]


@dataclasses.dataclass(kw_only=True)
class _Group:
    """The same text several times in a row, as a loop sends it."""

    text_hash: str
    left: list[Recorded]
    single: bool
    entered: bool = False


class Replay:
    """Tells which statements of a revision are done already.

    Position and text decide. Of a loop, which sends one text again and again, each in a transaction of its own, the values
    decide as well: it goes by rows that have changed meanwhile, and may send other ones than the first time.

    :param recorded: what was committed the last time, in order.
    """

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        grouped = itertools.groupby(recorded, key=lambda one: one.text_hash)
        self._groups = [_group(text_hash, list(found)) for text_hash, found in grouped]
        self._at = 0

    def find(self, sql: str, *, text_hash: str, values_hash: str) -> Recorded | None:
        """Return the record of the statement that is about to be sent, None for one that is not recorded.

        :param sql: the statement, for people.
        :param text_hash: the hash of its text.
        :param values_hash: that of its parameters.
        :raises RefusedError: it is another one than the one that is recorded at its place.
        """
        while self._at < len(self._groups):
            group = self._groups[self._at]
            if group.text_hash == text_hash:
                group.entered = True
                return _take(group, values_hash, sql=sql)
            # Of what was only begun nothing is there but what the next try finds: another text may stand in its place.
            if not group.entered and any(one.state == "done" for one in group.left):
                raise _changed(sql, group.left[0])
            self._at += 1
        return None


def _group(text_hash: str, found: list[Recorded]) -> _Group:
    return _Group(text_hash=text_hash, left=found, single=len(found) == 1)


def _take(group: _Group, values_hash: str, *, sql: str) -> Recorded | None:
    same = (one for one in group.left if one.values_hash == values_hash)
    # What was committed together was not steered by what it had committed before: a clock may have moved, nothing else.
    found = next(same, None) or next((one for one in group.left if not one.alone), None)
    if found is None and group.single and group.left:
        raise _changed(f"{sql} with other values", group.left[0])
    if found is not None:
        group.left.remove(found)
    return found


def _changed(sql: str, recorded: Recorded) -> RefusedError:
    text = " ".join(sql.split())
    return RefusedError(
        f"part of it is in the database already, and its file was changed since: statement {recorded.number} was"
        f" {_shown(recorded.sql)}, and is now {_shown(text)}",
        hint="put the file back as it was, or take that part back first: invoke migration.rollback",
        exit_code=ExitCode.REFUSED,
    )


def _shown(sql: str) -> str:
    text = " ".join(sql.split())
    return repr(text if len(text) <= 100 else f"{text[:100]}...")
