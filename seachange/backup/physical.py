"""Backups of a whole cluster by pg_basebackup: what the server must allow, the copy, its proof, the files as they are kept."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seachange.backup.contents import read_contents
from seachange.backup.dump import Dumped, Recipe
from seachange.backup.files import full_disk
from seachange.backup.manifest import BackupFile, Physical
from seachange.backup.sealing import seal_file
from seachange.config import Settings
from seachange.errors import BackupFailedError, BackupInvalidError, ExitCode, ProgramFailedError

if TYPE_CHECKING:
    from psycopg import Connection

    from seachange.postgres.connection import Database

__all__ = ["CLUSTER", "dump_cluster", "require_replication", "verify_base"]

log = logging.getLogger(__name__)

CLUSTER = "cluster"

_MB = 1024**2
# One connection copies the files, another one the log that is written meanwhile.
_SENDERS = 2

_FACTS = """
    SELECT r.rolreplication OR r.rolsuper, r.rolname::text, current_setting('wal_level'),
           current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_get_wal_senders()),
           ARRAY(SELECT spcname::text FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global') ORDER BY 1),
           (SELECT sum(pg_tablespace_size(oid))::bigint FROM pg_tablespace WHERE has_tablespace_privilege(oid, 'CREATE')
                OR pg_has_role('pg_read_all_stats', 'USAGE'))
    FROM pg_roles r WHERE r.rolname = current_user
"""


_INHABITANTS = """
    SELECT (SELECT rolname::text FROM pg_roles WHERE oid = 10),
           ARRAY(SELECT datname::text FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1)
"""


def require_replication(session: Connection[Any]) -> int:
    """Make sure that the server lets this user copy it, and return how large the cluster is as far as that may be asked.

    :param session: to any database of the server.
    :raises BackupFailedError: it does not; the message says everything that is in the way.
    """
    row = session.execute(_FACTS).fetchone()
    allowed, user, wal_level, senders, used, tablespaces, size = row or (False, "", "", 0, 0, [], 0)
    problems, remedies = [], []
    if not allowed:
        problems.append(f"the role {user} may not replicate")
        remedies.append(f'alter role "{user}" replication')
    if wal_level == "minimal":
        problems.append("wal_level is minimal")
        remedies.append("set wal_level = replica and start the server anew")
    if senders - used < _SENDERS:
        problems.append(f"{used} of max_wal_senders = {senders} are in use, and {_SENDERS} more are needed")
        remedies.append("raise max_wal_senders and start the server anew")
    if tablespaces:
        problems.append(f"the cluster has tablespaces ({', '.join(tablespaces)}), whose folders a copy would have to share")
        remedies.append("use pgBackRest for it, or a dump")
    if problems:
        raise BackupFailedError(f"no physical backup was made: {'; '.join(problems)}", hint="; ".join(remedies))
    return int(size or 0)


def dump_cluster(
    database: Database, folder: Path, settings: Settings, *, recipe: Recipe, progress: Callable[[str], None]
) -> Dumped:
    """Copy the cluster of a database into a folder, prove the copy, and keep its files compressed, encrypted where asked.

    :param database: any database of the cluster; it is the one that the manifest describes.
    :param folder: the folder of the backup in progress.
    :param settings: where programs come from, ``stall_timeout``.
    :param recipe: public keys to encrypt to, how many files to compress at once, the size to expect.
    :param progress: told what was copied so far.
    :raises BackupFailedError: the server refused, or the copy is not what the server sent.
    :raises BinaryNotFoundError: there is no pg_basebackup or pg_verifybackup.
    :raises TimeoutExceededError: nothing moved for too long.
    """
    from seachange.postgres.connection import connect

    cluster = folder / CLUSTER
    with contextlib.closing(connect(database, autocommit=True)) as session:
        major = session.info.server_version // 10_000
        contents = read_contents(session)
        superuser, databases = session.execute(_INHABITANTS).fetchall()[0]
    try:
        _copy(database, cluster, settings, major=major, look=lambda: _look(cluster, recipe.expected_bytes, progress))
    except ProgramFailedError as exc:
        raise _failure(exc, folder) from exc
    progress("checking what was copied")
    verify_base(cluster, settings, major=major)
    physical = dataclasses.replace(_describe(cluster), superuser=superuser, databases=tuple(databases))
    files = sorted(_walk(cluster), key=lambda path: -path.stat(follow_symlinks=False).st_size)
    sealed = _sealed(folder, [str(path.relative_to(folder)) for path in files], recipe=recipe, progress=progress)
    return Dumped(
        contents=contents,
        snapshot_lsn=physical.start_lsn,
        fingerprint="",
        files=tuple(sorted(sealed, key=lambda file: file.path)),
        physical=physical,
    )


def verify_base(cluster: Path, settings: Settings, *, major: int) -> None:
    """Have pg_verifybackup compare the files of a cluster with the manifest that the server sent along.

    :param cluster: the data directory, not yet started.
    :param settings: where programs come from.
    :param major: the version of the server.
    :raises BackupInvalidError: a file differs, is missing or is too many.
    :raises BinaryNotFoundError: there is no pg_verifybackup.
    """
    from seachange.postgres import binaries
    from seachange.postgres.programs import run

    program = binaries.client(settings, "pg_verifybackup", major=major)
    # pg_waldump, which it has look at the log, reads that of its own version only.
    same = any(
        one.major == major and program.parent == one.bin_dir and "pg_waldump" in one.programs
        for one in binaries.installations(settings)
    )
    try:
        run(program, ["--exit-on-error", *([] if same else ["--no-parse-wal"]), str(cluster)])
    except ProgramFailedError as exc:
        raise BackupInvalidError(f"the copy of the cluster is not what the server sent: {exc.message}", hint=exc.hint) from exc


def _copy(database: Database, cluster: Path, settings: Settings, *, major: int, look: Callable[[], int]) -> None:
    from seachange.postgres import binaries
    from seachange.postgres.programs import run

    # Every file is written once more when it is compressed, and has to be on disk then.
    options = [f"--pgdata={cluster}", "--format=plain", "--wal-method=stream", "--checkpoint=fast", "--no-sync"]
    program = binaries.client(settings, "pg_basebackup", major=major)
    run(program, options, database=database, stall_timeout_s=settings.stall_timeout / 1000, progress=look)


def _look(cluster: Path, expected_bytes: int, progress: Callable[[str], None]) -> int:
    size = _size(cluster)
    if size:
        share = f" ({min(99, size * 100 // expected_bytes)} %)" if expected_bytes else ""
        progress(f"{size / _MB:.1f} MB copied{share}")
    return size


def _describe(cluster: Path) -> Physical:
    try:
        document = json.loads((cluster / "backup_manifest").read_text(encoding="utf-8"))
        ranges = document["WAL-Ranges"]
        return Physical(
            timeline=ranges[-1]["Timeline"],
            start_lsn=ranges[0]["Start-LSN"],
            end_lsn=ranges[-1]["End-LSN"],
            size_bytes=_size(cluster),
            folders=tuple(sorted(str(path.relative_to(cluster)) for path in cluster.rglob("*") if path.is_dir())),
        )
    except (OSError, ValueError, KeyError, IndexError) as exc:
        raise BackupFailedError(f"pg_basebackup ended without an error and without its manifest: {exc}") from exc


def _sealed(folder: Path, names: Sequence[str], *, recipe: Recipe, progress: Callable[[str], None]) -> Iterator[BackupFile]:
    with contextlib.ExitStack() as stack:
        pool = concurrent.futures.ThreadPoolExecutor(recipe.jobs, thread_name_prefix="seal")
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        futures = [pool.submit(seal_file, folder, name, compress=True, recipients=recipe.recipients) for name in names]
        for done, future in enumerate(futures, start=1):
            yield future.result().file
            if done % 100 == 0:
                progress(f"{done} of {len(names)} files compressed and hashed")


def _walk(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BackupFailedError(
                f"{path.relative_to(folder)} of the cluster is a link, and what it points to is not in the copy",
                hint="use pgBackRest for it, or a dump",
            )
        if path.is_file():
            yield path


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(where) / name).stat(follow_symlinks=False).st_size
    return total


def _failure(exc: ProgramFailedError, folder: Path) -> BackupFailedError:
    if "No space left on device" in exc.stderr or "Disk quota exceeded" in exc.stderr:
        shutil.rmtree(folder / CLUSTER, ignore_errors=True)
        return full_disk(folder.parent)
    hint = exc.hint
    if "pg_hba.conf" in exc.stderr:
        hint = "add a line for the database `replication` to pg_hba.conf: local replication all scram-sha-256"
    code = ExitCode.TRY_AGAIN if exc.exit_code == ExitCode.TRY_AGAIN else None
    return BackupFailedError(f"no physical backup was made: {exc.message}", hint=hint, exit_code=code)
