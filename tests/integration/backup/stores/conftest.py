"""A real S3 server for tests of stores, a bucket for each test, and backups made without a database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from seachange.backup import Backup
from seachange.backup.files import write_new
from seachange.backup.manifest import MANIFEST_NAME, describe_file
from seachange.backup.stores import RemoteStore, Store
from tests.backups import make_manifest
from tests.object_store import Gate, ObjectStore, gated, object_store

__all__ = ["MB", "Keeper", "keep"]

MB = 1024**2

Keeper = Callable[..., Backup]


@pytest.fixture(scope="session")
def server() -> Iterator[ObjectStore]:
    with object_store() as server:
        yield server


@pytest.fixture
def bucket(server: ObjectStore) -> str:
    return server.bucket()


@pytest.fixture
def store(server: ObjectStore, bucket: str, tmp_path: Path) -> RemoteStore:
    return RemoteStore.of(server.settings(tmp_path, bucket), part_bytes=5 * MB)


@pytest.fixture
def gate(server: ObjectStore, bucket: str, tmp_path: Path) -> Iterator[tuple[Gate, RemoteStore]]:
    """A store whose requests pass a gate."""
    with gated(server) as (gate, behind):
        yield gate, RemoteStore.of(behind.settings(tmp_path, bucket), part_bytes=5 * MB)


def keep(store: Store, *, number: int = 1, files: Mapping[str, bytes] | None = None, name: str = "", **given: str) -> Backup:
    """Make a backup with these files and publish it."""
    with store.staged() as partial:
        for path, data in (files or {"database.dump": f"dump number {number}".encode()}).items():
            (partial / path).parent.mkdir(exist_ok=True)
            (partial / path).write_bytes(data)
        paths = [os.path.relpath(path, partial) for path in sorted(partial.rglob("*")) if path.is_file()]
        manifest = make_manifest(number=number, files=tuple(describe_file(partial, path) for path in paths), **given)
        write_new(partial / MANIFEST_NAME, manifest.to_json())
        return store.publish(partial, name or f"20250601T12{number:02}00Z-vetai-1750200000000")
