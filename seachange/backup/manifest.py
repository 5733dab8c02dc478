"""The manifest of a backup: what is in it, from where, and the digest of every file; written last, so it proves completeness."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from seachange.backup.contents import Contents, LargeObjects, TableContents
from seachange.backup.files import open_to_read
from seachange.errors import BackupInvalidError
from seachange.plan import jsonable

__all__ = [
    "MANIFEST_NAME",
    "MANIFEST_SCHEMA",
    "BackupFile",
    "Manifest",
    "Physical",
    "Scope",
    "ServerFacts",
    "describe_file",
    "parse_manifest",
]

MANIFEST_NAME = "manifest.json"
MANIFEST_SCHEMA = "seachange.backup/2"
# Version 1 had no contents per table, no scope, no encryption and no position in the log; the defaults say just that.
_READ = ("seachange.backup/1", MANIFEST_SCHEMA)

Scope = Literal["database", "schema-only", "selected"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackupFile:
    """One file of a backup; ``path`` is relative to the backup's folder.

    ``size_bytes`` and ``sha256`` are those of what lies there; the ``plain`` ones those before encryption, where that was asked.
    """

    path: str
    size_bytes: int
    sha256: str
    plain_size_bytes: int | None = None
    plain_sha256: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServerFacts:
    """The server that was dumped."""

    version: str
    version_number: int
    system_identifier: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Physical:
    """A backup of a whole cluster: from where to where in its log a server that starts on it has to read.

    ``size_bytes`` is what the data directory takes, ``superuser`` the one whom initdb made. ``folders`` are all in it, the empty
    ones too, without which no server starts.
    """

    timeline: int
    start_lsn: str
    end_lsn: str
    size_bytes: int = 0
    superuser: str = "postgres"
    databases: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a backup says of itself.

    ``sequence`` orders the backups of a folder, also when the clock went backwards between two of them. ``scope`` is
    ``database`` for all of it; a ``schema-only`` or ``selected`` backup is no safety net. ``encryption`` lists the recipients by
    their public keys. ``snapshot_lsn`` is a position in the server's log that is not after the snapshot: where the log has not
    moved since, nothing was written. ``fingerprint`` is that of the catalogue. ``tables`` has what the files hold, by qualified
    name; empty where that was not counted. ``physical`` is there in that format only, in which all databases of the cluster
    are in the files. ``notes`` says what somebody who restores has to know.
    """

    sequence: int
    started: datetime.datetime
    duration_s: float
    tool_version: str
    revision: str
    format: str
    compression: str
    client_version: str
    server: ServerFacts
    contents: Contents
    files: tuple[BackupFile, ...]
    scope: Scope = "database"
    encryption: tuple[str, ...] = ()
    snapshot_lsn: str = ""
    fingerprint: str = ""
    tables: Mapping[str, TableContents] = dataclasses.field(default_factory=dict)
    large_objects: LargeObjects | None = None
    physical: Physical | None = None
    notes: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """The name of the database that was dumped."""
        return self.contents.database

    @property
    def size_bytes(self) -> int:
        """The size of all files of the backup."""
        return sum(file.size_bytes for file in self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as JSON values, with a digest over all of them at the end."""
        started = self.started.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
        document = {"schema": MANIFEST_SCHEMA, **jsonable(self), "started": started, "duration_s": round(self.duration_s, 3)}
        return {**document, "sha256": _digest(document)}

    def to_json(self) -> str:
        """Return the text of ``manifest.json``."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"


def parse_manifest(text: bytes, *, path: Path | str) -> Manifest:
    """Read a manifest and check it against its own digest.

    :param text: the contents of the file.
    :param path: where it came from, for messages.
    :raises BackupInvalidError: it is damaged, incomplete, or of a format that this version does not know.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BackupInvalidError(f"{path} is damaged: {exc}", hint="use another backup") from exc
    if not isinstance(document, dict) or document.get("schema") not in _READ:
        found = document.get("schema") if isinstance(document, dict) else None
        raise BackupInvalidError(
            f"{path} has the format {found!r}; this version reads {' and '.join(map(repr, _READ))}",
            hint="use the version of seachange that made the backup, or a newer one",
        )
    if document.pop("sha256", None) != _digest(document):
        raise BackupInvalidError(f"{path} is damaged: it does not match its own digest", hint="use another backup")
    try:
        manifest: Manifest = _decode(Manifest, document, "manifest")
        _check_paths(manifest)
    except (KeyError, ValueError) as exc:
        raise BackupInvalidError(f"{path} is not a manifest: {exc.args[0]}", hint="use another backup") from exc
    return manifest


def describe_file(folder: Path, name: str) -> BackupFile:
    """Return the size and digest of one file, read in blocks.

    :param folder: the folder of the backup.
    :param name: the file's path inside it.
    :raises OSError: the file cannot be read.
    """
    with open_to_read(folder / name) as file:
        digest = hashlib.file_digest(file, "sha256")
        return BackupFile(path=name, size_bytes=file.tell(), sha256=digest.hexdigest())


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_paths(manifest: Manifest) -> None:
    if not manifest.files:
        raise ValueError("it lists no files")
    for file in manifest.files:
        path = PurePosixPath(file.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or file.path == MANIFEST_NAME:
            raise ValueError(f"{file.path!r} is not a file of the backup")


def _decode(kind: Any, value: Any, where: str) -> Any:
    """Return ``value`` as the type ``kind``; unknown keys are those of later versions and are left out."""
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if typing.get_origin(kind) is Literal:
        return _decode_word(typing.get_args(kind), value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _decode(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_decode(arguments[0], part, f"{where}[{index}]") for index, part in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {key: _decode(arguments[1], part, f"{where}.{key}") for key, part in value.items()}
    return _decode_scalar(kind, value, where)


def _decode_word(words: tuple[str, ...], value: Any, where: str) -> str:
    if value not in words:
        raise ValueError(f"{where} is {value!r}, not one of {', '.join(words)}")
    return str(value)


def _decode_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is datetime.datetime and isinstance(value, str):
        return datetime.datetime.fromisoformat(value)
    if type(value) is int and kind is float:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{where} is {value!r}")
    return value


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {value!r}")
    hints = typing.get_type_hints(kind)
    given = {}
    for field in dataclasses.fields(kind):
        if field.name in value:
            given[field.name] = _decode(hints[field.name], value[field.name], f"{where}.{field.name}")
        elif field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{where}.{field.name} is missing")
    return kind(**given)
