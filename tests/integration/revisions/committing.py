"""A network that breaks at the COMMIT of a chosen revision."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from seachange.postgres.connection import Database
from tests.integration.postgres.wire import Wire

__all__ = ["BreaksAtCommit"]


class BreaksAtCommit(Wire):
    """Cuts the connection whose COMMIT follows a message with ``marker``, once.

    :param marker: what only the revision in question sends.
    :param lost: ``"answer"``: the server commits and its answer is swallowed; ``"question"``: COMMIT never arrives, and the
        server learns ``late_s`` seconds later that its client is gone.
    :param then: called before the client learns anything.
    """

    def __init__(
        self, database: Database, *, marker: str, lost: str, late_s: float = 0, then: Callable[[], object] = bool
    ) -> None:
        super().__init__(database)
        self._marker = marker.encode()
        self._lost = lost
        self._late_s = late_s
        self._then = then
        self._cut: set[socket.socket] = set()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        marked = False
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                marked = marked or self._marker in data
                if marked and b"COMMIT" in data and not self._cut:
                    self._cut.add(client)
                    if self._lost == "question":
                        self._then()
                        client.shutdown(socket.SHUT_RDWR)
                        time.sleep(self._late_s)
                        break
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _backward(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if client in self._cut:
                    self._then()
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)
