"""Verifications and rehearsals: what a digest cannot see, full disks, killed servers and killed runs."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import pytest

from seachange.backup import list_backups
from seachange.backup.proof import verify_backup
from seachange.backup.verify import read_backup
from seachange.config import Settings
from seachange.postgres._places import cache_folder
from seachange.postgres.connection import Database
from tests.faults.disks import open_folder, small_disk_for_all
from tests.faults.fault import Observed, fault
from tests.faults.seeing import ask, processes_with, soon
from tests.integration.backup.conftest import BIG, Backer, execute, fill
from tests.integration.backup.proxy import proxied
from tests.integration.revisions.looking import body, write_revision
from tests.project import Project


def _warm(settings: Settings, folder: Path) -> Settings:
    (folder / "initdb").symlink_to(cache_folder(settings, "initdb"))
    return dataclasses.replace(settings, cache_dir=str(folder))


@fault(
    "a backup whose rows are not those of its manifest, though every digest is right (somebody changed file and manifest)",
    catalogue=(18, 30),
    expected="--fast cannot see it; a verification restores it, compares and names the table",
)
def test_rows_that_are_not_those_of_the_manifest_are_found_by_a_restore(
    clinic: Database, back_up: Backer, here: Settings, settings: Settings, observed: Observed
) -> None:
    good = back_up(clinic)
    execute(clinic, "UPDATE clients SET name = 'Mallory' WHERE id = 1")
    bad = back_up(clinic)
    assert good.manifest is not None
    assert bad.manifest is not None
    forged = dataclasses.replace(bad.manifest, tables=good.manifest.tables)
    (bad.path / "manifest.json").write_text(forged.to_json(), encoding="utf-8")
    with open_folder() as folder:
        warm = _warm(dataclasses.replace(here, cache_dir=settings.cache_dir), folder)
        fast = verify_backup(read_backup(bad.path), warm, fast=True)
        found = verify_backup(read_backup(bad.path), warm)

    assert (bool(fast.problems), found.ok) == (False, False)
    assert any("clients" in problem for problem in found.problems)
    observed.tell(f"--fast: no problem; restored: {found.problems[0]}")


def _pending(project: Project, statement: str) -> None:
    write_revision(Settings(root=project.path, environment={}), "0004", down="0003", body=body(f'op.execute("{statement}")'))


def _left_on(disk: Path) -> list[Path]:
    return [path for path in disk.rglob("PG_VERSION") if "shadows" not in path.parts] + list(disk.rglob(".partial-*"))


_SMALL = "mount -t tmpfs -o size=1m none /dev/shm && exec invoke "


@fault(
    "the disk of the throwaway server is full in the middle of a verification and of a rehearsal (tmpfs of 56 MB)",
    catalogue=1,
    expected="an error that says so, no verdict on the backup; nothing is left on the disk, the real database is as it was",
)
def test_a_full_disk_under_the_copy_is_no_verdict(
    linear: Project, database: Database, settings: Settings, observed: Observed
) -> None:
    assert linear.invoke("migration.apply").exit_code == 0
    fill(database, BIG + "; INSERT INTO big SELECT b.* FROM big b, generate_series(1, 3)")
    assert linear.invoke("db.backup").exit_code == 0
    _pending(linear, "alter table clients add column z int")
    # In a mount namespace of its own, where the memory of the machine is no place for a server; hence the socket elsewhere.
    with small_disk_for_all("56m") as disk, proxied(database) as (_, behind):
        environment = {"TMPDIR": str(disk), "SEACHANGE_CACHE_DIR": str(disk / "cache"), "DATABASE_URL": behind.url()}
        (disk / "cache").mkdir()
        (disk / "cache" / "initdb").symlink_to(cache_folder(settings, "initdb"))
        for command in ("db.verify-backup", "migration.rehearse --source backup"):
            outcome = linear.run("unshare", "--mount", "sh", "-c", _SMALL + command, env=environment)
            text = outcome.stdout + outcome.stderr
            assert outcome.exit_code not in (0, 2), outcome
            (said,) = {part for part in ("No space left on device", "the disk is full") if part in text}
            # What every run of the history begins with may stay in the cache.
            assert soon(lambda: not _left_on(disk)), _left_on(disk)
            observed.tell(f'`{command}`: exit {outcome.exit_code}, "... {said}"; no copy is left on the disk')
    (kept,) = list_backups(Settings(root=linear.path, environment={}), digests=True)

    assert (kept.status, kept.verified) == ("complete", False)
    assert ask(database, "select version_num from alembic_version") == [("0003",)]
    observed.tell(f"the backup is {kept.status} and not verified, the database at 0003")


@fault(
    "SIGTERM or SIGKILL to `migration.rehearse` while a revision runs on the copy",
    catalogue=(12, 13),
    expected="the throwaway server ends with it; the real database is as it was, and the next rehearsal works",
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_a_rehearsal_is_stopped(linear: Project, database: Database, number: signal.Signals, observed: Observed) -> None:
    assert linear.invoke("migration.apply").exit_code == 0
    assert linear.invoke("db.backup").exit_code == 0
    _pending(linear, "select pg_sleep(60)")
    with linear.start("invoke", "migration.rehearse", "--source", "backup") as process:
        own = f".partial-{process.pid}-"
        assert soon(lambda: _sleeps(own), timeout_s=40)
        process.send_signal(number)
        process.communicate(timeout=60)
    status = "killed" if process.returncode == -signal.SIGKILL else f"exit {process.returncode}"
    assert soon(lambda: not processes_with(own))
    _pending(linear, "alter table clients add column z int")
    again = linear.invoke("migration.rehearse", "--source", "backup")

    assert ask(database, "select version_num from alembic_version") == [("0003",)]
    assert again.exit_code in (0, 2), again
    observed.tell(f"{number.name}: {status}, no server left, the database is at 0003; the next rehearsal: exit {again.exit_code}")


def _sleeps(mark: str) -> bool:
    # The title of a backend tells what it does: "postgres: ... SELECT".
    return any(text.rstrip().endswith("SELECT") for text in _children_of(mark))


def _children_of(mark: str) -> list[str]:
    servers = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if mark in (folder / "cmdline").read_bytes().decode(errors="replace"):
                    servers.append(folder.name)
            except OSError:
                continue
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if parent in servers:
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found
