"""The environment of client programs: where to connect to, and secrets in files that only we can read."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from seachange.errors import NotWritableError
from seachange.postgres import _url
from seachange.postgres._database import Database
from seachange.postgres.redaction import redact

__all__ = ["clean_environment", "connection_environment"]

_SERVICE = "seachange"
# Kept although a short password may be a word of a path: without them a program finds neither itself nor its files.
_ALWAYS_KEPT = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER"}
)
# pg_dump would write its archive in this encoding; the programs ask the server for the right one.
_NOT_PASSED_ON = ("client_encoding", "password", "passfile")


def clean_environment() -> dict[str, str]:
    """Return the environment of this process without what addresses a database and without secrets."""
    addresses = {*_url.keywords().values(), "PGSERVICEFILE"} - {"PGPASSFILE", ""}
    return {
        key: value
        for key, value in os.environ.items()
        if key not in addresses and (key in _ALWAYS_KEPT or key.startswith("LC_") or redact(value) == value)
    }


@contextlib.contextmanager
def connection_environment(database: Database) -> Iterator[tuple[dict[str, str], Path | None]]:
    """Yield the variables that take a libpq program to ``database``, and the private folder that they refer to.

    A name in ``PGDATABASE`` may be anything, while ``a=b`` and ``-dash`` mean something else as arguments; a password in a
    0600 file is seen neither in the list of processes nor in ``/proc``. Only one with a line break, which that file cannot hold,
    is passed as ``PGPASSWORD``.

    :param database: where to connect to.
    """
    variables = _variables(database)
    files = _files(database)
    if not files:
        yield variables, None
        return
    folder = _private_folder()
    try:
        for (name, variable), text in files.items():
            _write_private(folder / name, text)
            variables[variable] = str(folder / name)
        yield variables, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _variables(database: Database) -> dict[str, str]:
    known = _url.keywords()
    given = {**database.parameters, "dbname": database.name}
    found = {known[key]: value for key, value in given.items() if key not in _NOT_PASSED_ON and known.get(key)}
    if "passfile" in given:
        found["PGPASSFILE"] = given["passfile"]
    if _without_variable(database):
        found["PGSERVICE"] = _SERVICE
    if not _fits_a_line(database.parameters.get("password", "")):
        found["PGPASSWORD"] = database.parameters["password"]
    return {"PGCONNECT_TIMEOUT": "10", **found}


def _without_variable(database: Database) -> Mapping[str, str]:
    known = _url.keywords()
    return {key: value for key, value in database.parameters.items() if not known.get(key)}


def _files(database: Database) -> dict[tuple[str, str], str]:
    files = {}
    password = database.parameters.get("password")
    if password and _fits_a_line(password):
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        files["pgpass", "PGPASSFILE"] = f"*:*:*:*:{escaped}\n"
    others = _without_variable(database)
    if others:
        lines = [f"{key}={value}\n" for key, value in others.items()]
        files["pg_service.conf", "PGSERVICEFILE"] = f"[{_SERVICE}]\n" + "".join(lines)
    return files


def _fits_a_line(password: str) -> bool:
    return not {"\n", "\r"}.intersection(password)


def _private_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="seachange-"))
    except OSError as exc:
        raise NotWritableError(f"cannot make a temporary folder: {exc}", hint="set TMPDIR to a folder that is writable") from exc


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
