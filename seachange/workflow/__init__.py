"""What needs two capabilities, and in which order."""

from __future__ import annotations

from seachange.workflow.execute import execute
from seachange.workflow.pipeline import Pipeline, Step, pipeline
from seachange.workflow.run import Run

__all__ = ["Pipeline", "Run", "Step", "execute", "pipeline"]
