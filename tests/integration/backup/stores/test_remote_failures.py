"""Backups at a URL when servers, networks or runs break: a whole one, or none, and nothing that stays for ever."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seachange.backup.stores import RemoteStore
from seachange.backup.stores._faults import Patience
from seachange.config import Settings
from seachange.errors import InterruptedRunError, OutOfDiskError, SeachangeError, StoreFailedError, StoreUnreachableError
from seachange.postgres import interrupt
from seachange.postgres.redaction import redact
from tests.integration.backup.stores.conftest import MB, keep
from tests.object_store import SECRET, Gate, ObjectStore, free_port

_LARGE = {"large": b"x" * 17 * MB, "small": b"y"}


def _impatient(store: RemoteStore, *, attempts: int = 2) -> RemoteStore:
    place = dataclasses.replace(store.place, patience=Patience(attempts=attempts, timeout_s=5.0))
    return dataclasses.replace(store, place=place)


def _left(store: RemoteStore) -> list[str]:
    return sorted(store.place.files())


def _once(mode: str, pattern: str, *, times: int = 1) -> Callable[[str], str]:
    lock, left = threading.Lock(), [times]

    def rule(request: str) -> str:
        with lock:
            if left[0] and re.search(pattern, request):
                left[0] -= 1
                return mode
        return "pass"

    return rule


@pytest.mark.parametrize("mode", ["cut", "refuse"])
@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(r"PUT .*partNumber=2", id="part of a large file"),
        pytest.param(r"PUT .*/small", id="small file"),
        pytest.param(r"POST .*uploads", id="beginning of a large file"),
        pytest.param(r"POST .*uploadId", id="end of a large file"),
        pytest.param(r"PUT .*/manifest", id="manifest"),
        pytest.param(r"GET .*list-type", id="listing"),
    ],
)
def test_a_request_that_fails_in_passing_is_repeated(gate: tuple[Gate, RemoteStore], mode: str, pattern: str) -> None:
    watched, store = gate
    watched.rule = _once(mode, pattern, times=2)
    made = keep(store, files=_LARGE)
    watched.rule = lambda _request: "pass"

    assert [backup.status for backup in store.list(digests=True)] == ["complete"]
    assert _left(store) == sorted(f"{made.name}/{name}" for name in (*_LARGE, "manifest.json"))


def test_a_file_under_way_is_repeated_as_long_as_something_moves(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    place = dataclasses.replace(store.place, patience=Patience(timeout_s=0.01))
    # More often than the library repeats a request.
    watched.rule = _once("cut", r"PUT .*/small", times=7)

    assert keep(dataclasses.replace(store, place=place), files=_LARGE).complete


def test_a_download_that_is_cut_is_repeated(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files=_LARGE)
    watched.rule = _once("cut", r"GET .*/(large|small)", times=3)
    with store.fetched(made) as folder:
        assert {name: (folder / name).read_bytes() for name in _LARGE} == _LARGE


@pytest.mark.parametrize("mode", ["cut", "refuse"])
def test_a_server_that_goes_away_leaves_nothing_that_looks_like_a_backup(
    gate: tuple[Gate, RemoteStore], server: ObjectStore, mode: str
) -> None:
    watched, store = gate
    old = keep(store)
    gone = threading.Event()

    def rule(request: str) -> str:
        if "partNumber=3" in request:
            gone.set()
        return mode if gone.is_set() else "pass"

    watched.rule = rule
    begin = time.monotonic()
    with pytest.raises(
        StoreUnreachableError, match=r"uploading .*/large at s3://.* failed: the server does not answer as it"
    ) as caught:
        keep(_impatient(store), number=2, files=_LARGE)

    assert caught.value.exit_code == 6
    assert time.monotonic() - begin < 60
    watched.rule = lambda _request: "pass"
    assert store.list() == (old,)
    assert [name for name in _left(store) if name.startswith(".partial-")]

    # The next run is on the same machine, but this process lives; its age decides.
    made = keep(dataclasses.replace(store, stale_s=-1.0), number=3)

    assert store.list() == (made, old)
    assert _left(store) == sorted(f"{b.name}/{name}" for b in (made, old) for name in ("database.dump", "manifest.json"))
    assert server.uploads(_bucket(store)) == []


def _bucket(store: RemoteStore) -> str:
    return store.place.root.partition("/")[0]


def test_a_refusal_in_the_middle_removes_what_was_uploaded_at_once(gate: tuple[Gate, RemoteStore], server: ObjectStore) -> None:
    watched, store = gate
    watched.rule = lambda request: "forbid" if "PUT" in request and "/manifest.json" in request else "pass"
    with pytest.raises(StoreFailedError, match="access was denied") as caught:
        keep(store, files=_LARGE)

    assert "AWS_ACCESS_KEY_ID" in caught.value.hint
    assert _left(store) == []
    assert server.uploads(_bucket(store)) == []


def test_a_server_that_is_not_there_is_said_soon(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(StoreUnreachableError, match="looking for backups at s3://bucket/backups failed") as caught:
        RemoteStore.of(ObjectStore(port=free_port()).settings(tmp_path, "bucket")).list()

    assert time.monotonic() - begin < 25
    assert "FSSPEC_S3_ENDPOINT_URL" in caught.value.hint


def test_a_server_that_never_answers_is_given_up(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    options = {"FSSPEC_S3_CONFIG_KWARGS": '{"read_timeout": 1, "retries": {"total_max_attempts": 1}}'}
    hasty = dataclasses.replace(store.settings, environment={**store.settings.environment, **options}, migration_timeout=1_000)
    watched.rule = lambda _request: "swallow"
    begin = time.monotonic()
    with pytest.raises(StoreUnreachableError, match="the server does not answer as it should"):
        RemoteStore.of(hasty).list()

    assert time.monotonic() - begin < 20


def test_a_missing_bucket_is_named(server: ObjectStore, tmp_path: Path) -> None:
    store = RemoteStore.of(server.settings(tmp_path, "no-such-bucket"))
    for attempt in (store.list, lambda: keep(store)):
        with pytest.raises(StoreFailedError, match="s3://no-such-bucket does not exist") as caught:
            attempt()
        assert caught.value.hint == "make the bucket, or correct backup_dir"


def test_missing_credentials_are_said(server: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = {"AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.port}"}
    with pytest.raises(StoreFailedError, match="there are no credentials") as caught:
        RemoteStore.of(Settings(root=tmp_path, backup_dir="s3://bucket", environment=environment)).list()

    assert "AWS_PROFILE" in caught.value.hint


def test_no_secret_is_in_any_text_of_a_failure(
    gate: tuple[Gate, RemoteStore], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    watched, store = gate
    watched.rule = lambda _request: "forbid"
    with caplog.at_level(logging.DEBUG, logger="seachange"), pytest.raises(SeachangeError) as caught:
        store.list()
    told = "".join(traceback.format_exception(caught.value)) + caught.value.hint + caplog.text + "".join(capfd.readouterr())

    assert "access was denied" in told
    assert SECRET not in told
    assert redact(SECRET) == "***"


def test_a_disk_without_room_for_what_is_fetched_is_said_before(store: RemoteStore) -> None:
    made = keep(store)
    assert made.manifest is not None
    (file,) = made.manifest.files
    huge = dataclasses.replace(made.manifest, files=(dataclasses.replace(file, size_bytes=2**60),))

    with pytest.raises(OutOfDiskError, match="the backup needs about"), store.fetched(dataclasses.replace(made, manifest=huge)):
        pass


def test_an_interruption_leaves_nothing_and_is_quick(gate: tuple[Gate, RemoteStore], server: ObjectStore) -> None:
    watched, store = gate

    def rule(request: str) -> str:
        if "partNumber=3" in request:
            threading.Thread(target=interrupt.interrupt_all, daemon=True).start()
            time.sleep(0.3)
        return "pass"

    watched.rule = rule
    begin = time.monotonic()
    try:
        with pytest.raises(InterruptedRunError):
            keep(store, files=_LARGE)
    finally:
        interrupt.reset()

    assert time.monotonic() - begin < 8
    assert _left(store) == []
    assert server.uploads(_bucket(store)) == []
    assert [path.name for path in store.staging().iterdir()] == [".gitignore"]


_KEEP = """
import json, pathlib, signal, sys
from seachange.backup.stores import RemoteStore
from seachange.config import Settings
from tests.integration.backup.stores.conftest import MB, keep
signal.signal(signal.SIGINT, signal.default_int_handler)
root, url, environment = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
store = RemoteStore.of(Settings(root=pathlib.Path(root), backup_dir=url, environment=environment), part_bytes=5 * MB)
keep(store, number=7, files={"large": b"x" * 17 * MB, "small": b"y"})
"""


@contextlib.contextmanager
def _keeping(gate: Gate, store: RemoteStore) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of an upload in parts."""
    middle = threading.Event()

    def rule(request: str) -> str:
        if "partNumber=3" in request and not middle.is_set():
            middle.set()
            return "swallow"
        return "pass"

    gate.rule = rule
    arguments = [str(store.settings.root), store.location, json.dumps(dict(store.settings.environment))]
    command = [sys.executable, "-c", _KEEP, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert middle.wait(30)
            yield process
        finally:
            process.kill()


def test_ctrl_c_in_a_process_of_its_own_ends_it_within_seconds(gate: tuple[Gate, RemoteStore], server: ObjectStore) -> None:
    watched, store = gate
    with _keeping(watched, store) as process:
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert time.monotonic() - begin < 12
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert SECRET not in said
    assert store.list() == ()
    assert [name for name in _left(store) if not name.startswith(".partial-")] == []
    assert server.uploads(_bucket(store)) == []


def test_what_a_killed_upload_left_is_removed_by_the_next_run(
    gate: tuple[Gate, RemoteStore], server: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    watched, store = gate
    with _keeping(watched, store) as process:
        process.kill()
        process.wait()

    # The parts of an upload that was not completed are in no listing.
    assert server.uploads(_bucket(store)) == ["backups/20250601T120700Z-vetai-1750200000000/large"]
    assert [name for name in _left(store) if name.startswith(".partial-")]
    assert store.list() == ()

    with caplog.at_level(logging.WARNING, logger="seachange"):
        made = keep(store)

    assert server.uploads(_bucket(store)) == []
    assert _left(store) == [f"{made.name}/database.dump", f"{made.name}/manifest.json"]
    assert "20250601T120700Z-vetai-1750200000000 was left unfinished by a run that is gone, and was removed" in caplog.text
    assert [path.name for path in store.staging().iterdir()] == [".gitignore"]


def test_an_upload_under_way_is_not_taken_for_a_wreck(gate: tuple[Gate, RemoteStore], server: ObjectStore) -> None:
    watched, store = gate
    with _keeping(watched, store) as process:
        made = keep(store)

        assert process.poll() is None
        assert server.uploads(_bucket(store)) == ["backups/20250601T120700Z-vetai-1750200000000/large"]
        assert store.list() == (made,)


def _marker(name: str, **changed: object) -> bytes:
    given = {"name": name, "machine": "another", "host": "another", "pid": 1, "started": "2025-06-01T12:00:00+00:00"}
    return json.dumps({**given, **changed}).encode()


@pytest.mark.parametrize(("stale_s", "left"), [pytest.param(900.0, 1, id="fresh"), pytest.param(-1.0, 0, id="stale")])
def test_the_age_of_its_marker_says_whether_a_run_on_another_machine_is_gone(
    server: ObjectStore, store: RemoteStore, stale_s: float, left: int
) -> None:
    bucket, name = _bucket(store), "20250601T120900Z-vetai"
    server.put(bucket, "backups/.partial-0123456789abcdef.json", _marker(name))
    server.put(bucket, f"backups/{name}/database.dump", b"half")
    keep(dataclasses.replace(store, stale_s=stale_s))

    assert _left(store).count(f"{name}/database.dump") == left
    assert _left(store).count(".partial-0123456789abcdef.json") == left


@pytest.mark.parametrize(
    "marker",
    [
        pytest.param(_marker("notes"), id="of something else"),
        pytest.param(_marker("../other"), id="of another folder"),
        pytest.param(_marker(""), id="of everything"),
        pytest.param(b"nonsense", id="unreadable"),
    ],
)
def test_a_marker_that_is_not_ours_removes_nothing(server: ObjectStore, store: RemoteStore, marker: bytes) -> None:
    bucket = _bucket(store)
    for key in ("backups/notes/a", "other/b", "backups/c"):
        server.put(bucket, key, b"x")
    server.put(bucket, "backups/.partial-0123456789abcdef.json", marker)
    keep(dataclasses.replace(store, stale_s=-1.0))

    assert {"backups/notes/a", "other/b", "backups/c"} <= set(server.keys(bucket))


def test_a_backup_whose_run_was_killed_after_the_manifest_stays(server: ObjectStore, store: RemoteStore) -> None:
    old = keep(store)
    server.put(_bucket(store), "backups/.partial-0123456789abcdef.json", _marker(old.name))
    made = keep(dataclasses.replace(store, stale_s=-1.0), number=2)

    assert store.list() == (made, old)
    assert ".partial-0123456789abcdef.json" not in _left(store)


def test_a_marker_is_kept_fresh_while_its_run_is_at_work(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate

    def rule(request: str) -> str:
        if "/small" in request:
            time.sleep(1)
        return "pass"

    watched.rule = rule
    keep(dataclasses.replace(store, beat_s=0.1), files=_LARGE)

    assert watched.count(r"PUT .*/\.partial-") > 4


def test_a_removal_that_was_killed_is_finished_by_the_next_run(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files=_LARGE)
    gone = threading.Event()

    def rule(request: str) -> str:
        if request.startswith("POST") and "delete" in request:
            gone.set()
        return "cut" if gone.is_set() else "pass"

    watched.rule = rule
    with pytest.raises(StoreUnreachableError):
        _impatient(store).remove(made)
    watched.rule = lambda _request: "pass"

    assert store.list() == ()
    assert f"{made.name}/large" in _left(store)

    with dataclasses.replace(store, stale_s=-1.0).staged():
        assert _left(store) == []
