"""The server on which a change will run: its version, settings and sessions, as far as they decide whether that goes well."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

__all__ = ["Environment"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """What was read of the real server.

    ``version`` is server_version_num, ``settings`` are those of a session as the runner opens it.
    """

    version: int
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
