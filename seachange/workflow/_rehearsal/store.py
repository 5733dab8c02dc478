"""Rehearsals that are kept: below ``.seachange/rehearsals/``, and in files that go from one machine to another."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import re
from pathlib import Path

from seachange.config import Settings
from seachange.errors import ConfigError, NotWritableError, PlanInvalidError, SeachangeError
from seachange.workflow._rehearsal.values import Rehearsal

__all__ = ["find_rehearsal", "keep_rehearsal", "kept_rehearsals", "read_rehearsal", "require_place", "write_rehearsal"]

_log = logging.getLogger(__name__)

# A team rehearses some plans a day, and each takes some kB.
_MOST_KEPT = 50


def kept_rehearsals(settings: Settings) -> tuple[Rehearsal, ...]:
    """Return the rehearsals that are kept below ``.seachange/``, the latest first; files that are none are passed over.

    :param settings: the project's settings.
    """
    found = []
    for path in _folder(settings).glob("*.json"):
        try:
            found.append(read_rehearsal(path))
        except SeachangeError as exc:
            _log.warning("%s", exc.message)
    return tuple(sorted(found, key=lambda each: datetime.datetime.fromisoformat(each.started), reverse=True))


def find_rehearsal(settings: Settings, plan_hash: str, max_age_s: float | None = None) -> Rehearsal | None:
    """Return the latest rehearsal of a plan, whatever came of it; None where there is none that is young enough.

    :param settings: the project's settings.
    :param plan_hash: :attr:`seachange.plan.Plan.hash`.
    :param max_age_s: how old it may be; None for any age.
    """
    now = datetime.datetime.now(datetime.UTC)
    for each in kept_rehearsals(settings):
        if each.plan_hash == plan_hash:
            return each if max_age_s is None or each.age_s(now) <= max_age_s else None
    return None


def keep_rehearsal(settings: Settings, rehearsal: Rehearsal) -> Path | None:
    """Keep a rehearsal below ``.seachange/``, and the latest fifty with it; a folder that cannot be written keeps nothing.

    :param settings: the project's settings.
    :param rehearsal: what is kept.
    :returns: the file, or None.
    """
    stamp = re.sub(r"[^0-9T]", "", rehearsal.started.partition("+")[0])
    path = _folder(settings) / f"{stamp}-{rehearsal.plan_hash[:12] or 'no-plan'}.json"
    try:
        settings.make_state_dir()
        path.parent.mkdir(exist_ok=True)
        write_rehearsal(rehearsal, path)
        for old in sorted(path.parent.glob("*.json"))[:-_MOST_KEPT]:
            old.unlink(missing_ok=True)
    except (OSError, NotWritableError) as exc:
        _log.warning("the rehearsal was not kept: %s", exc)
        return None
    return path


def require_place(path: Path) -> None:
    """Refuse a file that :func:`write_rehearsal` could not write, before anything is rehearsed.

    :param path: the file.
    :raises NotWritableError: its folder is none, or cannot be written to.
    """
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        reason = "it is a folder" if path.is_dir() else f"{folder} is no folder that can be written to"
        raise NotWritableError(f"the rehearsal cannot be written to {path}: {reason}", hint="name another file")


def write_rehearsal(rehearsal: Rehearsal, path: Path) -> None:
    """Write a rehearsal as JSON, for :func:`read_rehearsal`; the file is there whole or not at all.

    :param rehearsal: what is written.
    :param path: the file.
    :raises NotWritableError: the file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(rehearsal.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise NotWritableError(f"the rehearsal cannot be written to {path}: {exc.strerror}", hint="name another file") from exc


def read_rehearsal(path: Path) -> Rehearsal:
    """Read a rehearsal that was written before.

    :param path: the file.
    :raises ConfigError: the file cannot be read.
    :raises PlanInvalidError: it is no rehearsal, or one of another version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(
            f"{path} cannot be read: {exc.strerror}", hint="name a file of `invoke migration.rehearse --out`"
        ) from exc
    except ValueError as exc:
        raise PlanInvalidError(f"{path} is not a rehearsal: it is no JSON") from exc
    if not isinstance(document, dict):
        raise PlanInvalidError(f"{path} is not a rehearsal: it is no JSON object")
    try:
        return Rehearsal.from_dict(document)
    except PlanInvalidError as exc:
        raise PlanInvalidError(f"{path} is not a rehearsal that can be read: {exc.message}", hint=exc.hint) from exc


def _folder(settings: Settings) -> Path:
    return settings.state_dir / "rehearsals"
