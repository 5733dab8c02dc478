"""The cache of shadow databases: one data directory for each state, with a template database in it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path

from seachange.config import Settings
from seachange.postgres._installation import Installation
from seachange.postgres._kept import hold, keep, prune
from seachange.postgres._places import cache_root, fresh_folder, place_tree, short_hash
from seachange.postgres._pristine import cluster_key
from seachange.postgres._privileges import Identity

__all__ = ["CACHE_NAME", "ShadowStore", "template_name"]

_log = logging.getLogger(__name__)

CACHE_NAME = "shadows"


def template_name(key: str) -> str:
    """Return the name of the template database for the state ``key``."""
    return f"seachange_shadow_{short_hash(key)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShadowStore:
    """What is kept for the programs of one version, run by one user."""

    settings: Settings
    installation: Installation
    identity: Identity | None

    @property
    def _root(self) -> Path:
        return cache_root(self.settings) / CACHE_NAME

    def _folder(self, key: str) -> Path:
        return self._root / cluster_key(self.installation, self.identity) / short_hash(key)

    def find(self, stack: contextlib.ExitStack, key: str) -> Path | None:
        """Return the data directory of a state, which stays as long as ``stack`` is open, or None."""
        folder = self._folder(key)
        return folder / "data" if hold(stack, folder) else None

    def drop(self, key: str) -> None:
        """Remove a state that turned out to be unusable."""
        prune([self._folder(key)], to=0)

    def keep(self, key: str, data_dir: Path, *, move: bool) -> bool:
        """Keep the data directory of a server that was shut down, unless the state is there already.

        :param key: the state.
        :param data_dir: the data directory.
        :param move: it is not needed any more.
        :returns: whether it was this one that was kept.
        """
        folder = self._folder(key)
        fresh_folder(folder.parent)
        if folder.exists():
            return False
        return keep(folder, self.identity, lambda target: place_tree(data_dir, target, identity=self.identity, move=move))

    def prune(self) -> None:
        """Remove the states of this major version that were not used for longest, beyond ``shadow_keep``."""
        folders = [
            folder
            for folder in self._root.glob(f"{self.installation.major}-*/*")
            if folder.is_dir() and not folder.name.startswith(".")
        ]
        for removed in prune(folders, to=self.settings.shadow_keep):
            _log.info("removed the shadow database %s, not used for longest", removed)
