"""Rewriting one revision into its online form, from text to text: one module for each kind of fix."""

from __future__ import annotations

__all__: list[str] = []
