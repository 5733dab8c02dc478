"""Seed data: the project's own function, in one transaction."""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seachange.config import Settings
from seachange.errors import ConfigError, ExitCode, RefusedError, SeachangeError
from seachange.plan import StepResult
from seachange.postgres import interrupt
from seachange.postgres.redaction import redact
from seachange.workflow.run import Run
from seachange.workflow.steps._check import require_writable

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["load_function", "seed"]


def load_function(settings: Settings, *, key: str) -> Callable[..., object]:
    """Import the function that setting ``key`` names as ``module:attribute``.

    :raises ConfigError: the setting is empty, the module does not import, or it has no such attribute.
    """
    text = getattr(settings, key)
    module_name, _, attribute = text.partition(":")
    hint = f'set {key} = "module:attribute" in [tool.seachange]'
    if not module_name or not attribute:
        raise ConfigError(f"{key} is {text!r}, which names no function", hint=hint)
    if str(settings.root) not in sys.path:
        sys.path.insert(0, str(settings.root))
    try:
        found = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"{key}: {text} cannot be imported: {exc}", hint=hint) from exc
    if not callable(found):
        raise ConfigError(f"{key}: {text} is not callable", hint=hint)
    function: Callable[..., object] = found
    return function


def seed(run: Run) -> StepResult:
    """Load seed data at option ``scale`` (about 1,000 rows a unit in the reference application).

    :raises RefusedError: in production without option ``yes``.
    :raises SeachangeError: the function failed; its transaction was rolled back.
    """
    from seachange.postgres.connection import engine

    scale = int(run.options.get("scale", 1))
    if run.settings.app_env == "production" and not run.options.get("yes"):
        raise RefusedError("APP_ENV is production, and seed data was not confirmed", hint="pass --yes if that is meant")
    function = load_function(run.settings, key="seeds")
    if run.dry_run:
        return StepResult(status="skipped", summary=f"would load seed data at scale {scale} by {run.settings.seeds}")
    require_writable(run)
    run.progress(f"loading scale {scale}")
    opened = engine(run.database)
    try:
        with _failure_told(run.settings), opened.begin() as connection:
            rows = _counts(function, connection, scale=scale)
    finally:
        opened.dispose()
    facts = tuple(f"{table}: {count:,} rows" for table, count in rows.items())
    return StepResult(
        summary=f"{sum(rows.values()):,} rows at scale {scale}", facts=facts, data={"rows": dict(rows), "scale": scale}
    )


@contextlib.contextmanager
def _failure_told(settings: Settings) -> Iterator[None]:
    try:
        yield
    except SeachangeError:
        raise
    except Exception as exc:
        interrupt.check()
        own = [frame for frame in traceback.extract_tb(exc.__traceback__) if Path(frame.filename).is_relative_to(settings.root)]
        place = f" at {Path(own[-1].filename).relative_to(settings.root)}:{own[-1].lineno}" if own else ""
        said = "".join(redact(str(exc)).splitlines()[:1]) or type(exc).__name__
        raise SeachangeError(
            f"{settings.seeds} failed{place}, and none of its rows was kept: {said}",
            hint="mend the function, or the rows that it needs",
            exit_code=ExitCode.FAILED_UNCHANGED,
        ) from exc


def _counts(function: Callable[..., object], connection: sa.Connection, *, scale: int) -> Mapping[str, int]:
    made = function(connection, scale)
    return {str(table): int(count) for table, count in made.items()} if isinstance(made, Mapping) else {}
