"""Backups: make, list, find, verify, restore, retain."""

from __future__ import annotations

from seachange.backup.create import create_backup
from seachange.backup.restore import Restored, restore
from seachange.backup.retention import prune_backups
from seachange.backup.store import fetched, find_backup, list_backups
from seachange.backup.verify import Backup, verify_digests

__all__ = [
    "Backup",
    "Restored",
    "create_backup",
    "fetched",
    "find_backup",
    "list_backups",
    "prune_backups",
    "restore",
    "verify_digests",
]
