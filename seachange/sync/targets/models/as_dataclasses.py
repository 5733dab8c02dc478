"""dataclass_models.py: models of SQLAlchemy that are dataclasses."""

from __future__ import annotations

from seachange.sync.target import Target
from seachange.sync.targets.models._emitting import OPTIONS, emit

__all__ = ["TARGET"]

TARGET = Target(
    name="dataclasses",
    summary="models of SQLAlchemy that are dataclasses",
    path="dataclass_models.py",
    emit=emit,
    options=OPTIONS,
)
