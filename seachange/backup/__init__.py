"""Backups: make, list, find, verify, restore, retain."""

from __future__ import annotations

from seachange.backup.create import create_backup
from seachange.backup.external import ExternalBackup, list_external, require_external
from seachange.backup.ownership import Ownership
from seachange.backup.restore import How, Restored, plan_restore, restore
from seachange.backup.retention import prune_backups
from seachange.backup.store import fetched, find_backup, list_backups
from seachange.backup.verify import Backup, verify_digests

__all__ = [
    "Backup",
    "ExternalBackup",
    "How",
    "Ownership",
    "Restored",
    "create_backup",
    "fetched",
    "find_backup",
    "list_backups",
    "list_external",
    "plan_restore",
    "prune_backups",
    "require_external",
    "restore",
    "verify_digests",
]
