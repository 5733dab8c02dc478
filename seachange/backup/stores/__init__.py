"""Where backups are kept: a local folder."""

from __future__ import annotations

from seachange.backup.stores.local import LocalStore
from seachange.backup.stores.protocol import Progress, Store
from seachange.config import Settings

__all__ = ["LocalStore", "Progress", "Store", "open_store"]


def open_store(settings: Settings) -> Store:
    """Return the store that ``backup_dir`` names; nothing is made or connected yet.

    :param settings: the settings.
    """
    return LocalStore.of(settings)
