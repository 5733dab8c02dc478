"""Pending revisions run on a copy of the real data, with readers and writers beside them, before they are applied."""

from __future__ import annotations

from seachange.workflow._rehearsal.store import find_rehearsal, read_rehearsal, write_rehearsal
from seachange.workflow._rehearsal.values import Rehearsal, RevisionRehearsal, Stall

__all__ = ["Rehearsal", "RevisionRehearsal", "Stall", "find_rehearsal", "read_rehearsal", "write_rehearsal"]
