"""Artefacts for other consumers of the database, from its catalogue."""

from __future__ import annotations

from seachange.sync._write import SyncedFile, SyncResult
from seachange.sync.synchronise import client_targets, sync

__all__ = ["SyncResult", "SyncedFile", "client_targets", "sync"]
