"""Parts of :mod:`seachange.workflow.rollback`: what a failed run left, what is proven of its way back, the ways themselves."""

from __future__ import annotations

__all__: list[str] = []
