"""sqlalchemy_models.py: models of SQLAlchemy, declarative."""

from __future__ import annotations

from seachange.sync.target import Target
from seachange.sync.targets.models._emitting import OPTIONS, emit

__all__ = ["TARGET"]

TARGET = Target(
    name="models", summary="models of SQLAlchemy, declarative", path="sqlalchemy_models.py", emit=emit, options=OPTIONS
)
