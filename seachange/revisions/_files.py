"""Find and read the revision files of all locations."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from seachange.plan import Finding
from seachange.revisions._cache import Cache
from seachange.revisions._content import Contents
from seachange.revisions._facts import read_facts
from seachange.revisions._headers import HeaderError, stamp_of
from seachange.revisions._options import Options
from seachange.revisions._project_imports import ProjectImports
from seachange.revisions._readers import read_all
from seachange.revisions._revision import Revision

__all__ = ["FilesRead", "read_files"]

# alembic/script/base.py, _only_source_rev_file.
_REVISION_FILE = re.compile(r"(?!\.\#|__init__)(.*\.py)$")

_HINTS = {
    "syntax-error": "mend the file; `python -m py_compile` shows the place",
    "no-revision": 'add revision = "..." or move the file out of the location',
    "computed-header": "write the value out as a text: tools that do not run the file read it there",
    "unreadable-release": 'write a release such as requires_release = "2.4.0"',
    "unreadable-file": "check the permissions of the file",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilesRead:
    """What was read: usable revisions, further files with an id that is taken, and what is wrong."""

    revisions: tuple[Revision, ...]
    duplicates: tuple[Revision, ...]
    locations: tuple[Path, ...]
    environment_hash: str
    findings: tuple[Finding, ...]


def read_files(options: Options, *, cache: Cache, models: str = "", extra_locations: tuple[Path, ...] = ()) -> FilesRead:
    """Read the revision files of all locations, in the order of their names.

    :param options: where they are.
    :param cache: what is known of files read before; it is saved.
    :param models: where the models are, ``module:attribute``.
    :param extra_locations: folders to read besides those of the options.
    """
    locations = (*options.version_locations, *extra_locations)
    contents = Contents(options.import_paths, cache=cache)
    imports = ProjectImports(contents, beside=(options.script_location, *locations), models=models)
    reader = _Reader(options, cache=cache, contents=contents, imports=imports)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        for location in locations:
            reader.read_location(location)
    if not options.environment_file.is_file():
        reader.add("no-environment", options.environment_file, "there is no env.py: Alembic runs nothing without it")
    found = FilesRead(
        revisions=tuple(reader.revisions.values()),
        duplicates=tuple(reader.duplicates),
        locations=locations,
        environment_hash=contents.environment(options.script_location, options.version_locations),
        findings=tuple(reader.findings),
    )
    cache.save()
    return found


class _Reader:
    def __init__(self, options: Options, *, cache: Cache, contents: Contents, imports: ProjectImports) -> None:
        self.options = options
        self.cache = cache
        self.contents = contents
        self.imports = imports
        self.revisions: dict[str, Revision] = {}
        self.duplicates: list[Revision] = []
        self.findings: list[Finding] = []
        self._seen = {os.path.realpath(options.environment_file)}

    def add(self, code: str, path: Path, message: str, *, line: int = 0) -> None:
        hint = _HINTS.get(code, "create it, or mend Alembic's configuration")
        self.findings.append(Finding(code=code, message=message, hint=hint, file=self._shown(path), line=line))

    def read_location(self, location: Path) -> None:
        if not location.is_dir() or not os.access(location, os.R_OK | os.X_OK):
            reason = "is not a folder" if not location.is_dir() else "cannot be read"
            self.add("unreadable-location", location, f"location {self._shown(location)} {reason}")
            return
        shown = self._shown(location)
        paths = [path for path in self._paths(location) if path not in self._seen]
        self._seen.update(paths)
        sources = {path: self._source(path) for path in dict.fromkeys(paths)}
        new = [path for path, source in sources.items() if source and not self.cache.knows(source[1])]
        self.cache.keep_rows(read_all(new))
        for path, source in sources.items():
            if source:
                self._read(Path(path), shown, source)

    def _paths(self, location: Path) -> Iterator[str]:
        for folder, folders, files in os.walk(location):
            folders.sort()
            if os.path.basename(folder) != "__pycache__":  # noqa: PTH119
                yield from _real_paths(folder, [name for name in sorted(files) if _REVISION_FILE.match(name)])
            if not self.options.recursive:
                return

    def _source(self, path: str) -> tuple[bytes, str] | None:
        """Return the bytes of a file and their hash."""
        try:
            # Unbuffered: of 10,000 small files the buffers cost more than the reading.
            with open(path, "rb", buffering=0) as file:  # noqa: PTH123
                source = file.read()
        except OSError as exc:
            self.add("unreadable-file", Path(path), f"{Path(path).name} cannot be read: {exc.strerror}")
            return None
        return source, hashlib.sha256(source).hexdigest()

    def _read(self, path: Path, location: str, found: tuple[bytes, str]) -> None:
        name, (source, digest) = path.name, found
        try:
            facts = self.cache.facts(digest)
            if facts is None:
                facts = read_facts(source, name=name)
                self.cache.keep_facts(digest, facts)
            whole = self.contents.with_sql(digest, source, path.parent)
        except HeaderError as exc:
            self.add(exc.code, path, str(exc), line=exc.line)
        except OSError as exc:
            self.add("unreadable-file", path, f"{exc.filename} beside {name} cannot be read: {exc.strerror}")
        else:
            self._keep(
                Revision(
                    **vars(facts.header),
                    path=path,
                    location=location,
                    content_hash=self.contents.revision(whole, facts.imports),
                    stamp=_stamp(facts.header.revision, path.stem),
                    imports=facts.imports,
                    faults=(*facts.faults, *self.imports.faults(facts.imports)),
                )
            )

    def _keep(self, revision: Revision) -> None:
        if revision.revision in self.revisions:
            self.duplicates.append(revision)
        else:
            self.revisions[revision.revision] = revision

    def _shown(self, path: Path) -> str:
        root = self.options.root
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _real_paths(folder: str, names: Iterable[str]) -> Iterator[str]:
    # Resolving each of 10,000 paths takes longer than reading the files: the folder is resolved once, and what is a link itself.
    real = os.path.realpath(folder)
    for name in names:
        path = os.path.join(real, name)  # noqa: PTH118
        yield os.path.realpath(path) if os.path.islink(path) else path  # noqa: PTH114


def _stamp(revision: str, stem: str) -> int | None:
    by_id = stamp_of(revision)
    return by_id if by_id is not None else stamp_of(stem)
