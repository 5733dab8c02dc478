"""pydantic_models.py: rows, inserts and updates as models of pydantic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seachange.errors import ConfigError
from seachange.sync.model import Schema
from seachange.sync.target import Artefact, Request, Target
from seachange.sync.targets.pydantic_models._head import Options
from seachange.sync.targets.pydantic_models._module import describe_models

__all__ = ["TARGET"]

_EXTRA = ("ignore", "forbid", "allow")


def _emit(schema: Schema, request: Request) -> Iterator[Artefact]:
    yield Artefact(text=describe_models(schema, options=_options(request.options)))


def _options(given: Mapping[str, Any]) -> Options:
    base, extra = given.get("base", "pydantic:BaseModel"), given.get("extra", "ignore")
    from_attributes = given.get("from_attributes", True)
    module, _, name = str(base).partition(":")
    if not (all(part.isidentifier() for part in module.split(".")) and name.isidentifier()):
        raise ConfigError(f"sync_options.pydantic: base cannot be {base!r}", hint='write it as "package.module:Class"')
    if extra not in _EXTRA:
        raise ConfigError(f"sync_options.pydantic: extra cannot be {extra!r}", hint=f"it is one of {', '.join(_EXTRA)}")
    if not isinstance(from_attributes, bool):
        raise ConfigError(f"sync_options.pydantic: from_attributes cannot be {from_attributes!r}", hint="it is true or false")
    return Options(base=(module, name), extra=extra, from_attributes=from_attributes)


TARGET = Target(
    name="pydantic",
    summary="row, insert and update models of pydantic",
    path="pydantic_models.py",
    emit=_emit,
    options={
        "base": 'class that the models are made from, "package.module:Class"; pydantic\'s BaseModel by default',
        "extra": "what rows do with columns they do not know: ignore (default), forbid or allow",
        "from_attributes": "whether rows validate objects by their attributes; true by default",
    },
    client=True,
)
