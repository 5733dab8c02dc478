"""Content hashes of revisions: the file, and the project's own modules that it imports."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seachange.revisions._cache import Cache
from seachange.revisions._imports import Import, module_imports

__all__ = ["Contents"]

_IGNORED_FOLDER = "__pycache__"
_SQL_FILE = re.compile(rb"""["']([^"'/\\\n]+\.(?:up|down)\.sql)["']""")
# Of files beside the revisions these build nothing.
_IGNORED_KINDS = (".py", ".pyc", ".mako", ".md", ".tmp")


class Contents:
    """Hashes files of one project, each read once.

    A revision that imports the models builds another schema when the models change, so what it imports counts as its content.

    :param import_paths: where the project's own modules are.
    :param cache: what is known of modules read before.
    """

    def __init__(self, import_paths: Iterable[Path], *, cache: Cache) -> None:
        self._import_paths = tuple(import_paths)
        self._cache = cache
        self._modules: dict[Path, tuple[str, tuple[Import, ...]]] = {}
        self._found: dict[tuple[tuple[Path, ...], str], tuple[Path, ...]] = {}
        self._digests: dict[tuple[str, ...], bytes] = {}
        self._own: set[Path] = set()

    def revision(self, digest: str, imports: Iterable[Import]) -> str:
        """Return the hash of a revision file together with the local modules that it reaches.

        :param digest: the hash of the file itself.
        :param imports: what it imports.
        """
        if not (names := tuple(each.name for each in imports if not each.level)):
            return digest
        # Many revisions import the same: what they reach is looked up once.
        if names not in self._digests:
            self._digests[names] = self._digest(names)
        reached = self._digests[names]
        return hashlib.sha256(digest.encode() + reached).hexdigest() if reached else digest

    def with_sql(self, digest: str, source: bytes, folder: Path) -> str:
        """Return the hash of a revision file together with the files of SQL in its folder that it names.

        :param digest: the hash of the file itself.
        :param source: its text.
        :param folder: where it stands.
        """
        if b".sql" not in source:
            return digest
        named = [folder / name.decode() for name in _SQL_FILE.findall(source)]
        own = sorted({path for path in named if path.is_file()})
        self._own.update(path.resolve() for path in own)
        content = b"".join(path.name.encode() + b"\0" + path.read_bytes() + b"\0" for path in own)
        return hashlib.sha256(digest.encode() + content).hexdigest() if own else digest

    def files(self, dotted: str) -> tuple[Path, ...]:
        """Return the project's own files that importing ``dotted`` reads: the packages on the way, then the module."""
        return self._files(dotted, self._import_paths)

    def environment(self, script_location: Path, folders: Iterable[Path]) -> str:
        """Return the hash of env.py and of all files beside the revisions that are no Python and belong to none of them."""
        digest = hashlib.sha256()
        for path in sorted(set(_data_files((script_location, *folders)))):
            if path.resolve() in self._own:
                continue
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def _digest(self, names: tuple[str, ...]) -> bytes:
        reached = self._reached(path for name in names for path in self.files(name))
        return b"".join(b"\0" + self._module(path)[0].encode() for path in sorted(reached))

    def _reached(self, start: Iterable[Path]) -> set[Path]:
        found: set[Path] = set()
        waiting = list(start)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting.extend(self._imported_by(path))
        return found

    def _imported_by(self, path: Path) -> Iterator[Path]:
        for each in self._module(path)[1]:
            yield from self._files(each.name, _parents(path.parent, each.level) if each.level else self._import_paths)

    def _module(self, path: Path) -> tuple[str, tuple[Import, ...]]:
        if path not in self._modules:
            try:
                source = path.read_bytes()
            except OSError:
                source = b""
            digest = hashlib.sha256(source).hexdigest()
            imports = self._cache.imports(digest)
            if imports is None:
                imports = module_imports(source)
                self._cache.keep_imports(digest, imports)
            self._modules[path] = (digest, imports)
        return self._modules[path]

    def _files(self, dotted: str, roots: tuple[Path, ...]) -> tuple[Path, ...]:
        key = (roots, dotted)
        if key not in self._found:
            self._found[key] = tuple(_importable(dotted, roots))
        return self._found[key]


def _importable(dotted: str, roots: Iterable[Path]) -> Iterator[Path]:
    for root in roots:
        place = root
        for part in dotted.split("."):
            place = place / part
            for candidate in (place / "__init__.py", place.with_name(f"{part}.py")):
                if candidate.is_file():
                    yield candidate


def _data_files(folders: Iterable[Path]) -> Iterator[Path]:
    for top in folders:
        for folder, inner, files in os.walk(top):
            inner[:] = [name for name in inner if name != _IGNORED_FOLDER]
            for name in files:
                if name == "env.py" or not (name.endswith(_IGNORED_KINDS) or name.startswith(".")):
                    yield Path(folder, name)


def _parents(folder: Path, level: int) -> tuple[Path, ...]:
    for _ in range(level - 1):
        folder = folder.parent
    return (folder,)
