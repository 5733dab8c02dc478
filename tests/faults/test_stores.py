"""Backups in a bucket and encrypted ones: uploads that break, servers that go away, keys that do not fit."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from seachange.backup import list_backups, restore
from seachange.backup.stores import RemoteStore
from seachange.config import Settings
from seachange.errors import SeachangeError
from seachange.postgres.connection import Database
from seachange.postgres.server import Server
from tests.faults.fault import Observed, fault
from tests.integration.backup.conftest import Backer, databases_of
from tests.integration.backup.stores.conftest import MB, keep
from tests.integration.backup.stores.test_remote_failures import _KEEP
from tests.object_store import SECRET, Gate, ObjectStore, gated, object_store

LARGE = {"large": b"x" * 17 * MB, "small": b"y"}


@pytest.fixture(scope="module")
def object_server() -> Iterator[ObjectStore]:
    """An S3 server."""
    with object_store() as running:
        yield running


@pytest.fixture
def bucket(object_server: ObjectStore, tmp_path: Path) -> Iterator[tuple[Gate, RemoteStore, str]]:
    """A bucket of its own behind a gate that sees each request."""
    name = object_server.bucket()
    with gated(object_server) as (gate, behind):
        yield gate, RemoteStore.of(behind.settings(tmp_path, name), part_bytes=5 * MB), name


@fault(
    "requests to the bucket are cut in the middle, twice each (a part of an upload, its end, the manifest, the listing)",
    expected="they are repeated; the backup is whole and nothing else is in the bucket",
)
def test_a_request_that_is_cut_is_repeated(
    bucket: tuple[Gate, RemoteStore, str], object_server: ObjectStore, observed: Observed
) -> None:
    gate, store, name = bucket
    cut: dict[str, int] = {}

    def rule(request: str) -> str:
        for mark in ("partNumber=2", "uploadId", "/manifest", "list-type"):
            if mark in request and cut.get(mark, 0) < 2:
                cut[mark] = cut.get(mark, 0) + 1
                return "cut"
        return "pass"

    gate.rule = rule
    keep(store, files=LARGE)
    gate.rule = lambda _request: "pass"
    (made,) = store.list(digests=True)

    assert (made.status, set(cut.values()), object_server.uploads(name)) == ("complete", {2}, [])
    observed.tell(f"{sum(cut.values())} requests were cut; the backup is {made.status}, no upload is left unfinished")


@fault(
    "SIGKILL to the upload of a backup in parts",
    catalogue=13,
    expected="it is in no list: the manifest goes last; the next run removes the parts, which no listing shows, and its marker",
)
def test_what_a_killed_upload_left_is_removed_by_the_next_run(
    bucket: tuple[Gate, RemoteStore, str], object_server: ObjectStore, observed: Observed
) -> None:
    gate, store, name = bucket
    middle = threading.Event()

    def rule(request: str) -> str:
        if "partNumber=3" in request and not middle.is_set():
            middle.set()
            return "swallow"
        return "pass"

    gate.rule = rule
    arguments = [str(store.settings.root), store.location, json.dumps(dict(store.settings.environment))]
    with subprocess.Popen(
        [sys.executable, "-c", _KEEP, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        assert middle.wait(60)
        process.kill()
    listed, unfinished = store.list(), object_server.uploads(name)
    gate.rule = lambda _request: "pass"
    made = keep(store)

    assert (listed, len(unfinished), object_server.uploads(name)) == ((), 1, [])
    assert [key for key in object_server.keys(name) if made.name not in key] == []
    observed.tell(
        f"listed: {len(listed)} backups, {len(unfinished)} upload unfinished; after the next run 0 unfinished, its backup alone"
    )


@fault(
    "the bucket's server goes away in the middle of an upload and stays away",
    expected="exit 6 after trying again; old backups are untouched, nothing new is listed, no secret is told",
)
def test_a_server_that_goes_away_leaves_nothing_that_looks_like_a_backup(
    bucket: tuple[Gate, RemoteStore, str], observed: Observed
) -> None:
    gate, store, _ = bucket
    old = keep(store)
    gone = threading.Event()

    def rule(request: str) -> str:
        if "partNumber=3" in request:
            gone.set()
        return "cut" if gone.is_set() else "pass"

    gate.rule = rule
    from seachange.backup.stores._faults import Patience

    impatient = dataclasses.replace(store, place=dataclasses.replace(store.place, patience=Patience(timeout_s=1.0)))
    with pytest.raises(SeachangeError) as caught:
        keep(impatient, number=2, files=LARGE)
    gate.rule = lambda _request: "pass"

    assert (caught.value.exit_code, store.list()) == (6, (old,))
    assert SECRET not in caught.value.message
    observed.tell(f"exit {int(caught.value.exit_code)}; the old backup is {store.list()[0].status}, nothing else is listed")


@pytest.fixture
def sealed(here: Settings, tmp_path: Path) -> Settings:
    """Settings whose backups are encrypted, with the key that opens them."""
    identity = pyrage.x25519.Identity.generate()
    key = tmp_path / "key.txt"
    key.write_text(f"{identity}\n")
    key.chmod(0o600)
    return dataclasses.replace(here, backup_encrypt_to=(str(identity.to_public()),), backup_identity=str(key))


@fault(
    "an encrypted backup is restored with another key, or without one",
    expected="refused before anything is made, with the recipients named; nothing decrypted is left on the disk",
)
@pytest.mark.parametrize("which", ["another", "none"])
def test_a_key_that_does_not_fit(
    clinic: Database, server: Server, back_up: Backer, sealed: Settings, tmp_path: Path, which: str, observed: Observed
) -> None:
    made = back_up(clinic, sealed)
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    other.chmod(0o600)
    before = databases_of(server)
    with pytest.raises(SeachangeError) as caught:
        restore(
            made, dataclasses.replace(sealed, backup_identity=str(other) if which == "another" else ""), server=server.database()
        )

    assert databases_of(server) == before
    assert "AGE-SECRET-KEY" not in f"{caught.value.message} {caught.value.hint}"
    message = caught.value.message.replace(sealed.backup_encrypt_to[0], "RECIPIENT")
    observed.tell(f'{which} key: exit {int(caught.value.exit_code)}, "{message}"')


@fault(
    "one bit is flipped in an encrypted backup (20 places)",
    catalogue=18,
    expected="each is found by its digest, without a key",
)
def test_a_flipped_bit_of_an_encrypted_backup_is_found_without_a_key(
    clinic: Database, back_up: Backer, sealed: Settings, observed: Observed
) -> None:
    made = back_up(clinic, sealed)
    keyless = dataclasses.replace(sealed, backup_identity="")
    path = max((one for one in made.path.rglob("*") if one.is_file()), key=lambda one: one.stat().st_size)
    data, found = path.read_bytes(), 0
    for number in range(20):
        place = len(data) * number // 20
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        found += not list_backups(keyless, digests=True)[0].complete
    path.write_bytes(data)

    assert (found, b"clients" in data) == (20, False)
    with contextlib.suppress(FileNotFoundError):
        assert list_backups(keyless, digests=True)[0].complete
    observed.tell(f"{found} of 20 found; nothing readable is in the file")
