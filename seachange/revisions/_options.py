"""Alembic's own options out of alembic.ini and pyproject.toml, by Alembic's rules but without importing it."""

from __future__ import annotations

import configparser
import dataclasses
import importlib.util
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seachange.errors import ConfigError

__all__ = ["Options", "read_options"]

# alembic/config.py, _get_file_separator_char: the only values that path_separator may have.
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_DEFAULT_TEMPLATE = "%(rev)s_%(slug)s"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Where a project keeps its revisions; all paths absolute."""

    root: Path
    ini: Path | None
    toml: Path | None
    toml_values: tuple[tuple[str, str], ...]
    script_location: Path
    version_locations: tuple[Path, ...]
    recursive: bool
    file_template: str
    import_paths: tuple[Path, ...]

    @property
    def environment_file(self) -> Path:
        """The project's env.py."""
        return self.script_location / "env.py"


def read_options(root: Path, *, ini: str = "alembic.ini") -> Options:
    """Read the options of the project in ``root``; the ini file wins over pyproject.toml, option by option.

    :param root: the project's folder, from which relative paths count.
    :param ini: where Alembic's ini file is; it may be missing only where Alembic looks for it by itself.
    :raises ConfigError: there is no configuration of Alembic, or it cannot be read.
    """
    root = root.absolute()
    source = _Source(root, ini=_ini_file(root, ini))
    location = source.text("script_location") or _beside(source.ini_file)
    if not location:
        raise ConfigError(
            f"{root}: Alembic's script_location is set neither in alembic.ini nor in [tool.alembic] of pyproject.toml",
            hint='add script_location = "%(here)s/migrations" to [tool.alembic]',
        )
    imports = tuple(_path(root, part) for part in source.paths("prepend_sys_path", split=r", *|(?: +)|\:"))
    search = (*imports, root)
    script_location = _resource(root, location, search)
    locations = source.paths("version_locations", split=r", *|(?: +)", older="version_path_separator")
    versions = tuple(_resource(root, part, search) for part in locations)
    return Options(
        root=root,
        ini=source.ini_file,
        toml=source.toml_file,
        toml_values=source.toml_values(),
        script_location=script_location,
        version_locations=versions or (script_location / "versions",),
        recursive=source.boolean("recursive_version_locations"),
        file_template=source.text("file_template") or _DEFAULT_TEMPLATE,
        import_paths=tuple(dict.fromkeys((*imports, root))),
    )


class _Source:
    """The two files, each option looked up in the ini file first."""

    def __init__(self, root: Path, *, ini: Path | None) -> None:
        self._here = {"here": root.as_posix()}
        self.ini_file = ini
        self._ini = _read_ini(ini, {"here": ini.parent.as_posix()} if ini else {})
        self._toml = _read_toml(root / "pyproject.toml")
        self.toml_file = root / "pyproject.toml" if self._toml else None

    def text(self, name: str) -> str:
        value = self._value(name)
        if not isinstance(value, str):
            raise ConfigError(f"Alembic's {name} is {value!r}, not a string", hint="mend alembic.ini or [tool.alembic]")
        return value

    def toml_values(self) -> tuple[tuple[str, str], ...]:
        """Return the plain options of pyproject.toml that the ini file leaves open, written as an ini file has them."""
        plain = {name: value for name, value in self._toml.items() if isinstance(value, (str, bool, int))}
        return tuple((name, _written(self._value(name))) for name in plain if not self._in_ini(name))

    def boolean(self, name: str) -> bool:
        # Alembic takes exactly "true" in alembic.ini and a real boolean in TOML.
        return self._value(name) in ("true", True)

    def paths(self, name: str, *, split: str, older: str = "") -> tuple[str, ...]:
        """Return a list; in alembic.ini a text, split by ``path_separator``, its ``older`` name, or else by ``split``."""
        value = self._value(name)
        if isinstance(value, list):
            return tuple(str(part) for part in value)
        if not self._in_ini(name):
            return (str(value),) if value else ()
        separator = self._separator("path_separator") or (self._separator(older) if older else None)
        parts = re.split(split, str(value)) if separator is None else str(value).split(separator)
        return tuple(part.strip() for part in parts if part.strip())

    def _separator(self, name: str) -> str | None:
        chosen = self.text(name)
        if chosen and chosen not in _SEPARATORS:
            raise ConfigError(f"Alembic's {name} is {chosen!r}", hint="one of " + ", ".join(repr(word) for word in _SEPARATORS))
        return _SEPARATORS[chosen] if chosen else None

    def _in_ini(self, name: str) -> bool:
        return self._ini is not None and bool(self._ini.get("alembic", name, fallback="", raw=True))

    def _value(self, name: str) -> Any:
        try:
            if self._ini is not None and self._in_ini(name):
                return self._ini.get("alembic", name)
            value = self._toml.get(name, "")
            if isinstance(value, str):
                return value % self._here
            return [part % self._here for part in value] if isinstance(value, list) else value
        except (configparser.Error, KeyError, TypeError, ValueError) as exc:
            raise ConfigError(f"Alembic's {name} cannot be read: {exc}", hint="a percent sign is written %%") from exc


def _ini_file(root: Path, name: str) -> Path | None:
    path = root / Path(name).expanduser()
    if path.is_file():
        return path
    if name == "alembic.ini":
        return None
    raise ConfigError(
        f"alembic_ini is {name}, but there is no file {path}",
        hint="correct alembic_ini in [tool.seachange], or ALEMBIC_CONFIG",
    )


def _beside(ini: Path | None) -> str:
    # Flask-Migrate keeps its ini file in the script location and writes no script_location into it.
    return str(ini.parent) if ini is not None and (ini.parent / "env.py").is_file() else ""


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_ini(path: Path | None, here: Mapping[str, str]) -> configparser.ConfigParser | None:
    if path is None:
        return None
    parser = configparser.ConfigParser(dict(here))
    try:
        parser.read_string(path.read_text(encoding="utf-8"), source=str(path))
    except (configparser.Error, OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", hint="mend the file") from exc
    return parser if parser.has_section("alembic") else None


def _read_toml(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("alembic", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, AttributeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", hint="mend the file") from exc
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [tool.alembic] is not a table", hint="mend the file")
    return table


def _path(root: Path, value: str) -> Path:
    # Alembic resolves relative paths from the working directory; commands may be called from a subfolder, so from the root here.
    return Path(os.path.normpath(root / value))


def _resource(root: Path, value: str, search: tuple[Path, ...]) -> Path:
    package, colon, inner = value.partition(":")
    if not colon or Path(value).is_absolute():
        return _path(root, value)
    for folder in search:
        if (candidate := folder.joinpath(*package.split("."))).is_dir():
            return candidate.joinpath(*inner.split(":"))
    name, *rest = package.split(".")
    spec = importlib.util.find_spec(name)
    origins = list(spec.submodule_search_locations or ()) if spec else []
    if not origins:
        raise ConfigError(f"Alembic's location {value!r}: no package {package}", hint="install the package or name a folder")
    return Path(origins[0]).joinpath(*rest, *inner.split(":"))
