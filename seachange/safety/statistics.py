"""How large the real tables are, as far as the server has counted: what makes a finding grave or harmless."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

__all__ = ["Statistics", "TableStatistics"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableStatistics:
    """One table: estimated rows, None when it was never counted, and its size in bytes with indexes and TOAST."""

    rows: int | None
    bytes: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statistics:
    """All tables of a database by name with schema, quoted where needed; ``source`` says where it was read.

    ``complete``: a table that is not named does not exist there.
    """

    tables: Mapping[str, TableStatistics]
    source: str = ""
    complete: bool = False
