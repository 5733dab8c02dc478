"""Content hashes of revisions: the file, and the project's own modules that it imports."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["Contents"]

_IGNORED_FOLDERS = {"__pycache__"}
_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([^\n;#]+))", re.MULTILINE)

# Often the name of the script location as well, which shadows nothing: it is no package.
_FOREIGN = {"alembic", "sqlalchemy"}


class Contents:
    """Hashes files of one project, each read once.

    A revision that imports the models builds another schema when the models change, so what it imports counts as its content.

    :param import_paths: where the project's own modules are.
    """

    def __init__(self, import_paths: Iterable[Path]) -> None:
        self._import_paths = tuple(import_paths)
        self._imports: dict[Path, tuple[Path, ...]] = {}
        self._local_roots: dict[str, bool] = {}

    def revision(self, source: bytes, tree: ast.Module) -> str:
        """Return the hash of a revision file together with the local modules that it reaches."""
        digest = hashlib.sha256(source)
        if not any(self._may_be_local(name) for name in _imported_roots(source)):
            return digest.hexdigest()
        for path in sorted(self._reached(self._local(tree))):
            digest.update(b"\0" + path.read_bytes())
        return digest.hexdigest()

    def _may_be_local(self, name: str) -> bool:
        # Walking the tree of each of 10,000 revisions for imports takes longer than all the rest of reading them.
        if name not in self._local_roots:
            places = (path / name for path in self._import_paths)
            known = name in sys.stdlib_module_names or name in _FOREIGN
            self._local_roots[name] = not known and any(p.is_dir() or p.with_suffix(".py").is_file() for p in places)
        return self._local_roots[name]

    def environment(self, script_location: Path, folders: Iterable[Path]) -> str:
        """Return the hash of env.py and of all files beside the revisions that are no Python."""
        digest = hashlib.sha256()
        for path in self._data_files((script_location, *folders)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def _data_files(self, folders: Iterable[Path]) -> list[Path]:
        found: set[Path] = set()
        for folder in folders:
            for path in folder.rglob("*"):
                known = path.name == "env.py" or path.suffix not in (".py", ".pyc", ".mako", ".md", ".tmp")
                if known and not _IGNORED_FOLDERS.intersection(path.parts) and not path.name.startswith(".") and path.is_file():
                    found.add(path)
        return sorted(found)

    def _reached(self, start: Iterable[Path]) -> set[Path]:
        found: set[Path] = set()
        waiting = list(start)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                waiting.extend(self._imported_by(path))
        return found

    def _imported_by(self, path: Path) -> tuple[Path, ...]:
        if path not in self._imports:
            try:
                tree = ast.parse(path.read_bytes())
            except (SyntaxError, ValueError):
                tree = ast.Module(body=[], type_ignores=[])
            self._imports[path] = tuple(self._local(tree, path.parent))
        return self._imports[path]

    def _local(self, tree: ast.Module, folder: Path | None = None) -> Iterator[Path]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield from self._files(alias.name, self._import_paths)
            elif isinstance(node, ast.ImportFrom):
                roots = self._import_paths if not node.level else _parents(folder, node.level)
                for alias in node.names:
                    dotted = f"{node.module}.{alias.name}" if node.module else alias.name
                    yield from self._files(dotted, roots)

    def _files(self, dotted: str, roots: Iterable[Path]) -> Iterator[Path]:
        """Files that importing ``dotted`` reads: the packages on the way, then the module."""
        for root in roots:
            place = root
            for part in dotted.split("."):
                place = place / part
                for candidate in (place / "__init__.py", place.with_suffix(".py")):
                    if candidate.is_file():
                        yield candidate


def _imported_roots(source: bytes) -> set[str]:
    """Return the top names that import statements in the text name, perhaps some that only look so."""
    found: set[str] = set()
    for one, several in _IMPORT.findall(source):
        names = [one] if one else several.split(b",")
        found.update(name.strip().split(b".")[0].split()[0].decode(errors="replace") for name in names if name.strip())
    return found


def _parents(folder: Path | None, level: int) -> tuple[Path, ...]:
    if folder is None:
        return ()
    for _ in range(level - 1):
        folder = folder.parent
    return (folder,)
