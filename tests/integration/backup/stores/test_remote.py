"""Backups at a URL: what is there, found, fetched and removed, on a real S3 server and on other file systems."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import os
import stat
from pathlib import Path

import pytest

from seachange.backup import fetched, find_backup, list_backups, prune_backups, verify_digests
from seachange.backup.stores import RemoteStore
from seachange.backup.verification import Verification
from seachange.config import Settings
from seachange.errors import BackupInvalidError, BackupNotFoundError
from tests.integration.backup.stores.conftest import MB, keep
from tests.object_store import Gate, ObjectStore

_FILES = {"database.dump": b"the dump", "data/1.dat": b"one", "data/2.dat": b""}


@pytest.fixture(params=["s3", "file", "memory"])
def anywhere(request: pytest.FixtureRequest, server: ObjectStore, tmp_path: Path) -> RemoteStore:
    """A store on each file system that is at hand."""
    urls = {"file": f"file://{tmp_path}/remote folder/backups", "memory": f"memory://{tmp_path.name}/backups"}
    settings = Settings(root=tmp_path, backup_dir=urls.get(request.param, ""))
    return RemoteStore.of(settings if request.param in urls else server.settings(tmp_path, server.bucket()))


def test_an_empty_place_has_no_backups(anywhere: RemoteStore) -> None:
    assert anywhere.list() == ()


def test_what_was_kept_is_listed_newest_first(anywhere: RemoteStore) -> None:
    made = [keep(anywhere, number=number, files=_FILES) for number in (2, 1, 3)]

    expected = [f"20250601T120{number}00Z-vetai-1750200000000" for number in (3, 2, 1)]

    assert expected == [backup.name for backup in anywhere.list()]
    assert [made[2], made[0], made[1]] == list(anywhere.list())
    assert [backup.status for backup in anywhere.list(digests=True)] == ["complete"] * 3


def test_a_remote_backup_says_where_it_is(store: RemoteStore, bucket: str) -> None:
    made = keep(store)

    assert made.location == f"s3://{bucket}/backups/20250601T120100Z-vetai-1750200000000"
    assert made.to_dict()["path"] == made.location
    assert store.location == f"s3://{bucket}/backups"


def test_two_of_one_name_get_different_ones(anywhere: RemoteStore) -> None:
    first, second = keep(anywhere), keep(anywhere)

    assert second.name.startswith(f"{first.name}-")
    assert {backup.name for backup in anywhere.list()} == {first.name, second.name}


def test_what_is_fetched_is_private_whole_and_gone_afterwards(anywhere: RemoteStore) -> None:
    made = keep(anywhere, files=_FILES)
    with fetched(made, anywhere.settings) as local:
        verify_digests(local)
        found = {str(path.relative_to(local.path)) for path in local.path.rglob("*") if path.is_file()}
        modes = {stat.S_IMODE(path.stat().st_mode) for path in local.path.rglob("*") if path.is_file()}
        folder = local.path

    assert folder.name == made.name
    assert found == {*_FILES, "manifest.json"}
    assert modes == {0o600}
    assert not folder.exists()


def test_only_the_files_that_are_asked_for_are_fetched(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files=_FILES)
    watched.requests.clear()
    with store.fetched(made, files=["data/1.dat"]) as folder:
        assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == ["data/1.dat", "manifest.json"]

    assert watched.count("database.dump") == 0


def test_nothing_of_an_upload_is_left_in_the_project(store: RemoteStore) -> None:
    keep(store)

    assert [path.name for path in store.staging().iterdir()] == [".gitignore"]


def test_a_removed_backup_is_gone_and_others_stay(anywhere: RemoteStore) -> None:
    first, second = keep(anywhere, number=1, files=_FILES), keep(anywhere, number=2)

    assert anywhere.remove(first)
    assert not anywhere.remove(first)
    assert anywhere.list() == (second,)
    assert sorted(anywhere.place.files()) == [f"{second.name}/database.dump", f"{second.name}/manifest.json"]


def test_its_manifest_is_the_first_that_is_removed_and_the_last_that_is_uploaded(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files=_FILES)
    puts = [request for request in watched.requests if request.startswith("PUT") and "/2025" in request]
    watched.requests.clear()
    store.remove(made)
    removals = [request for request in watched.requests if request.startswith(("DELETE", "POST")) and ".partial" not in request]

    assert puts[-1].endswith(f"{made.name}/manifest.json")
    assert len(puts) == 4
    assert removals[0].startswith("DELETE")
    assert removals[0].endswith(f"{made.name}/manifest.json")


def test_retention_works_as_in_a_folder(store: RemoteStore) -> None:
    made = [keep(store, number=number) for number in range(1, 5)]
    settings = dataclasses.replace(store.settings, backup_keep_last=2)
    record = Verification(at=made[3].started, method="restore", ok=True, manifest_sha256=made[3].manifest_sha256)

    assert prune_backups(settings) == ()

    store.write_verification(made[3], record.to_json())

    assert [backup.name for backup in prune_backups(settings)] == [backup.name for backup in made[:2]]
    assert [backup.name for backup in list_backups(settings)] == [made[3].name, made[2].name]


@pytest.mark.parametrize("which", ["latest", "20250601T120200Z-vetai-1750200000000", "20250601T1202"])
def test_a_backup_is_found_by_name_beginning_and_as_the_latest(store: RemoteStore, which: str) -> None:
    keep(store, number=1)
    expected = keep(store, number=2)

    assert find_backup(store.settings, which) == expected


def test_a_backup_is_found_by_its_url(store: RemoteStore) -> None:
    made = keep(store)

    assert find_backup(store.settings, made.location) == made
    with pytest.raises(BackupNotFoundError, match=r"there is no backup 's3://.*' in s3://"):
        find_backup(store.settings, "s3://elsewhere/backups/20250601T120100Z-vetai")


def test_a_listing_is_never_stale(server: ObjectStore, store: RemoteStore, bucket: str) -> None:
    made = keep(store)
    assert len(store.list()) == 1
    server.delete(bucket, f"backups/{made.name}/manifest.json")
    assert store.list() == ()
    other = RemoteStore.of(store.settings)
    again = keep(other, number=2)

    assert store.list() == (again,)


def test_what_is_not_ours_is_not_listed(server: ObjectStore, store: RemoteStore, bucket: str) -> None:
    made = keep(store)
    for key in (
        "notes.txt",
        "other/manifest.json",
        "20250601T120100Z-x/below/manifest.json",
        "20250601T130000Z-vetai/database.dump",
    ):
        server.put(bucket, f"backups/{key}", b"x")
    server.put(bucket, "backups-of-others/20250601T120100Z-y/manifest.json", b"x")

    assert store.list() == (made,)


@pytest.mark.parametrize(
    ("key", "data", "problem"),
    [
        pytest.param("database.dump", b"short", "{url}/database.dump has 5 bytes instead of 13", id="truncated"),
        pytest.param("database.dump", None, "{url}/database.dump is missing", id="missing"),
        pytest.param("manifest.json", b"{}", "{url}/manifest.json has the format None", id="manifest"),
    ],
)
def test_damage_is_listed(
    server: ObjectStore, store: RemoteStore, bucket: str, key: str, data: bytes | None, problem: str
) -> None:
    made = keep(store)
    path = f"backups/{made.name}/{key}"
    server.delete(bucket, path) if data is None else server.put(bucket, path, data)
    (found,) = store.list()

    assert found.status == "damaged"
    assert found.problems[0].startswith(problem.format(url=made.location))


def test_a_flipped_byte_is_found_by_digests_only(server: ObjectStore, store: RemoteStore, bucket: str) -> None:
    made = keep(store)
    server.put(bucket, f"backups/{made.name}/database.dump", b"dump numbeR 1")

    assert store.list()[0].status == "complete"
    assert store.list(digests=True)[0].problems == (f"{made.location}/database.dump does not match its digest",)
    with fetched(made, store.settings) as local, pytest.raises(BackupInvalidError, match="does not match its digest"):
        verify_digests(local)


def test_a_file_that_went_missing_since_it_was_listed_is_named(server: ObjectStore, store: RemoteStore, bucket: str) -> None:
    made = keep(store)
    server.delete(bucket, f"backups/{made.name}/database.dump")

    with pytest.raises(BackupInvalidError, match=f"{made.location}/database.dump is missing"), store.fetched(made):
        pass


def test_a_manifest_that_was_replaced_since_it_was_listed_is_refused(
    server: ObjectStore, store: RemoteStore, bucket: str
) -> None:
    made, other = keep(store, number=1), keep(store, number=2)
    server.put(bucket, f"backups/{made.name}/manifest.json", server.get(bucket, f"backups/{other.name}/manifest.json"))

    with pytest.raises(BackupInvalidError, match="was changed since it was listed"), store.fetched(made):
        pass


def test_the_record_of_a_verification_lies_beside_it_and_counts(anywhere: RemoteStore) -> None:
    made = keep(anywhere)
    for problems in (("first",), ()):
        at = datetime.datetime(2025, 6, 2, tzinfo=datetime.UTC)
        record = Verification(at=at, method="restore", ok=not problems, manifest_sha256=made.manifest_sha256, problems=problems)
        anywhere.write_verification(made, record.to_json())
        (found,) = anywhere.list()
        assert found.verification == record

    assert found.status == "verified"
    assert anywhere.remove(found)
    assert dict(anywhere.place.files()) == {}


def test_large_files_go_in_parts_and_small_ones_are_checked_by_the_server(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files={"large": os.urandom(17 * MB), "small": b"x"})

    assert watched.count(r"POST /\S+/large\?uploads") == 1
    assert watched.count(r"PUT /\S+/large\?.*partNumber=[1234]") == 4
    (small,) = (head for head in watched.heads if "/small HTTP" in head)
    assert f"x-amz-checksum-sha256: {base64.b64encode(hashlib.sha256(b'x').digest()).decode()}" in small
    assert [backup.status for backup in store.list(digests=True)] == ["complete"]
    with store.fetched(made) as folder:
        verify_digests(dataclasses.replace(made, path=folder))


def test_many_small_files_go_side_by_side(gate: tuple[Gate, RemoteStore]) -> None:
    watched, store = gate
    made = keep(store, files={f"data/{number}.dat": b"x" * number for number in range(60)})

    assert watched.count(r"PUT /\S+/data/\d+.dat") == 60
    assert made.complete
