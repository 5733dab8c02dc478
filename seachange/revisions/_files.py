"""Find and read the revision files of all locations."""

from __future__ import annotations

import dataclasses
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from seachange.plan import Finding
from seachange.revisions._content import Contents
from seachange.revisions._headers import HeaderError, parse_header, stamp_of
from seachange.revisions._options import Options
from seachange.revisions._revision import Revision

__all__ = ["FilesRead", "read_files"]

# alembic/script/base.py, _only_source_rev_file.
_REVISION_FILE = re.compile(r"(?!\.\#|__init__)(.*\.py)$")

_HINTS = {
    "syntax-error": "mend the file; `python -m py_compile` shows the place",
    "no-revision": 'add revision = "..." or move the file out of the location',
    "computed-header": "write the value out as a text: tools that do not run the file read it there",
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


def read_files(options: Options, *, extra_locations: tuple[Path, ...] = ()) -> FilesRead:
    """Read the revision files of all locations, in the order of their names."""
    reader = _Reader(options)
    locations = (*options.version_locations, *extra_locations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        for location in locations:
            reader.read_location(location)
    if not options.environment_file.is_file():
        reader.add("no-environment", options.environment_file, "there is no env.py: Alembic runs nothing without it")
    return FilesRead(
        revisions=tuple(reader.revisions.values()),
        duplicates=tuple(reader.duplicates),
        locations=locations,
        environment_hash=reader.contents.environment(options.script_location, options.version_locations),
        findings=tuple(reader.findings),
    )


class _Reader:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.contents = Contents(options.import_paths)
        self.revisions: dict[str, Revision] = {}
        self.duplicates: list[Revision] = []
        self.findings: list[Finding] = []
        self._seen: set[Path] = set()

    def add(self, code: str, path: Path, message: str, *, line: int = 0) -> None:
        hint = _HINTS.get(code, "create it, or mend Alembic's configuration")
        self.findings.append(Finding(code=code, message=message, hint=hint, file=self._shown(path), line=line))

    def read_location(self, location: Path) -> None:
        if not location.is_dir() or not os.access(location, os.R_OK | os.X_OK):
            reason = "is not a folder" if not location.is_dir() else "cannot be read"
            self.add("unreadable-location", location, f"location {self._shown(location)} {reason}")
            return
        for path in self._paths(location):
            if (real := path.resolve()) not in self._seen:
                self._seen.add(real)
                self._read(real, location)

    def _paths(self, location: Path) -> Iterator[Path]:
        for folder, folders, files in os.walk(location):
            folders.sort()
            if not folder.endswith("__pycache__"):
                yield from (Path(folder, name) for name in sorted(files) if _REVISION_FILE.match(name))
            if not self.options.recursive:
                return

    def _read(self, path: Path, location: Path) -> None:
        if path == self.options.environment_file.resolve():
            return
        try:
            source = path.read_bytes()
            header, tree = parse_header(source, name=path.name)
        except HeaderError as exc:
            self.add(exc.code, path, str(exc), line=exc.line)
        except OSError as exc:
            self.add("unreadable-file", path, f"{path.name} cannot be read: {exc.strerror}")
        else:
            fields = {field.name: getattr(header, field.name) for field in dataclasses.fields(header)}
            self._keep(
                Revision(
                    **fields,
                    path=path,
                    location=self._shown(location),
                    content_hash=self.contents.revision(source, tree),
                    stamp=_stamp(header.revision, path.name),
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


def _stamp(revision: str, name: str) -> int | None:
    stamp = stamp_of(revision)
    return stamp if stamp is not None else stamp_of(name)
