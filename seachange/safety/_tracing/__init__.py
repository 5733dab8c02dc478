"""How a traced statement is watched: snapshots of its session, messages of its server, and what follows from both."""

from __future__ import annotations

__all__: list[str] = []
