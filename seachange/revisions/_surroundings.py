"""What a project's env.py takes for granted: an event loop of its thread, an application context where it says so."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import threading
from collections.abc import Iterator
from typing import Any

from seachange.config import Settings
from seachange.errors import ConfigError
from seachange.postgres.redaction import redact

__all__ = ["surrounded"]

_HINT = 'set env_context = "package.module:application.app_context" in [tool.seachange]: what is called and entered around env.py'


@contextlib.contextmanager
def surrounded(settings: Settings) -> Iterator[None]:
    """Enter, for a block, the context manager that setting ``env_context`` names; modules can be imported already.

    :param settings: the project's settings.
    :raises ConfigError: it cannot be imported, called or entered.
    """
    with contextlib.ExitStack() as stack:
        if threading.current_thread() is not threading.main_thread():
            stack.enter_context(_event_loop())
        if settings.env_context:
            _enter(stack, settings.env_context)
        yield


@contextlib.contextmanager
def _event_loop() -> Iterator[None]:
    # For asyncio.get_event_loop(): only the main thread gets a loop by itself, and commands run env.py in others.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        yield
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _enter(stack: contextlib.ExitStack, name: str) -> None:
    module, _, attributes = name.partition(":")
    if not module or not attributes:
        raise ConfigError(f"env_context is {name!r}, not module:attribute", hint=_HINT)
    try:
        found: Any = functools.reduce(getattr, attributes.split("."), importlib.import_module(module))
        stack.enter_context(found() if callable(found) else found)
    except (Exception, SystemExit) as exc:
        reason = redact(f"{type(exc).__name__}: {exc}")
        raise ConfigError(f"env_context = {name!r} cannot be entered: {reason}", hint=_HINT) from exc
