"""What revisions would send, kept by their content, so that a revision that is unchanged need not be run again to know it."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.config import Settings
from seachange.plan import Statement
from seachange.revisions._cache import Cache

if TYPE_CHECKING:
    from seachange.revisions.history import History, Revision

__all__ = ["OfflineCapture", "Unknown", "read_captures"]

_FIELDS = ("sql", "file", "line", "transaction", "count")
_LIBRARIES = ("alembic", "sqlalchemy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unknown:
    """Where a revision does what no text tells, and why: from this line on nothing is known of it.

    ``failed``: something failed there, and may not fail elsewhere or tomorrow.
    """

    line: int
    reason: str
    failed: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfflineCapture:
    """What a revision would send, up to where only a database knows how it goes on."""

    statements: tuple[Statement, ...] = ()
    unknown: Unknown | None = None


def read_captures(settings: Settings, history: History, revisions: Iterable[Revision]) -> Mapping[str, OfflineCapture]:
    """Return what the ``upgrade`` of each revision would send, by id, in order; run are only those that are new or changed.

    :param settings: the project's settings.
    :param history: all revisions.
    :param revisions: in order.
    """
    todo = tuple(revisions)
    cache, suffix = Cache(settings, name="offline.json"), _surroundings(settings, history)
    keys = {each.revision: f"{each.content_hash} {history.relative(each.path)} {suffix}" for each in todo}
    known = {name: found for name, key in keys.items() if (found := _decoded(cache.row(key))) is not None}
    missing = [each for each in todo if each.revision not in known]
    if missing:
        from seachange.revisions.offline import capture_offline

        made = capture_offline(settings, missing)
        for name, capture in made.items():
            if capture.unknown is None or not capture.unknown.failed:
                cache.keep_row(keys[name], _encoded(capture))
        cache.save()
        known |= made
    return {each.revision: known[each.revision] for each in todo}


def _surroundings(settings: Settings, history: History) -> str:
    """Return the hash of what decides, besides its content, what a revision sends: env.py, settings, libraries."""
    parts = [history.environment_hash, settings.env_context, *settings.databases]
    for name in _LIBRARIES:
        spec = importlib.util.find_spec(name)
        parts.append(f"{spec.origin} {Path(spec.origin).stat().st_mtime_ns}" if spec and spec.origin else "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _encoded(capture: OfflineCapture) -> list[Any]:
    unknown = [capture.unknown.line, capture.unknown.reason] if capture.unknown else None
    return [[[getattr(each, name) for name in _FIELDS] for each in capture.statements], unknown]


def _decoded(row: Any) -> OfflineCapture | None:
    try:
        statements, unknown = row
        return OfflineCapture(
            statements=tuple(Statement(**dict(zip(_FIELDS, each, strict=True))) for each in statements),
            unknown=Unknown(line=unknown[0], reason=unknown[1]) if unknown else None,
        )
    except (LookupError, TypeError, ValueError):
        return None
