"""A throwaway database made in the background where the real one seems to be, while env.py is still being asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from seachange.errors import SeachangeError

if TYPE_CHECKING:
    from seachange.config import Settings
    from seachange.postgres.connection import Database
    from seachange.revisions.history import History

__all__ = ["Ahead"]

# A shadow that is still being opened at the end of a run was interrupted; its server ends with this process in any case.
_PATIENCE_S = 5.0


class Ahead:
    """A copy of the shadow at a state that is only guessed; :meth:`take` gives it to whoever needs that very state.

    Asking env.py imports the project, which keeps one processor busy; a server starts on another one meanwhile.

    :param settings: the project's settings.
    :param history: all revisions.
    :param revisions: where the database seems to be.
    :param major: the version of the server.
    """

    def __init__(self, settings: Settings, history: History, *, revisions: Iterable[str], major: int) -> None:
        self._settings = settings
        self._history = history
        self._revisions = tuple(sorted(revisions))
        self._major = major
        self._open = contextlib.ExitStack()
        self._database: Database | None = None
        self._thread = threading.Thread(target=self._make, name="shadow", daemon=True)
        self._thread.start()

    def _make(self) -> None:
        from seachange.revisions.shadow_history import open_shadow

        # Who needs the database meets the same error, and tells it.
        with contextlib.suppress(SeachangeError):
            opened = open_shadow(self._settings, self._history, revisions=self._revisions, major=self._major)
            self._database = self._open.enter_context(opened).clone()

    def take(self, revisions: Iterable[str], *, major: int | None) -> Database | None:
        """Return the database, once, if it is at ``revisions`` on a server of ``major``; it is gone after :meth:`close`.

        :param revisions: the state that is needed.
        :param major: the version that is needed.
        """
        if (tuple(sorted(revisions)), major) != (self._revisions, self._major):
            return None
        self._thread.join()
        found, self._database = self._database, None
        return found

    def close(self) -> None:
        """Stop the server."""
        self._thread.join(_PATIENCE_S)
        self._open.close()
