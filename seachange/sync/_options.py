"""Options of targets, checked."""

from __future__ import annotations

from collections.abc import Sequence

from seachange.errors import ConfigError
from seachange.sync.target import Request

__all__ = ["chosen", "flag"]


def chosen(request: Request, option: str, allowed: Sequence[str]) -> str:
    """Return the value of an option that is one of a few words; the first of them by default.

    :param request: what the target was asked.
    :param option: name of the option.
    :param allowed: the words.
    :raises ConfigError: it is set to something else.
    """
    value = request.options.get(option, allowed[0])
    if value not in allowed:
        known = ", ".join(f'"{one}"' for one in allowed)
        raise ConfigError(f"sync_options.{request.target}: {option} cannot be {value!r}", hint=f"it is one of {known}")
    return str(value)


def flag(request: Request, option: str, *, default: bool) -> bool:
    """Return the value of an option that is true or false.

    :param request: what the target was asked.
    :param option: name of the option.
    :param default: when it is not set.
    :raises ConfigError: it is set to something else.
    """
    value = request.options.get(option, default)
    if not isinstance(value, bool):
        raise ConfigError(f"sync_options.{request.target}: {option} cannot be {value!r}", hint="it is true or false")
    return value
