"""The targets by name: those of Seachange, imported when they are used, and those that packages offer."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.metadata
from collections.abc import Mapping, Sequence

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.sync.target import Target

__all__ = ["ENTRY_POINTS", "find_targets", "target_names"]

#: The entry point group under which packages offer targets.
ENTRY_POINTS = "seachange.sync"

# Each module has its target as TARGET; one that is used by nobody costs no import.
_BUILT_IN = {
    "client": "seachange.sync.targets.client",
    "dataclasses": "seachange.sync.targets.models.as_dataclasses",
    "dbml": "seachange.sync.targets.dbml",
    "docs": "seachange.sync.targets.docs",
    "drizzle": "seachange.sync.targets.drizzle",
    "erd": "seachange.sync.targets.erd",
    "json": "seachange.sync.targets.json",
    "jsonschema": "seachange.sync.targets.json_schema",
    "models": "seachange.sync.targets.models.declarative",
    "prisma": "seachange.sync.targets.prisma",
    "pydantic": "seachange.sync.targets.pydantic_models",
    "queries": "seachange.sync.targets.queries",
    "sql": "seachange.sync.targets.sql",
    "sqlmodel": "seachange.sync.targets.models.as_sqlmodel",
    "typeorm": "seachange.sync.targets.typeorm",
    "typescript": "seachange.sync.targets.typescript",
}


def target_names() -> tuple[str, ...]:
    """Return the names of all targets at hand, sorted."""
    return tuple(sorted({*_BUILT_IN, *_offered()}))


def find_targets(names: Sequence[str], *, settings: Settings) -> tuple[Target, ...]:
    """Return the targets of these names, in the order of the names, each once.

    :param names: from the settings or the command line.
    :param settings: whose ``sync_paths`` and ``sync_options`` must be of targets that there are.
    :raises ConfigError: there is no such target, or it knows no such option.
    """
    for setting in ("sync_paths", "sync_options"):
        for name, _ in getattr(settings, setting):
            _known(name, f"{setting}: ")
    found = tuple(_load(_known(name, "")) for name in dict.fromkeys(names))
    options = dict(settings.sync_options)
    for target in found:
        for option, _ in options.get(target.name, ()):
            if option not in target.options:
                known = ", ".join(sorted(target.options)) or "none"
                raise ConfigError(f"sync_options: target {target.name} has no option {option!r}", hint=f"its options: {known}")
    return found


def _known(name: str, source: str) -> str:
    known = target_names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"the targets: {', '.join(known)}"
        raise ConfigError(f"{source}there is no target {name!r}", hint=hint)
    return name


@functools.cache
def _offered() -> Mapping[str, importlib.metadata.EntryPoint]:
    return {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def _load(name: str) -> Target:
    if name in _BUILT_IN:
        made: object = importlib.import_module(_BUILT_IN[name]).TARGET
    else:
        entry = _offered()[name]
        try:
            made = entry.load()
        except Exception as exc:
            raise ConfigError(
                f"target {name} of {entry.value} cannot be imported: {exc}", hint="mend the package, or take the target out"
            ) from exc
    if not isinstance(made, Target) or made.name != name:
        raise ConfigError(f"target {name}: {made!r} is no Target of that name", hint="docs/sync-targets.md shows one")
    return made
