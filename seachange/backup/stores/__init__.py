"""Where backups are kept: a local folder, or a folder at a URL."""

from __future__ import annotations

from seachange.backup.stores._address import is_remote
from seachange.backup.stores.local import LocalStore
from seachange.backup.stores.protocol import Progress, Store
from seachange.backup.stores.remote import RemoteStore
from seachange.config import Settings

__all__ = ["LocalStore", "Progress", "RemoteStore", "Store", "open_store"]


def open_store(settings: Settings) -> Store:
    """Return the store that ``backup_dir`` names; nothing is made or connected yet.

    :param settings: the settings.
    :raises ConfigError: it is a URL that backups cannot go to.
    """
    return RemoteStore.of(settings) if is_remote(settings.backup_dir) else LocalStore.of(settings)
