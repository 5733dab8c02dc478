"""Throwaway servers whose data is made once and kept in the cache: the next one starts on a copy of it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.errors import OutOfDiskError, SeachangeError, ServerStartError
from seachange.postgres import interrupt
from seachange.postgres._installation import Installation
from seachange.postgres._kept import hold, keep, prune
from seachange.postgres._places import cache_root, fresh_folder, place_tree, short_hash
from seachange.postgres._pristine import cluster_key
from seachange.postgres._privileges import Identity
from seachange.postgres._throwaway import Run, Server, running
from seachange.postgres.server import own_programs

__all__ = ["Kept", "KeptServers", "Recipe"]

_log = logging.getLogger(__name__)

_STOP_S = 600.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the data of a server comes to be.

    ``key`` stands for all that the data depends on. ``make`` fills an empty server, or one that starts on a copy of
    ``data_from``, and leaves no session open; ``options`` are settings of the server meanwhile.
    """

    key: str
    make: Callable[[Server], None]
    data_from: Path | None = None
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kept:
    """A running server, and whether its data came from the cache."""

    server: Server
    hit: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptServers:
    """The part of the cache called ``name``, with at most ``limit`` data directories, for servers of one version.

    ``large`` data stays on the disk of the cache; the other is worked on in memory where there is room.
    """

    settings: Settings
    name: str
    major: int
    limit: int
    large: bool = False

    @contextlib.contextmanager
    def open(self, recipe: Recipe, *, options: Mapping[str, str] | None = None, fresh: bool = False) -> Iterator[Kept]:
        """Run a server for the length of the block; what is done to it there is not kept.

        :param recipe: makes its data where the cache does not have it.
        :param options: settings of the server.
        :param fresh: make the data even if the cache has it.
        :raises SeachangeError: the server did not start, or the recipe failed.
        """
        place = self._place()
        with contextlib.ExitStack() as stack:
            if fresh:
                place.drop(recipe.key)
            run = place.start(stack, recipe.key, options)
            hit = run is not None
            if run is None:
                with contextlib.ExitStack() as making:
                    made = self._filled(making, place, recipe)
                    run = self._restarted(stack, place, recipe.key, made=made, options=options)
            yield Kept(server=run.server, hit=hit)

    @contextlib.contextmanager
    def open_unchanged(self, recipe: Recipe) -> Iterator[Kept]:
        """Run a server that the block only reads from: new data needs not to be copied before it is used.

        :param recipe: makes its data, whatever the cache has.
        :raises SeachangeError: the server did not start, or the recipe failed.
        """
        place = self._place()
        with contextlib.ExitStack() as stack:
            run = place.run(stack, data_from=recipe.data_from, options=recipe.options)
            recipe.make(run.server)
            yield Kept(server=run.server, hit=False)
            self._keep(place, recipe.key, run)

    def free_bytes(self) -> int:
        """Return how much room there is on the disk of the cache."""
        root = cache_root(self.settings)
        found = os.statvfs(next(folder for folder in (root, *root.parents) if folder.exists()))
        return found.f_bavail * found.f_frsize

    def _place(self) -> _Place:
        installation, identity = own_programs(self.settings, self.major)
        return _Place(servers=self, installation=installation, identity=identity)

    def _filled(self, making: contextlib.ExitStack, place: _Place, recipe: Recipe) -> Run:
        run = place.run(making, data_from=recipe.data_from, options=recipe.options)
        recipe.make(run.server)
        if not run.stop(timeout_s=_STOP_S):
            raise ServerStartError("the server that was filled did not stop cleanly", hint="try again")
        return run

    def _restarted(
        self, stack: contextlib.ExitStack, place: _Place, key: str, *, made: Run, options: Mapping[str, str] | None
    ) -> Run:
        started = place.start(stack, key, options) if self.limit and self._put(place, key, made) else None
        return started or place.run(stack, data_from=made.data_dir, options=options, move=True)

    def _keep(self, place: _Place, key: str, run: Run) -> None:
        if self.limit and run.stop(timeout_s=_STOP_S):
            self._put(place, key, run)

    def _put(self, place: _Place, key: str, run: Run) -> bool:
        try:
            with interrupt.shielded():
                place.keep(key, run.data_dir)
                place.prune()
        except (SeachangeError, OSError) as exc:
            # The work goes on; without the cache the next run takes longer, that is all.
            _log.warning("the data of the server was not kept: %s", exc)
            return False
        return True


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the data directories lie that these programs, run by this user, can use."""

    servers: KeptServers
    installation: Installation
    identity: Identity | None

    @property
    def _root(self) -> Path:
        return cache_root(self.servers.settings) / self.servers.name

    @property
    def _parent(self) -> Path:
        return fresh_folder(self._root / cluster_key(self.installation, self.identity))

    def run(
        self,
        stack: contextlib.ExitStack,
        *,
        data_from: Path | None = None,
        options: Mapping[str, str] | None = None,
        move: bool = False,
    ) -> Run:
        """Start a server on a copy, or on a fresh data directory; on the disk of the cache when its data is large."""
        large = self.servers.large
        return stack.enter_context(
            running(
                self.servers.settings,
                self.installation,
                self.identity,
                data_from=data_from,
                options=options,
                in_memory=not large,
                # Its path has to be short: the socket is there too.
                root=fresh_folder(self._root) if large else None,
                move=move,
            )
        )

    def start(self, stack: contextlib.ExitStack, key: str, options: Mapping[str, str] | None) -> Run | None:
        """Start a server on a copy of what is kept, if it is."""
        folder = self._parent / short_hash(key)
        with contextlib.ExitStack() as held:
            if not hold(held, folder):
                return None
            try:
                return self.run(stack, data_from=folder / "data", options=options)
            except OutOfDiskError:
                raise
            except ServerStartError as exc:
                _log.warning("the data kept in %s is unusable and is made anew: %s", folder, exc)
        self.drop(key)
        return None

    def keep(self, key: str, data_dir: Path) -> None:
        """Move the data directory of a server that was shut down into the cache, in place of what is there."""
        folder = self._parent / short_hash(key)
        if not folder.exists():
            keep(folder, self.identity, lambda target: place_tree(data_dir, target, identity=self.identity, move=True))

    def drop(self, key: str) -> None:
        """Remove what is kept, unless somebody copies it right now."""
        prune([self._parent / short_hash(key)], to=0)

    def prune(self) -> None:
        """Remove what was not used for longest."""
        parents = [parent for parent in self._root.iterdir() if not parent.name.startswith(".")]
        folders = [folder for parent in parents for folder in parent.iterdir() if not folder.name.startswith(".")]
        for removed in prune(folders, to=self.servers.limit):
            _log.info("removed %s from the cache, not used for longest", removed)
