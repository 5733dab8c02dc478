"""What pgBackRest and WAL-G print as JSON, in the shapes of their sources, and stand-ins that print it."""

from __future__ import annotations

import datetime
import json
import stat
from pathlib import Path
from typing import Any

__all__ = ["SYSTEM", "pgbackrest_backup", "pgbackrest_stanza", "stand_in", "walg_backup"]

SYSTEM = "7426717183218253101"


def pgbackrest_backup(label: str, *, stop: float, **changes: Any) -> dict[str, Any]:
    """Return one entry of ``backup`` in the output of pgBackRest 2.36 and later."""
    return {
        "archive": {"start": "000000030000DA1C00000010", "stop": "000000030000DAB7000000AF"},
        "backrest": {"format": 5, "version": "2.54.1"},
        "database": {"id": 1, "repo-key": 1},
        "error": False,
        "info": {"delta": 30983941, "repository": {"delta": 3961437, "size": 3961437}, "size": 30983941},
        "label": label,
        "lsn": {"start": "0/2000028", "stop": "0/2000100"},
        "prior": None,
        "reference": None,
        "timestamp": {"start": int(stop) - 90, "stop": int(stop)},
        "type": "full",
        **changes,
    }


def pgbackrest_stanza(
    *backups: dict[str, Any], name: str = "main", code: int = 0, message: str = "ok", system: str = SYSTEM
) -> Any:
    """Return one stanza in the output of ``pgbackrest info --output=json``."""
    return {
        "archive": [{"database": {"id": 1, "repo-key": 1}, "id": "15-1", "max": "000000010000000000000003", "min": None}],
        "backup": list(backups),
        "cipher": "none",
        "db": [{"id": 1, "repo-key": 1, "system-id": int(system), "version": "15"}],
        "name": name,
        "repo": [{"cipher": "none", "key": 1, "status": {"code": code, "message": message}}],
        "status": {"code": code, "lock": {"backup": {"held": False}}, "message": message},
    }


def walg_backup(name: str, *, finished: datetime.datetime, **changes: Any) -> dict[str, Any]:
    """Return one entry in the output of ``wal-g backup-list --detail --json``."""
    told = finished.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    return {
        "backup_name": name,
        "time": told,
        "wal_file_name": "000000010000000000000004",
        "storage_name": "default",
        "start_time": told,
        "finish_time": told,
        "date_fmt": "%Y-%m-%dT%H:%M:%S.%fZ",
        "hostname": "db1",
        "data_dir": "/var/lib/postgresql/15/main",
        "pg_version": 150018,
        "start_lsn": 67108904,
        "finish_lsn": 67109152,
        "is_permanent": False,
        "system_identifier": int(SYSTEM),
        "timeline": 1,
        "uncompressed_size": 41345024,
        "compressed_size": 5112394,
        **changes,
    }


def stand_in(path: Path, document: object, *, script: str = 'cat "$0.json"') -> Path:
    """Write a program that stands for pgBackRest or WAL-G, which are not installed where the tests run.

    :param path: where to write it.
    :param document: what it prints, as JSON; text as it is.
    :param script: what else it does.
    """
    path.with_name(f"{path.name}.json").write_text(document if isinstance(document, str) else json.dumps(document))
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
