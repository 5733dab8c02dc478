"""What a failed run left behind, kept below ``.seachange/`` until it is settled."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
from typing import Any

from seachange.config import Settings
from seachange.plan import jsonable

__all__ = ["Left", "forget_left", "keep_left", "left_backups", "read_left"]

_SCHEMA = "seachange.left/1"
_FILE = "left.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Left:
    """A run that moved a database and failed.

    ``before`` and ``fingerprint`` say where the database stood, ``after`` where it stands; ``applied`` what the run did, oldest
    first, ``failed`` the revision or the step that did not go well, nothing as long as the run goes on. ``plan_hash`` names the
    plan that it carried out, ``backup`` what it made before. ``half``: part of the failed revision is in the database.
    """

    run_id: str
    database: str
    before: tuple[str, ...]
    fingerprint: str
    after: tuple[str, ...]
    applied: tuple[str, ...]
    failed: str
    half: bool = False
    plan_hash: str = ""
    backup: str = ""
    at: str = dataclasses.field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"))


def keep_left(settings: Settings, left: Left) -> None:
    """Keep what a run left; a folder that cannot be written keeps nothing."""
    with contextlib.suppress(OSError):
        path = settings.make_state_dir() / _FILE
        partial = path.with_suffix(f".{left.run_id}")
        partial.write_text(json.dumps({"schema": _SCHEMA, **jsonable(left)}, indent=2) + "\n", encoding="utf-8")
        partial.replace(path)


def read_left(settings: Settings, database: str) -> Left | None:
    """Return what the last failed run left in ``database``; None when there was none, or it is settled.

    :param settings: the project's settings.
    :param database: the database's URL without its password.
    """
    try:
        document: Any = json.loads((settings.state_dir / _FILE).read_text(encoding="utf-8"))
        if document["schema"] != _SCHEMA or document["database"] != database:
            return None
        names = {field.name for field in dataclasses.fields(Left)}
        lists = {name: tuple(map(str, document[name])) for name in ("before", "after", "applied")}
        return Left(**{name: value for name, value in document.items() if name in names} | lists)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_left(settings: Settings, database: str) -> None:
    """Forget what was kept of ``database``: it is settled, or somebody went on from there."""
    if read_left(settings, database) is not None:
        with contextlib.suppress(OSError):
            (settings.state_dir / _FILE).unlink(missing_ok=True)


def left_backups(settings: Settings) -> frozenset[str]:
    """Return the names of the backups that a failed run made and that may still be the way back, of whatever database.

    :param settings: the project's settings.
    """
    try:
        document: Any = json.loads((settings.state_dir / _FILE).read_text(encoding="utf-8"))
        return frozenset(name for name in [str(document["backup"])] if name) if document["schema"] == _SCHEMA else frozenset()
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
