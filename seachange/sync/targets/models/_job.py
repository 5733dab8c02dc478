"""What the process that makes models is told, and what it answers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["Answer", "Job"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One target: ``tables`` by schema and name, ``header`` without comment signs, ``options`` as in the settings."""

    target: str
    tables: tuple[tuple[str, str], ...]
    header: tuple[str, ...]
    snapshot: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lock_timeout_ms: int = 0
    statement_timeout_ms: int = 0

    def to_json(self) -> bytes:
        """Return it as the process reads it."""
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Job:
        """Read what :meth:`to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        tables = tuple((schema, name) for schema, name in fields.pop("tables"))
        return cls(**fields | {"tables": tables, "header": tuple(fields["header"])})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """The text, or an ``error`` with its ``hint``."""

    text: str = ""
    error: str = ""
    hint: str = ""

    def to_json(self) -> str:
        """Return it as our side reads it."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: bytes) -> Answer:
        """Read what :meth:`to_json` wrote."""
        return cls(**json.loads(text))
