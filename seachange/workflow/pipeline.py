"""Steps, the pipelines they make, and which of them a command selects."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from seachange.errors import ConfigError

if TYPE_CHECKING:
    from seachange.plan import StepResult
    from seachange.workflow.run import Run

__all__ = ["Pipeline", "Step", "StepFunction", "pipeline"]

StepFunction: TypeAlias = "Callable[[Run], StepResult | None]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a pipeline.

    ``needs`` names the steps that must have ended before this one starts, as far as the pipeline has them; steps whose
    needs are met run side by side. ``needs=None`` makes a barrier: everything written before it ends first, and everything
    written after it waits for it.
    """

    name: str
    run: StepFunction
    needs: tuple[str, ...] | None = None
    title: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Steps in the order in which they were written."""

    name: str
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the steps, in order."""
        return tuple(step.name for step in self.steps)

    def needs(self, step: Step) -> frozenset[str]:
        """Return the steps that must have ended before ``step`` starts."""
        before = self.steps[: self.steps.index(step)]
        if step.needs is None:
            return frozenset(earlier.name for earlier in before)
        barriers = {earlier.name for earlier in before if earlier.needs is None}
        return (frozenset(step.needs) & frozenset(self.names)) | barriers

    def select(self, *, skip: Sequence[str] = (), only: Sequence[str] = (), until: str = "") -> Pipeline:
        """Return the pipeline with fewer steps.

        :param skip: steps to leave out.
        :param only: steps to keep; empty keeps all.
        :param until: the last step to keep.
        :raises ConfigError: a name is not one of the pipeline's steps.
        """
        for name in (*skip, *only, *([until] if until else [])):
            self._require(name)
        kept = self.steps[: self.names.index(until) + 1] if until else self.steps
        kept = tuple(step for step in kept if step.name not in skip and (not only or step.name in only))
        return dataclasses.replace(self, steps=kept)

    def _require(self, name: str) -> None:
        if name not in self.names:
            close = difflib.get_close_matches(name, self.names, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(f"{self.name} has no step {name!r}", hint=f"{hint}its steps are {', '.join(self.names)}")


def pipeline(*steps: Step | StepFunction, name: str = "pipeline") -> Pipeline:
    """Make a pipeline of Seachange's steps and a team's own.

    :param steps: steps, or plain functions ``(Run) -> StepResult | None``, which become barriers named after the function.
    :param name: what reports call the pipeline.
    :raises ConfigError: two steps have one name, or a step needs one that is written after it.
    """
    made = tuple(step if isinstance(step, Step) else _barrier(step) for step in steps)
    seen: list[str] = []
    for step in made:
        if step.name in seen:
            raise ConfigError(f"{name} has two steps named {step.name!r}", hint="give one of them another name")
        late = [need for need in step.needs or () if need not in seen and need in {other.name for other in made}]
        if late:
            raise ConfigError(f"{name}: step {step.name!r} needs {late[0]!r}, which is written after it", hint="change the order")
        seen.append(step.name)
    return Pipeline(name=name, steps=made)


def _barrier(function: StepFunction) -> Step:
    doc = (function.__doc__ or "").strip().splitlines()
    name = getattr(function, "__name__", type(function).__name__)
    return Step(name=name.replace("_", "-"), run=function, title=doc[0] if doc else "")
