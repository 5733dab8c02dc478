"""Names of files for names of the database: the same on every file system, and not changed by what else there is."""

from __future__ import annotations

import hashlib
import re

__all__ = ["page_name"]

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_-]{0,79}")
# One that could be a made-up name, the page of a folder, or a device of Windows.
_TAKEN = re.compile(r".*-[0-9a-f]{8}|index|readme|con|prn|aux|nul|(com|lpt)[0-9]")
_LONGEST = 60


def page_name(name: str) -> str:
    """Return the name of the file, without an ending, for a table or schema.

    A name in lower case stays as it is. Others are simplified and get a part of their digest, so that ``order`` and ``Order``
    are two files where upper case does not count.

    :param name: any name.
    """
    if _PLAIN.fullmatch(name) and not _TAKEN.fullmatch(name):
        return name
    simple = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST].strip("-")
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:8]
    return f"{simple or 'name'}-{digest}"
