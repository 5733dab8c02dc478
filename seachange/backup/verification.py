"""What a look at a backup found: kept beside its manifest, and bound to it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from seachange.backup.files import disk_error, open_to_read, sync_folder, write_new

__all__ = [
    "VERIFICATION_NAME",
    "VERIFICATION_SCHEMA",
    "Method",
    "Verification",
    "is_record",
    "parse_verification",
    "read_verification",
    "supersedes",
    "write_verification",
]

log = logging.getLogger(__name__)

VERIFICATION_NAME = "verification.json"
VERIFICATION_SCHEMA = "seachange.verification/1"

Method = Literal["restore", "fast"]

_LIMIT = 4 * 1024**2
_STALE_S = 3600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verification:
    """What one look at a backup found.

    ``ok`` is None when the look could not be finished, which says nothing about the backup; ``problems`` tell why not then, and
    otherwise what is wrong. ``proven`` names what was compared and is the same. ``manifest_sha256`` is the digest of the file
    of the manifest that it was compared with.
    """

    at: datetime.datetime
    method: Method
    ok: bool | None
    manifest_sha256: str
    duration_s: float = 0.0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    tables: int = 0
    rows: int = 0
    server_version: str = ""
    tool_version: str = ""

    @property
    def proves(self) -> bool:
        """Whether the backup was restored, and is what its manifest says."""
        return self.ok is True and self.method == "restore"

    def age_s(self, now: datetime.datetime) -> float:
        """Return how long ago it was; never negative, also when the clock went backwards."""
        return max(0.0, (now - self.at).total_seconds())

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "at": self.at.astimezone(datetime.UTC).isoformat(timespec="seconds"),
            "method": self.method,
            "ok": self.ok,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "proven": list(self.proven),
            "tables": self.tables,
            "rows": self.rows,
            "duration_s": round(self.duration_s, 3),
            "server_version": self.server_version,
            "tool_version": self.tool_version,
            "manifest_sha256": self.manifest_sha256,
        }

    def to_json(self) -> str:
        """Return the text of ``verification.json``."""
        document = {"schema": VERIFICATION_SCHEMA, **self.to_dict()}
        return json.dumps({**document, "sha256": _digest(document)}, indent=2, ensure_ascii=False) + "\n"


def parse_verification(text: bytes, *, manifest_sha256: str) -> Verification | None:
    """Read a record; None when it is damaged, of another manifest, or of a version that is not known.

    :param text: the contents of the file.
    :param manifest_sha256: the digest of the manifest that lies beside it.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("schema") != VERIFICATION_SCHEMA:
            return None
        if document.pop("sha256", None) != _digest(document) or document["manifest_sha256"] != manifest_sha256:
            return None
        return _read(document)
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        log.debug("a record of a verification cannot be read: %s", exc)
        return None


def _read(document: Mapping[str, Any]) -> Verification | None:
    if document["method"] not in ("restore", "fast") or document["ok"] not in (True, False, None):
        return None
    return Verification(
        at=datetime.datetime.fromisoformat(document["at"]),
        method=document["method"],
        ok=document["ok"],
        problems=tuple(map(str, document["problems"])),
        notes=tuple(map(str, document["notes"])),
        proven=tuple(map(str, document["proven"])),
        tables=int(document["tables"]),
        rows=int(document["rows"]),
        duration_s=float(document["duration_s"]),
        server_version=str(document["server_version"]),
        tool_version=str(document["tool_version"]),
        manifest_sha256=str(document["manifest_sha256"]),
    )


def read_verification(folder: Path, *, manifest_sha256: str) -> Verification | None:
    """Return what was recorded about the backup in a folder, if it is about this manifest.

    :param folder: the folder of the backup.
    :param manifest_sha256: the digest of its manifest.
    """
    try:
        with open_to_read(folder / VERIFICATION_NAME) as file:
            return parse_verification(file.read(_LIMIT), manifest_sha256=manifest_sha256)
    except FileNotFoundError:
        return None
    except OSError as exc:
        log.warning("%s cannot be read: %s", folder / VERIFICATION_NAME, exc.strerror)
        return None


def supersedes(new: Verification, old: Verification | None) -> bool:
    """Whether a record may take the place of another one: less than a restore never replaces what a restore found.

    :param new: what was found now.
    :param old: what is recorded.
    """
    if old is None or new.ok is False:
        return True
    if new.ok is None:
        return old.ok is None
    return new.method == "restore" or old.method == "fast" or old.ok is None


def write_verification(folder: Path, text: str) -> None:
    """Put a record into the folder of a backup, in place of the one that is there.

    :param folder: the folder.
    :param text: of :meth:`Verification.to_json`.
    :raises NotWritableError: the folder cannot be written.
    :raises OutOfDiskError: the disk is full.
    """
    partial = folder / f".{VERIFICATION_NAME}.{secrets.token_hex(4)}"
    try:
        _sweep(folder)
        try:
            write_new(partial, text)
            partial.replace(folder / VERIFICATION_NAME)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as exc:
        raise disk_error(exc, folder) from exc


def is_record(name: str) -> bool:
    """Whether a file in the folder of a backup is the record of its verification, or was to become it.

    :param name: the file's name.
    """
    return name == VERIFICATION_NAME or name.startswith(f".{VERIFICATION_NAME}.")


def _sweep(folder: Path) -> None:
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if is_record(entry.name) and entry.name != VERIFICATION_NAME]
    for name in names:
        # A younger one may belong to somebody who is writing it.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - (folder / name).stat(follow_symlinks=False).st_mtime > _STALE_S:
                (folder / name).unlink()


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
