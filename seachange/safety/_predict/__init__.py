"""What is known of statements without running them."""

from __future__ import annotations

__all__: list[str] = []
