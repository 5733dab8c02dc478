"""A real S3 server on this machine for tests, in a process of its own, and a gate before it that can misbehave."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import re
import secrets
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from seachange.config import Settings

__all__ = ["SECRET", "Gate", "ObjectStore", "free_port", "gated", "object_store"]

SECRET = "canary/secret+key=never-to-be-seen"

_ANSWERS = {"refuse": ("503 Slow Down", "SlowDown"), "forbid": ("403 Forbidden", "AccessDenied")}

# The server does not check it, but asks for one.
_SIGNED = "AWS4-HMAC-SHA256 Credential=key/20250601/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """A server that speaks S3; the port may be that of a gate before it."""

    port: int

    def bucket(self) -> str:
        """Make a bucket, and return its name."""
        name = f"bucket-{secrets.token_hex(4)}"
        self._request("PUT", f"/{name}")
        return name

    def uploads(self, bucket: str) -> list[str]:
        """Return the keys that multipart uploads are under way for."""
        return re.findall(r"<Key>(.*?)</Key>", self._request("GET", f"/{bucket}?uploads"))

    def put(self, bucket: str, key: str, data: bytes) -> None:
        """Write an object past everything that is tested."""
        self._request("PUT", f"/{bucket}/{key}", data)

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object past everything that is tested."""
        return self._request("GET", f"/{bucket}/{key}").encode("latin-1")

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object past everything that is tested."""
        self._request("DELETE", f"/{bucket}/{key}")

    def keys(self, bucket: str) -> list[str]:
        """Return the keys of all objects."""
        return re.findall(r"<Key>(.*?)</Key>", self._request("GET", f"/{bucket}?list-type=2"))

    def environment(self) -> Mapping[str, str]:
        """Return the variables that lead there."""
        return {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def settings(self, root: Path, bucket: str, folder: str = "/backups") -> Settings:
        """Return settings of a project that keeps its backups there."""
        return Settings(root=root, backup_dir=f"s3://{bucket}{folder}", environment=self.environment())

    def _request(self, method: str, path: str, data: bytes | None = None) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, body=data, headers={"Authorization": _SIGNED})
            answer = connection.getresponse()
            text = answer.read().decode("latin-1")
        assert answer.status < 300, text
        return text


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Yield a server, which is stopped at the end."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield ObjectStore(port=port)
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


class Gate:
    """Forwards connections to a server; a rule sees each request, and may cut it off, refuse or swallow it."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._over = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.rule: Callable[[str], str] = lambda _request: "pass"
        threading.Thread(target=self._accept, daemon=True, name="gate").start()

    def count(self, pattern: str) -> int:
        """Return how many requests so far match."""
        return sum(bool(re.search(pattern, request)) for request in list(self.requests))

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
            threading.Thread(target=self._serve, args=(client,), daemon=True, name="gate-connection").start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._target)) as server, selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            with contextlib.suppress(OSError):
                while not self._over.is_set():
                    for key, _ in selector.select(0.2):
                        source: socket.socket = key.fileobj  # type: ignore[assignment]
                        data = source.recv(1 << 16)
                        if not data or not self._forward(data, key.data, back=client if source is client else None):
                            return

    def _forward(self, data: bytes, target: socket.socket, *, back: socket.socket | None) -> bool:
        found = re.match(rb"(GET|PUT|POST|DELETE|HEAD) (\S+) HTTP/1\.1\r\n", data) if back else None
        if found and back:
            request = f"{found[1].decode()} {found[2].decode()}"
            self.requests.append(request)
            self.heads.append(data.partition(b"\r\n\r\n")[0].decode("latin-1"))
            mode = self.rule(request)
            if mode == "cut":
                return False
            if mode in _ANSWERS:
                status, code = _ANSWERS[mode]
                body = f"<Error><Code>{code}</Code><Message>The gate says {code}.</Message></Error>"
                back.sendall(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                # Closing while the request still comes in would cut off the answer.
                back.shutdown(socket.SHUT_WR)
                back.settimeout(2)
                while back.recv(1 << 16):
                    pass
                return False
            if mode == "swallow":
                self._over.wait(120)
                return False
        target.sendall(data)
        return True


@contextlib.contextmanager
def gated(server: ObjectStore) -> Iterator[tuple[Gate, ObjectStore]]:
    """Yield a gate to a server, and the server's address behind it."""
    gate = Gate(server.port)
    try:
        yield gate, ObjectStore(port=gate.port)
    finally:
        gate.close()
