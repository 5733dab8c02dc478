"""Parameters of a task that may be given without their flag, directly after its name, or be left out."""

from __future__ import annotations

import sys
from typing import Any

from invoke.parser.argument import Argument
from invoke.tasks import Task

__all__ = ["OptionalPlaceTask"]


class OptionalPlaceTask(Task[Any]):
    """A task whose ``places`` may be given so: Invoke itself knows only parameters by place that are required."""

    places: tuple[str, ...] = ()

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:  # noqa: FBT001  # Invoke's own
        """Return the arguments; those of ``places`` are by place if the command line goes on with a value."""
        arguments = super().get_arguments(ignore_unknown_help)
        given = self._given(sys.argv[1:])
        for argument in arguments:
            if given and argument.name in self.places:
                # Invoke fills what stands without a flag into arguments that have no value yet.
                argument.positional, argument.default = True, None
        return arguments

    def _given(self, words: list[str]) -> bool:
        names = {self.name.replace("_", "-"), *self.aliases}
        after = [words[at + 1] for at, word in enumerate(words[:-1]) if word.rpartition(".")[2] in names]
        return bool(self.places and after and not after[0].startswith("-"))
