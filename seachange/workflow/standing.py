"""Where a database stands, its versions and its catalogue, read before a run moves it and compared afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seachange.errors import InterruptedRunError, SeachangeError
from seachange.plan import Finding
from seachange.workflow.run import Run

if TYPE_CHECKING:
    from seachange.postgres.catalog import Catalog
__all__ = ["Standing", "read_standing"]

_MOST_SHOWN = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """The revisions that a run's databases say they are at, and what is in them.

    ``findings`` are how models and database differed and what was wrong with the rows already, where this run is going to look at
    that afterwards, ``not_compared`` why that is not known; ``halves`` how many statements of unfinished revisions are committed.
    """

    current: tuple[str, ...]
    units: Mapping[str, tuple[str, ...]]
    catalogs: Mapping[str, Catalog]
    findings: tuple[Finding, ...] = ()
    not_compared: str = ""
    halves: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def place(self) -> str:
        """The revisions for people."""
        return " and ".join(self.current) or "an empty history"

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the catalogue of the first database."""
        return next(iter(self.catalogs.values())).fingerprint

    def deviations(self, now: Standing) -> tuple[str, ...]:
        """Return in sentences how ``now`` differs from this; nothing when versions and catalogues are equal."""
        from seachange.postgres.catalog import diff

        found = [f"it is at {now.place}, and was at {self.place}"] if dict(self.units) != dict(now.units) else []
        for name, before in self.catalogs.items():
            after = now.catalogs.get(name)
            if after is not None and before.fingerprint != after.fingerprint:
                sentences = [difference.sentence for difference in diff(before, after)]
                more = len(sentences) - _MOST_SHOWN
                found += [*sentences[:_MOST_SHOWN], *([f"{more} more differences"] if more > 0 else [])]
        names = [name for name in {**self.halves, **now.halves} if self.halves.get(name, 0) != now.halves.get(name, 0)]
        counts = [f"{now.halves.get(name, 0)} statements of {name} are committed" for name in names]
        return (*found, *counts)


def read_standing(run: Run, *, verified: bool = False) -> Standing:
    """Return where the databases of a run stand now.

    :param run: the run.
    :param verified: compare the models and look at the rows as well, as the step verify will.
    :raises SeachangeError: a database cannot be asked.
    """
    from seachange.postgres.catalog import read_catalog
    from seachange.postgres.connection import connect
    from seachange.revisions.halves import read_halves
    from seachange.revisions.ledger import name_of
    from seachange.revisions.units import common, read_units

    findings, problem = _findings(run) if verified else ((), "")
    units = read_units(run.settings, run.database)
    names = tuple({"alembic_version", *(unit.table.name for unit in units)})
    catalogs: dict[str, Catalog] = {}
    for database in dict.fromkeys((run.database, *(unit.database for unit in units))):
        with contextlib.closing(connect(database)) as session:
            catalogs[database.name] = read_catalog(session, schemas=run.settings.schemas, exclude_tables=names)
    return Standing(
        current=common(run.history, units),
        units={f"{unit.database.name}.{name_of(unit.table)}": unit.current for unit in units},
        catalogs=catalogs,
        findings=findings,
        not_compared=problem,
        halves={half.revision: len(half.statements) for half in read_halves(units)},
    )


def _findings(run: Run) -> tuple[tuple[Finding, ...], str]:
    from seachange.workflow.steps._verify import integrity, model_differences

    try:
        return (*model_differences(run), *integrity(run)), ""
    except InterruptedRunError:
        raise
    except SeachangeError as exc:
        return (), exc.message
