"""A network between client and server that can be cut, slowed down to nothing, or answer in the server's place."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from seachange.postgres.connection import Database

__all__ = ["Wire", "error_response", "silent_port"]


def error_response(message: str, *, sqlstate: str, severity: str = "FATAL") -> bytes:
    """Return what a server sends when it refuses a connection."""
    fields = b"".join(
        kind + text.encode() + b"\0" for kind, text in ((b"S", severity), (b"V", "FATAL"), (b"C", sqlstate), (b"M", message))
    )
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"


class Wire:
    """A TCP port that leads to the Unix socket of a server.

    :param database: the server, by its socket.
    :param answers: what to say to the first connections instead of letting them through.
    :param pretend_pid: a process id to put into the server's greeting, as poolers do.
    :param swallow_after: how many bytes of each connection come back before everything is swallowed.
    """

    def __init__(
        self,
        database: Database,
        *,
        answers: tuple[bytes, ...] = (),
        pretend_pid: int | None = None,
        swallow_after: int | None = None,
    ) -> None:
        parameters = database.parameters
        self._socket_path = f"{parameters['host']}/.s.PGSQL.{parameters.get('port', '5432')}"
        self._answers = list(answers)
        self._pretend_pid = pretend_pid
        self._swallow_after = swallow_after
        self._swallowing = threading.Event()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.database = database.with_parameters(host="127.0.0.1", port=str(self.port), sslmode="disable", gssencmode="disable")

    def swallow(self) -> None:
        """From now on take every packet, acknowledge it and forget it: keepalives see nothing wrong."""
        self._swallowing.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A thread that blocks in accept() is woken by a shutdown, not by a close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self._sockets:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._answers:
                client.recv(65536)
                client.sendall(self._answers.pop(0))
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._socket_path)
            self._sockets.append(server)
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._backward, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if not self._swallowing.is_set():
                    server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _backward(self, server: socket.socket, client: socket.socket) -> None:
        passed = 0
        greeting = self._pretend_pid is not None
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                passed += len(data)
                if self._swallow_after is not None and passed > self._swallow_after:
                    self.swallow()
                if greeting and b"K\0\0\0\x0c" in data:
                    data, greeting = self._renumbered(data), False
                if not self._swallowing.is_set():
                    client.sendall(data)
            if not self._swallowing.is_set():
                client.shutdown(socket.SHUT_WR)

    def _renumbered(self, data: bytes) -> bytes:
        at = data.index(b"K\0\0\0\x0c") + 5
        return data[:at] + struct.pack("!I", self._pretend_pid or 0) + data[at + 4 :]


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
