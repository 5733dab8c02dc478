"""Revisions whose text is fixed but for a few places, which the project's own template has no room for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from seachange.revisions._formatting import format_string
from seachange.revisions._naming import Identity

__all__ = ["fixed_text"]

_PLACE = re.compile(r"<<(\w+)>>")


def fixed_text(name: str, identity: Identity, values: Mapping[str, str]) -> str:
    """Return the text of the file ``name`` beside this module with its places filled.

    :param name: the file.
    :param identity: id, parent, date and title of the revision.
    :param values: what stands in the other places.
    """
    filled = {
        "title": identity.title,
        "revision_id": identity.revision,
        "revises": identity.down_revision or "",
        "created": str(identity.created),
        "revision": format_string(identity.revision),
        "down_revision": format_string(identity.down_revision) if identity.down_revision else "None",
        **values,
    }
    text = _PLACE.sub(lambda found: filled[found[1]], Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
