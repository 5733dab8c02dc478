"""Physical backups: made of a whole cluster, proven, brought back into a folder on which a server starts."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from seachange.backup import Backup, find_backup, list_backups, restore
from seachange.backup.cluster import restore_cluster
from seachange.backup.proof import verify_backup
from seachange.config import Settings
from seachange.errors import BackupFailedError, BackupInvalidError, ConfigError, NotWritableError, RefusedError
from seachange.postgres.connection import Database
from seachange.postgres.server import Server, throwaway
from tests.integration.backup.conftest import Backer, contents_of, execute, fill, left_in

_REPLICATING = {"wal_level": "replica", "max_wal_senders": "4"}


@pytest.fixture(scope="module", params=[pytest.param(major, id=f"pg{major}") for major in (14, 15, 16, 17, 18)])
def each_cluster(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Server]:
    """A server of each major that lets itself be copied."""
    with throwaway(settings, major=request.param, options=_REPLICATING) as server:
        fill(server.database())
        yield server


@pytest.fixture(scope="module")
def cluster(settings: Settings) -> Iterator[Server]:
    """A server of the newest major that lets itself be copied."""
    with throwaway(settings, options=_REPLICATING) as server:
        fill(server.database())
        yield server


@pytest.fixture
def physical(here: Settings) -> Settings:
    """Settings of a project whose backups are physical."""
    return dataclasses.replace(here, backup_format="physical")


@contextlib.contextmanager
def _started(settings: Settings, data_dir: Path, major: int) -> Iterator[Database]:
    """A server on a copy of a restored data directory, recovered as a user's would."""
    owner = data_dir.stat().st_uid
    if os.geteuid() == 0 and owner == 0:
        import pwd

        account = pwd.getpwnam("postgres")
        for path in [data_dir, *data_dir.rglob("*")]:
            os.chown(path, account.pw_uid, account.pw_gid)
        for parent in data_dir.parents:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    with throwaway(settings, major=major, data_from=data_dir) as server:
        yield server.database()


def test_a_cluster_of_each_major_is_backed_up_and_comes_back(
    each_cluster: Server, back_up: Backer, physical: Settings, tmp_path: Path
) -> None:
    made = back_up(each_cluster.database(), physical)
    assert made.manifest is not None
    assert made.manifest.physical is not None
    done = restore_cluster(made, physical, path=tmp_path / "restored")

    assert (made.manifest.format, made.manifest.compression, made.name[-9:]) == ("physical", "isal:1", "-physical")
    assert made.manifest.physical.timeline == 1
    assert made.manifest.snapshot_lsn == made.manifest.physical.start_lsn
    assert (done.major, done.path) == (each_cluster.major, tmp_path / "restored")
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o700
    with _started(physical, done.path, each_cluster.major) as database:
        assert contents_of(database) == contents_of(each_cluster.database())


def test_nothing_but_the_backup_is_left_and_all_of_it_is_private(cluster: Server, back_up: Backer, physical: Settings) -> None:
    made = back_up(cluster.database(), physical)

    assert left_in(physical) == [made.name]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.path.rglob("*")} == {0o600, 0o700}
    assert list_backups(physical, digests=True)[0].complete


def test_a_role_that_may_replicate_is_enough_and_another_is_told_what_it_lacks(
    cluster: Server, back_up: Backer, physical: Settings
) -> None:
    execute(cluster.database(), "CREATE ROLE copier LOGIN REPLICATION", "CREATE ROLE nobody_special LOGIN")
    try:
        assert back_up(cluster.database().with_parameters(user="copier"), physical).complete
        with pytest.raises(BackupFailedError, match="the role nobody_special may not replicate") as caught:
            back_up(cluster.database().with_parameters(user="nobody_special"), physical)
        assert caught.value.hint == 'alter role "nobody_special" replication'
    finally:
        execute(cluster.database(), "DROP ROLE copier", "DROP ROLE nobody_special")


def test_a_server_that_does_not_let_itself_be_copied_says_all_that_is_in_the_way(back_up: Backer, physical: Settings) -> None:
    with (
        throwaway(physical, options={"wal_level": "minimal", "max_wal_senders": "0"}) as own,
        pytest.raises(BackupFailedError) as caught,
    ):
        back_up(own.database(), physical)

    assert "wal_level is minimal" in caught.value.message
    assert "0 of max_wal_senders = 0 are in use, and 2 more are needed" in caught.value.message
    assert "start the server anew" in caught.value.hint
    assert left_in(physical) == []


def test_tablespaces_are_refused(cluster: Server, back_up: Backer, physical: Settings) -> None:
    assert cluster.socket_dir is not None
    place = cluster.socket_dir / "space"
    place.mkdir()
    if cluster.data_dir:
        os.chown(place, cluster.data_dir.stat().st_uid, cluster.data_dir.stat().st_gid)
    execute(cluster.database(), f"CREATE TABLESPACE faster LOCATION '{place}'")
    try:
        with pytest.raises(BackupFailedError, match=r"the cluster has tablespaces \(faster\)"):
            back_up(cluster.database(), physical)
    finally:
        execute(cluster.database(), "DROP TABLESPACE faster")


