"""What pgBackRest and WAL-G print as JSON about their backups, read into one kind of value."""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seachange.errors import BackupInvalidError

__all__ = ["ExternalBackup", "read_listing"]

# pgBackRest's own codes: 4 says that some of several repositories are not well, which the backups of the others tell better.
_STANZA_OK = (0, 4)
_WALG_DELTA = "_D_"
_KINDS = {"full": "full", "diff": "differential", "incr": "incremental"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExternalBackup:
    """One backup that another tool made; ``problem`` says why it is none.

    ``source`` is the stanza of pgBackRest; ``databases`` is empty where the tool does not tell which there are.
    """

    tool: str
    name: str
    kind: str
    finished: datetime.datetime
    source: str = ""
    system_identifier: str = ""
    databases: tuple[str, ...] = ()
    size_bytes: int = 0
    problem: str = ""

    def age_s(self, now: datetime.datetime) -> float:
        """Return how long ago it was finished; negative when that is to come."""
        return (now - self.finished).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return what a list of backups shows, as JSON values."""
        return {**dataclasses.asdict(self), "finished": self.finished.isoformat(timespec="seconds")}


def read_listing(text: str) -> tuple[ExternalBackup, ...]:
    """Return the backups of ``pgbackrest info --output=json`` or ``wal-g backup-list --detail --json``, newest first.

    :param text: what the command printed.
    :raises BackupInvalidError: it is neither, or says itself that something is wrong.
    """
    try:
        document = json.loads(text) if text.strip() else []
        if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
            raise ValueError("not a list of objects")
        found = list(_backups(document))
    except RecursionError as exc:
        raise BackupInvalidError("what it printed is nested too deeply", hint=_HINT) from exc
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as exc:
        raise BackupInvalidError(f"what it printed is not understood ({_why(exc)}): {_beginning(text)}", hint=_HINT) from exc
    return tuple(sorted(found, key=lambda backup: backup.finished, reverse=True))


_HINT = "backup_external takes `pgbackrest --stanza=main info --output=json` or `wal-g backup-list --detail --json`"


def _why(exc: Exception) -> str:
    return f"{exc.args[0]!r} is missing" if isinstance(exc, KeyError) else str(exc)


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 80 else f"{line[:80]}...")


def _backups(document: Sequence[Mapping[str, Any]]) -> Iterator[ExternalBackup]:
    for entry in document:
        if "backup_name" in entry:
            yield _of_walg(entry)
        elif "backup" in entry and "status" in entry:
            yield from _of_pgbackrest(entry)
        else:
            raise ValueError("neither a stanza of pgBackRest nor a backup of WAL-G")


def _of_pgbackrest(stanza: Mapping[str, Any]) -> Iterator[ExternalBackup]:
    status = stanza["status"]
    if status["code"] not in _STANZA_OK:
        name = stanza["name"]
        raise BackupInvalidError(
            f"pgBackRest says of stanza {name!r}: {status['message']}", hint=f"look at `pgbackrest --stanza={name} check`"
        )
    systems = {(one.get("repo-key", 1), one["id"]): str(one["system-id"]) for one in stanza["db"]}
    failed = {one["label"] for one in stanza["backup"] if one.get("error")}
    known = {one["label"] for one in stanza["backup"]}
    for one in stanza["backup"]:
        database = one["database"]
        yield ExternalBackup(
            tool="pgBackRest",
            name=one["label"],
            kind=_KINDS.get(one["type"], one["type"]),
            finished=datetime.datetime.fromtimestamp(one["timestamp"]["stop"], datetime.UTC),
            source=stanza["name"],
            system_identifier=systems.get((database.get("repo-key", 1), database["id"]), ""),
            databases=tuple(each["name"] for each in one.get("database-ref") or ()),
            size_bytes=one.get("info", {}).get("size", 0),
            problem=_flaw(one, failed, known),
        )


def _flaw(backup: Mapping[str, Any], failed: set[str], known: set[str]) -> str:
    if backup["label"] in failed:
        return "pgBackRest found errors in it"
    for label in backup.get("reference") or ():
        if label in failed or label not in known:
            return f"it needs {label}, which {'has errors' if label in failed else 'is gone'}"
    return ""


def _of_walg(entry: Mapping[str, Any]) -> ExternalBackup:
    name = entry["backup_name"]
    identifier = entry.get("system_identifier")
    return ExternalBackup(
        tool="WAL-G",
        name=name,
        kind="delta" if _WALG_DELTA in name else "full",
        finished=_time_of(entry),
        system_identifier="" if identifier is None else str(identifier),
        size_bytes=entry.get("uncompressed_size") or 0,
    )


def _time_of(entry: Mapping[str, Any]) -> datetime.datetime:
    # Without --detail only the time of the upload is told; Go's zero time stands where an old backup does not know its end.
    for key in ("finish_time", "modify_time", "time"):
        if entry.get(key):
            when = datetime.datetime.fromisoformat(entry[key])
            if when.year > 1:
                return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
    raise KeyError("finish_time")
