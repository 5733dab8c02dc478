"""Parts of :mod:`seachange.workflow.rehearsal`: values, the store, probes, measuring, sources, comparing."""

from __future__ import annotations

__all__: list[str] = []
