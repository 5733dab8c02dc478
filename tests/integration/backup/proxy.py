"""A proxy between a client and a server that can stop, cut or swallow what passes, at a byte of the test's choice."""

from __future__ import annotations

import contextlib
import selectors
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from seachange.postgres.connection import Database

__all__ = ["Proxy", "proxied"]


class Proxy:
    """Forwards connections over a Unix socket; ``at`` is called when so many bytes have passed.

    It runs in the thread of the connection, which forwards nothing until it returns; what it returns says what then
    happens to the connection: ``"go on"``, ``"cut"``, or ``"swallow"``: acknowledge everything and forward nothing.
    """

    def __init__(self, target: str, folder: Path) -> None:
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._after = 0
        self._at: Callable[[], str] | None = None
        self._times = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def at(self, after_bytes: int, act: Callable[[], str], *, times: int = 1) -> None:
        """Call ``act`` in the first ``times`` connections that more than ``after_bytes`` pass through."""
        self._after, self._at, self._times = after_bytes, act, times

    def close(self) -> None:
        """Stop forwarding."""
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True, name="proxy-connection").start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, selectors.DefaultSelector() as selector:
            try:
                server.connect(self._target)
            except OSError:
                return
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            passed, mode = 0, "go on"
            while not self._over.is_set():
                for key, _ in selector.select(0.2):
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    try:
                        data = source.recv(1 << 16)
                    except OSError:
                        return
                    if not data:
                        return
                    passed += len(data)
                    if mode == "go on" and passed > self._after:
                        mode = self._act()
                    if mode == "cut":
                        return
                    if mode == "go on":
                        with contextlib.suppress(OSError):
                            key.data.sendall(data)

    def _act(self) -> str:
        with self._lock:
            if self._at is None or not self._times:
                return "go on"
            self._times -= 1
        return self._at()


@contextlib.contextmanager
def proxied(database: Database) -> Iterator[tuple[Proxy, Database]]:
    """Yield a proxy to the server of a database, and the database's address behind it."""
    with tempfile.TemporaryDirectory(prefix="sc-proxy-") as name:
        folder = Path(name)
        port = database.parameters.get("port", "5432")
        proxy = Proxy(f"{database.parameters['host']}/.s.PGSQL.{port}", folder)
        try:
            yield proxy, database.with_parameters(host=str(folder), port="5432")
        finally:
            proxy.close()
