"""A finding that knows its line, and not yet its file."""

from __future__ import annotations

import dataclasses

from seachange.plan import Severity

__all__ = ["Fault"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong in a file, whatever the file is called and wherever it is."""

    code: str
    message: str
    hint: str
    line: int
    severity: Severity = "error"
