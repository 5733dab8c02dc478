"""What was read from files, kept by their content, so that a file is parsed once and not in every command."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seachange.config import Settings
from seachange.partial import abandoned, partial_folder, remove_abandoned
from seachange.revisions._facts import Facts, decode, decode_imports, encode, encode_imports
from seachange.revisions._imports import Import

__all__ = ["Cache"]

_log = logging.getLogger(__name__)

# What decides what is read from a file: whoever changes it need not think of the cache.
_READERS = ("_cache.py", "_facts.py", "_headers.py", "_imports.py", "_code/*.py")
# Files of other branches are kept as well, up to this many and as many as there are in use.
_SPARE = 1000


class Cache:
    """Facts by the hash of the file that they were read from, in one file below ``.seachange/``.

    JSON, because a file that anybody can change must not be able to run anything (pickle) or crash the interpreter (marshal). A
    file that is damaged, of another version or unreadable is as good as none; one that cannot be written keeps nothing.

    :param settings: the project's settings.
    :param keep: whether what is new is written, where nothing else may be.
    :param name: the file below ``.seachange/``.
    """

    def __init__(self, settings: Settings, *, keep: bool = True, name: str = "revisions.json") -> None:
        self._settings = settings
        self._keeping = keep
        self._path = settings.state_dir / name
        self._known = _read(self._path)
        self._used: dict[str, Any] = {}
        self._changed = False

    def facts(self, digest: str) -> Facts | None:
        """Return what is known of the revision file with this hash."""
        row = self._known.get(digest)
        if row is None:
            return None
        try:
            found = decode(row)
        except (LookupError, TypeError, ValueError, AttributeError):
            self._known = {}
            return None
        self._used[digest] = row
        return found

    def keep_facts(self, digest: str, facts: Facts) -> None:
        """Remember what the revision file with this hash says."""
        self._keep(digest, encode(facts))

    def knows(self, digest: str) -> bool:
        """Return whether anything is known of the revision file with this hash."""
        return digest in self._known

    def keep_rows(self, rows: Mapping[str, Any]) -> None:
        """Remember what other processes read, encoded as they answered."""
        self._known |= rows
        self._changed = self._changed or bool(rows)

    def row(self, key: str) -> Any:
        """Return what was kept under a key, None for nothing."""
        row = self._known.get(key)
        if row is not None:
            self._used[key] = row
        return row

    def keep_row(self, key: str, row: list[Any]) -> None:
        """Remember what was made elsewhere, as JSON values."""
        self._keep(key, row)

    def imports(self, digest: str) -> tuple[Import, ...] | None:
        """Return what is known of the imports of the module with this hash."""
        row = self._known.get(f"module {digest}")
        if row is None:
            return None
        try:
            found = decode_imports(row)
        except (TypeError, ValueError):
            self._known = {}
            return None
        self._used[f"module {digest}"] = row
        return found

    def keep_imports(self, digest: str, imports: tuple[Import, ...]) -> None:
        """Remember what the module with this hash imports."""
        self._keep(f"module {digest}", encode_imports(imports))

    def save(self) -> None:
        """Write what this run used, and of the rest as much as there is room for; nothing when nothing was new."""
        if not self._changed or not self._keeping:
            return
        spare = [(key, row) for key, row in self._known.items() if key not in self._used][: max(_SPARE, len(self._used))]
        try:
            _write(self._settings.make_state_dir() / self._path.name, {**self._used, **dict(spare)})
        except OSError as exc:
            _log.debug("%s is not written: %s", self._path, exc)

    def _keep(self, key: str, row: list[Any]) -> None:
        self._used[key] = row
        self._changed = True


def _stamp(body: bytes) -> bytes:
    # What compiles, and what is of the standard library, is a matter of the Python that runs; what is SQL, of the grammar.
    version = f"{sys.implementation.cache_tag} grammar {_grammar()} readers {_readers()}"
    return f"{version} sha256 {hashlib.sha256(body).hexdigest()}\n".encode()


def _grammar() -> int:
    # Asking importlib.metadata for its version takes longer than reading a history.
    spec = importlib.util.find_spec("postgast")
    return Path(spec.origin).stat().st_mtime_ns if spec and spec.origin else 0


@functools.cache
def _readers() -> str:
    folder, digest = Path(__file__).parent, hashlib.sha256()
    for path in sorted(path for name in _READERS for path in folder.glob(name)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    try:
        first, _, body = path.read_bytes().partition(b"\n")
        found = json.loads(body) if first + b"\n" == _stamp(body) else {}
    except (OSError, ValueError, RecursionError) as exc:
        _log.debug("%s is not read: %s", path, exc)
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, rows: dict[str, Any]) -> None:
    for left in abandoned(path.parent):
        remove_abandoned(left)
    body = json.dumps(rows, separators=(",", ":")).encode()
    with partial_folder(path.parent) as folder:
        written = folder / path.name
        written.write_bytes(_stamp(body) + body)
        # Renamed into its place, so that another command never reads half of it; of two that write, the later one stays.
        written.replace(path)
