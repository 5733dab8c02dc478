"""Take a PostgreSQL schema change from an edited model to live, proven and reversible."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seachange.config import Settings, find_root
    from seachange.errors import SeachangeError, irreversible
    from seachange.plan import Finding, RunReport, StepResult
    from seachange.workflow.pipeline import Step, pipeline
    from seachange.workflow.run import Run

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "Run",
    "RunReport",
    "SeachangeError",
    "Settings",
    "Step",
    "StepResult",
    "__version__",
    "find_root",
    "irreversible",
    "pipeline",
]

_HOME = {
    "Finding": "seachange.plan",
    "Run": "seachange.workflow",
    "RunReport": "seachange.plan",
    "SeachangeError": "seachange.errors",
    "Settings": "seachange.config",
    "Step": "seachange.workflow",
    "StepResult": "seachange.plan",
    "find_root": "seachange.config",
    "irreversible": "seachange.errors",
    "pipeline": "seachange.workflow",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
