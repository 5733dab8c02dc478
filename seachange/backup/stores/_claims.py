"""Who is writing or removing which backup of a remote place, where no lock ends with its owner: markers that are kept fresh."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import logging
import os
import platform
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from seachange.backup.manifest import MANIFEST_NAME
from seachange.backup.stores._place import Place
from seachange.errors import SeachangeError
from seachange.postgres import interrupt

__all__ = ["BEAT_S", "STALE_S", "Claim", "claimed", "discard", "sweep"]

log = logging.getLogger(__name__)

# A marker is written anew every minute; one that has not been for a quarter of an hour has no owner any more.
BEAT_S = 60.0
STALE_S = 900.0

_MARKER = re.compile(r"\.partial-[0-9a-f]{16}\.json")
_NAME = re.compile(r"\d{8}T\d{6}Z-[A-Za-z0-9_.-]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """What a marker says: a process of a machine is at work on the backup ``name``."""

    marker: str
    name: str
    machine: str
    host: str
    pid: int
    started: str

    def to_json(self) -> bytes:
        """Return the text of the marker."""
        return (json.dumps({key: value for key, value in dataclasses.asdict(self).items() if key != "marker"}) + "\n").encode()


@contextlib.contextmanager
def claimed(place: Place, name: str, *, fresh: bool = True, beat_s: float = BEAT_S) -> Iterator[Claim]:
    """Say that this process works on a backup, for the length of the block, and be heard until then.

    The marker goes away at the end of the block. When that fails it stays: what the block leaves is for :func:`sweep` then.

    :param place: where the backup is or will be.
    :param name: the backup, or its wished name.
    :param fresh: take another name where something of this name is there, or being made.
    :param beat_s: how often the marker is written anew.
    """
    claim = _claim(place, name)
    while fresh and _is_taken(place, claim):
        claim = dataclasses.replace(claim, name=f"{name}-{secrets.token_hex(2)}")
        place.write(claim.marker, claim.to_json())
    over = threading.Event()
    heart = threading.Thread(target=_beat, args=(place, claim, over), kwargs={"every_s": beat_s}, daemon=True, name="marker")
    heart.start()
    try:
        yield claim
    finally:
        over.set()
        heart.join(1.0)
    place.remove([claim.marker])


def discard(place: Place, name: str) -> None:
    """Remove all of a backup, first what makes it one; of an unfinished one also the parts of uploads that were not completed.

    :param place: where it is.
    :param name: the backup.
    """
    place.remove([f"{name}/{MANIFEST_NAME}"])
    place.abort_uploads(name)
    place.remove_below(name)


def sweep(place: Place, *, stale_s: float = STALE_S) -> tuple[str, ...]:
    """Remove what crashed runs left half-made or half-removed.

    :param place: where backups are.
    :param stale_s: how old a marker is whose owner, on another machine, is gone.
    :returns: the names of what was removed.
    """
    files = place.files()
    markers = [path for path in files if _MARKER.fullmatch(path)]
    if not markers:
        return ()
    own, removed = _claim(place, "sweep"), []
    try:
        # Ages are differences of the server's times, so that no machine's clock matters.
        now = place.changed(own.marker)
        for marker in markers:
            claim = _read(place, marker)
            if claim and now and _is_abandoned(place, claim, now=now, stale_s=stale_s):
                if f"{claim.name}/{MANIFEST_NAME}" not in files and _NAME.fullmatch(claim.name):
                    discard(place, claim.name)
                    removed.append(claim.name)
                place.remove([marker])
    finally:
        with interrupt.shielded():
            place.remove([own.marker])
    for name in removed:
        log.warning("%s/%s was left unfinished by a run that is gone, and was removed", place.url, name)
    return tuple(removed)


def _claim(place: Place, name: str) -> Claim:
    claim = Claim(
        marker=f".partial-{secrets.token_hex(8)}.json",
        name=name,
        machine=_machine(),
        host=platform.node(),
        pid=os.getpid(),
        started=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    place.write(claim.marker, claim.to_json())
    return claim


def _is_taken(place: Place, own: Claim) -> bool:
    if place.files(own.name):
        return True
    others = [path for path in place.files() if _MARKER.fullmatch(path) and path != own.marker]
    return own.name in {other.name for other in (_read(place, path) for path in others) if other}


def _read(place: Place, marker: str) -> Claim | None:
    try:
        given = json.loads(place.read(marker))
        names = {field.name for field in dataclasses.fields(Claim)} - {"marker"}
        claim = Claim(marker=marker, **{name: given[name] for name in names})
    except (SeachangeError, ValueError, TypeError, KeyError) as exc:
        log.debug("the marker %s is gone or cannot be read: %s", marker, exc)
        return None
    return claim if isinstance(claim.pid, int) and isinstance(claim.name, str) else None


def _is_abandoned(place: Place, claim: Claim, *, now: datetime.datetime, stale_s: float) -> bool:
    if claim.machine == _machine() and not _lives(claim.pid):
        return True
    written = place.changed(claim.marker)
    return written is not None and (now - written).total_seconds() > stale_s


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _machine() -> str:
    """Return what tells this machine, since it was started, and its space of process numbers from all others."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return "/".join(parts)


def _beat(place: Place, claim: Claim, over: threading.Event, *, every_s: float) -> None:
    while not over.wait(every_s):
        try:
            place.write(claim.marker, claim.to_json())
        except SeachangeError as exc:
            log.debug("the marker %s could not be written anew: %s", claim.marker, exc)