def test_a_part_of_a_database_cannot_be_physical(cluster: Server, back_up: Backer, here: Settings) -> None:
    from seachange.backup.selection import Selection

    with pytest.raises(ConfigError, match="a physical backup is of the whole cluster"):
        back_up(cluster.database(), here, dump_format="physical", selection=Selection(schema_only=True))


@pytest.fixture
def made(cluster: Server, back_up: Backer, physical: Settings) -> Backup:
    """A physical backup."""
    return back_up(cluster.database(), physical)


def test_it_is_refused_where_a_server_runs(made: Backup, cluster: Server, physical: Settings) -> None:
    with pytest.raises(RefusedError, match="is a copy of a whole cluster, which no running server takes in") as caught:
        restore(made, physical, server=cluster.database())

    assert "--data-dir PATH" in caught.value.hint


def test_a_dump_is_no_cluster(cluster: Server, back_up: Backer, here: Settings, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="is a dump of the database postgres, and no copy of a cluster"):
        restore_cluster(back_up(cluster.database()), here, path=tmp_path / "restored")


def test_an_empty_folder_is_taken_and_another_is_not(made: Backup, physical: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    done = restore_cluster(made, physical, path=tmp_path / "empty")

    assert (done.path / "PG_VERSION").exists()
    for name in ("used", "link"):
        with pytest.raises(RefusedError, match=f"{name} is there and not an empty folder"):
            restore_cluster(made, physical, path=tmp_path / name)
    with pytest.raises(NotWritableError, match="nowhere is not there"):
        restore_cluster(made, physical, path=tmp_path / "nowhere" / "data")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".partial")) == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_named_and_leaves_no_folder(made: Backup, physical: Settings, tmp_path: Path, damage: str) -> None:
    path = max((made.path / "cluster").rglob("*.gz"), key=lambda file: file.stat().st_size)
    data = path.read_bytes()
    path.unlink()
    if damage != "remove":
        middle = len(data) // 2
        path.write_bytes(data[:middle] + (bytes([data[middle] ^ 1]) + data[middle + 1 :] if damage == "flip" else b""))
    with pytest.raises(BackupInvalidError, match=f"is damaged: .*{path.name}"):
        restore_cluster(made, physical, path=tmp_path / "restored")

    assert not (tmp_path / "restored").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".partial")] == []


def test_an_encrypted_cluster_comes_back_with_the_key(
    cluster: Server, back_up: Backer, physical: Settings, tmp_path: Path
) -> None:
    pyrage = pytest.importorskip("pyrage")
    identity = pyrage.x25519.Identity.generate()
    key = tmp_path / "key"
    key.write_text(str(identity))
    key.chmod(0o600)
    sealed = dataclasses.replace(physical, backup_encrypt_to=(str(identity.to_public()),), backup_identity=str(key))
    made = back_up(cluster.database(), sealed)
    done = restore_cluster(made, sealed, path=tmp_path / "restored")

    assert all(file.path.endswith(".gz.age") for file in (made.manifest.files if made.manifest else ()))
    assert (done.path / "PG_VERSION").read_text().strip() == str(cluster.major)


def test_verification_starts_a_server_on_it_and_reads_every_table(cluster: Server, back_up: Backer, physical: Settings) -> None:
    # How the server was configured must not matter where the backup is verified.
    execute(cluster.database(), "ALTER SYSTEM SET shared_preload_libraries = 'not_there'")
    try:
        made = back_up(cluster.database(), physical)
    finally:
        execute(cluster.database(), "ALTER SYSTEM RESET shared_preload_libraries")
    found = verify_backup(made, physical)

    assert (found.ok, found.problems) == (True, ())
    assert found.proven[0] == "every file"
    assert (found.tables, found.rows >= 900) == (6, True)
    assert list_backups(physical)[0].verified
    assert verify_backup(made, physical, fast=True).ok


def test_a_cluster_on_which_no_server_starts_is_not_verified(made: Backup, physical: Settings) -> None:
    assert made.manifest is not None
    assert made.manifest.physical is not None
    wrong = dataclasses.replace(made.manifest.physical, databases=("postgres", "not_there"))
    changed = dataclasses.replace(made, manifest=dataclasses.replace(made.manifest, physical=wrong))

    found = verify_backup(changed, physical)

    assert found.ok is False
    assert "no server reads all of backup" in found.problems[0]


def test_the_latest_for_a_restore_is_a_dump_and_for_a_folder_a_cluster(
    made: Backup, cluster: Server, back_up: Backer, here: Settings
) -> None:
    dump = back_up(cluster.database(), dataclasses.replace(here, backup_format="custom"))
    again = back_up(cluster.database(), dataclasses.replace(here, backup_format="physical"))

    assert find_backup(here).name == dump.name
    assert find_backup(here, physical=True).name == again.name
    assert find_backup(here, physical=None).name == again.name
