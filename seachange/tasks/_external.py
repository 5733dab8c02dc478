"""What a list of backups says of those that another tool makes."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from seachange.errors import SeachangeError

if TYPE_CHECKING:
    from seachange.config import Settings

__all__ = ["external_answer"]


def external_answer(settings: Settings) -> tuple[list[str], dict[str, Any]]:
    """Return lines and JSON values about the backups that ``backup_external`` lists; nothing where it is not set.

    A command that fails is said and hides none of our own backups.
    """
    from seachange.backup import list_external
    from seachange.report.external import external_lines

    if not settings.backup_external:
        return [], {}
    try:
        found = list_external(settings)
    except SeachangeError as exc:
        return ["", f"backup_external: {exc.message}"], {"external": [], "external_problem": exc.message}
    lines = external_lines(found, now=datetime.datetime.now(datetime.UTC))
    return ["", *lines], {"external": [one.to_dict() for one in found]}
