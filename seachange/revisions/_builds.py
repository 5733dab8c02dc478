"""Concurrent index builds: what a broken one left is dropped first, and one that ended is asked whether it is valid."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from seachange.errors import ExitCode, StatementFailedError
from seachange.postgres import interrupt
from seachange.postgres.statements import Build

__all__ = ["ConcurrentBuild"]

_LOOK_EVERY_S = 0.2

# Of a partitioned table an index is invalid until all partitions have theirs; that is nobody's wreckage.
_INVALID = """
select c.oid::bigint, c.relname::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
    (select min(p.pid) from pg_catalog.pg_stat_progress_create_index p where p.index_relid = c.oid)
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where not i.indisvalid and c.relkind = 'i' and i.indrelid = {}
order by 1
"""
_TABLE_OF = "(select indrelid from pg_catalog.pg_index where indexrelid = to_regclass({}))"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Invalid:
    oid: int
    name: str
    qualified: str
    builder: int | None

    @property
    def leftover(self) -> bool:
        """Whether REINDEX CONCURRENTLY names its copies so (documentation, REINDEX, Rebuilding Indexes Concurrently)."""
        return self.name.rstrip("0123456789").endswith(("_ccnew", "_ccold"))


class ConcurrentBuild:
    """One statement that builds or rebuilds indexes concurrently, outside of a transaction.

    :param build: what it builds.
    :param query: runs SQL on the session of the revision and returns its rows.
    :param say: told what is dropped and what was left behind.
    :param patience_s: how long to wait for a session that still builds an index of that name.
    """

    def __init__(self, build: Build, *, query: Callable[[str], list[Any]], say: Callable[[str], None], patience_s: float) -> None:
        self._build = build
        self._query = query
        self._say = say
        self._patience_s = patience_s
        self._found_before: frozenset[int] = frozenset()

    def prepare(self) -> None:
        """Drop an INVALID index of the same name on the same table, and say what a REINDEX has left there.

        :raises StatementFailedError: another session is building it.
        """
        for invalid in self._invalid():
            if self._is_namesake(invalid):
                self._await_builder(invalid)
            elif invalid.leftover:
                self._say(
                    f"{invalid.qualified} was left behind by a REINDEX CONCURRENTLY that broke off: "
                    f"DROP INDEX CONCURRENTLY {invalid.qualified}"
                )
        for invalid in self._invalid():
            if self._is_namesake(invalid):
                self._drop(invalid)
        self._found_before = frozenset(invalid.oid for invalid in self._invalid())

    def clean(self) -> None:
        """Drop what this statement has left behind when it broke off."""
        for invalid in self._invalid():
            if invalid.oid not in self._found_before:
                self._drop(invalid)

    def require_valid(self) -> None:
        """Make sure that the index is what the statement says it has built.

        :raises StatementFailedError: it is INVALID, which IF NOT EXISTS accepts.
        """
        for invalid in self._invalid():
            if self._is_namesake(invalid):
                raise StatementFailedError(f"index {invalid.qualified} is INVALID although its concurrent build ended")

    def _is_namesake(self, invalid: _Invalid) -> bool:
        quoted = invalid.name.replace('"', '""')
        return not self._build.again and self._build.index == f'"{quoted}"'

    def _invalid(self) -> list[_Invalid]:
        table = f"to_regclass({_literal(self._build.table)})"
        if not self._build.table:
            table = _TABLE_OF.format(_literal(self._build.index))
        names = [field.name for field in dataclasses.fields(_Invalid)]
        return [_Invalid(**dict(zip(names, row, strict=True))) for row in self._query(_INVALID.format(table))]

    def _await_builder(self, invalid: _Invalid) -> None:
        """Wait until nobody builds the index any more: the server ends the build of a killed client within a second or two."""
        deadline, said = time.monotonic() + self._patience_s, False
        while building := [each for each in self._invalid() if each.oid == invalid.oid and each.builder is not None]:
            builder = building[0].builder
            if time.monotonic() > deadline:
                raise StatementFailedError(
                    f"pid {builder} is building index {invalid.qualified}",
                    hint="try again when that has ended",
                    exit_code=ExitCode.TRY_AGAIN,
                )
            if not said:
                self._say(f"waiting for pid {builder}, which is building index {invalid.qualified}")
                said = True
            interrupt.sleep(_LOOK_EVERY_S)

    def _drop(self, invalid: _Invalid) -> None:
        self._say(f"dropping the INVALID index {invalid.qualified}, which a concurrent build that broke off left behind")
        self._query(f"drop index concurrently if exists {invalid.qualified}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
