"""sqlmodel_models.py: models of SQLModel."""

from __future__ import annotations

from seachange.sync.target import Target
from seachange.sync.targets.models._emitting import OPTIONS, emit

__all__ = ["TARGET"]

TARGET = Target(
    name="sqlmodel",
    summary="models of SQLModel",
    path="sqlmodel_models.py",
    emit=emit,
    options={name: text for name, text in OPTIONS.items() if name != "base_class"},
)
