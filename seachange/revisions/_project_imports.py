"""Imports of the project's own code in revisions: what a revision does then changes when that code does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from seachange.revisions._code.fault import Fault
from seachange.revisions._content import Contents
from seachange.revisions._imports import Import

__all__ = ["ProjectImports"]


class ProjectImports:
    """Tells imports of models and of other code of the project from those of installed packages, each looked up once.

    :param contents: finds the files of modules.
    :param beside: folders whose modules belong to the revisions: the script location and all version locations.
    :param models: the setting of that name, ``module:attribute``.
    """

    def __init__(self, contents: Contents, *, beside: Iterable[Path], models: str) -> None:
        self._contents = contents
        self._beside = tuple(beside)
        self._models = models.partition(":")[0]
        self._local: dict[str, bool] = {}

    def faults(self, imports: Iterable[Import]) -> Iterator[Fault]:
        """Yield a fault for each line that imports code of the project.

        :param imports: those of one revision.
        """
        lines: set[int] = set()
        for each in imports:
            if each.typing or each.level or each.line in lines or not self._is_local(each.name):
                continue
            lines.add(each.line)
            yield self._fault(each)

    def _is_local(self, name: str) -> bool:
        if name not in self._local:
            files = self._contents.files(name)
            self._local[name] = bool(files) and not any(files[-1].is_relative_to(folder) for folder in self._beside)
        return self._local[name]

    def _fault(self, each: Import) -> Fault:
        if self._models and f"{each.name}.".startswith(f"{self._models}."):
            message = f"{each.name} is one of the live models: the revision changes, or fails to import, when they do"
            hint = "describe the tables that it needs in the revision itself: sa.table(), sa.column()"
            return Fault(code="imports-models", message=message, hint=hint, line=each.line, severity="warning")
        message = f"{each.name} is code of the project: the revision changes, or fails to import, when it does"
        hint = "copy what the revision needs into it, or keep it in a module beside the revisions that nobody changes"
        return Fault(code="imports-project-code", message=message, hint=hint, line=each.line, severity="warning")
