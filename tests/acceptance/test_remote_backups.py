"""A project that keeps its backups in a bucket, as its user works with it."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest

from seachange.postgres.connection import Database, drop_database
from seachange.postgres.server import Server
from tests.integration.backup.conftest import databases_of, execute
from tests.object_store import SECRET, ObjectStore, free_port, object_store
from tests.project import Outcome, Project


@pytest.fixture(scope="module")
def objects() -> Iterator[ObjectStore]:
    with object_store() as objects:
        yield objects


@pytest.fixture
def linear(
    scenario: Callable[[str], Project], database: Database, server: Server, objects: ObjectStore
) -> Iterator[tuple[Project, str]]:
    """A project with a database at its head, and the bucket for its backups; credentials stand in its .env file."""
    copy, bucket = scenario("linear"), objects.bucket()
    (copy.path / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in objects.environment().items()))
    url = database.url().replace("postgresql://", "postgresql+psycopg://", 1)
    environment = {**copy.environment, "DATABASE_URL": url, "SEACHANGE_BACKUP_DIR": f"s3://{bucket}/backups"}
    project = dataclasses.replace(copy, environment=environment)
    assert project.invoke("migration.apply").exit_code == 0
    yield project, bucket
    for name in databases_of(server):
        if name.startswith(f"{database.name}_"):
            drop_database(database.with_name(name), force=True)


def _data(outcome: Outcome) -> dict[str, object]:
    assert outcome.exit_code == 0, outcome
    data: dict[str, object] = json.loads(outcome.stdout)["steps"][0]["data"]
    return data


def test_backups_in_a_bucket_are_made_listed_verified_restored_and_pruned(
    linear: tuple[Project, str], objects: ObjectStore, database: Database
) -> None:
    project, bucket = linear
    first = _data(project.invoke("db.backup", "--format", "json"))
    execute(database, "CREATE TABLE made_later (x int)")
    second = _data(project.invoke("db.backup", "--format", "json"))

    listed = project.invoke("db.backups", "--check")
    assert listed.exit_code == 0, listed
    rows = [line.split() for line in listed.stdout.splitlines()[2:4]]
    assert [(row[0], row[-1]) for row in rows] == [(second["backup"], "complete"), (first["backup"], "complete")]
    assert first["path"] == f"s3://{bucket}/backups/{first['backup']}"

    verified = project.invoke("db.verify-backup", str(second["backup"]))
    assert verified.exit_code == 0, verified
    assert "verified" in project.invoke("db.backups").stdout

    restored = _data(project.invoke("db.restore", str(first["backup"]), "--format", "json"))
    looked_at = project.invoke("db.tables", "--url", database.with_name(str(restored["database"])).url())
    assert (looked_at.exit_code, "made_later" in looked_at.stdout) == (0, False)

    third = _data(project.invoke("db.backup", "--format", "json"))
    pruned = project.invoke("db.prune", "--yes", env={"SEACHANGE_BACKUP_KEEP_LAST": "1"})
    assert pruned.exit_code == 0, pruned
    assert {key.split("/")[1] for key in objects.keys(bucket)} >= {third["backup"]}
    assert f"backups/{first['backup']}/manifest.json" not in objects.keys(bucket)
    assert [path.name for path in (project.path / ".seachange").iterdir() if path.name.startswith(".partial-")] == []
    assert not (project.path / "s3:").exists()
    assert SECRET not in (project.path / "logs/migration.log").read_text()


@pytest.mark.parametrize(
    ("variables", "code", "message", "hint"),
    [
        pytest.param(
            {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:{nobody}"},
            6,
            "looking for backups at s3://{bucket}/backups failed: the server does not answer as it should",
            "try again, or look at the network",
            id="server gone",
        ),
        pytest.param(
            {"SEACHANGE_BACKUP_DIR": "s3://no-such-bucket/x"},
            1,
            "looking for backups at s3://no-such-bucket/x failed: s3://no-such-bucket does not exist",
            "make the bucket, or correct backup_dir",
            id="missing bucket",
        ),
        pytest.param(
            {"SEACHANGE_BACKUP_DIR": "s3://me:hidden-canary@bucket/x"},
            1,
            "backup_dir s3://***@bucket holds a user or password; no secret may stand there",
            "give credentials in the environment",
            id="password in the URL",
        ),
        pytest.param(
            {"SEACHANGE_BACKUP_DIR": "gs://bucket/x"},
            1,
            "backups at gs:// need a library that is not installed",
            "pip install 'seachange[gs]'",
            id="missing extra",
            marks=pytest.mark.skipif(importlib.util.find_spec("gcsfs") is not None, reason="gcsfs is installed"),
        ),
        pytest.param(
            {"SEACHANGE_BACKUP_DIR": "s4://bucket/x"},
            1,
            "there is no file system s4://",
            "s3://, gs:// or az://",
            id="unknown protocol",
        ),
    ],
)
def test_what_is_wrong_with_the_place_is_one_message_with_its_remedy(
    linear: tuple[Project, str], variables: dict[str, str], code: int, message: str, hint: str
) -> None:
    project, bucket = linear
    env = {name: value.format(nobody=free_port()) for name, value in variables.items()}
    for command in ("db.backup", "db.backups"):
        said = project.invoke(command, env=env)

        assert (said.exit_code, "Traceback" in said.stdout + said.stderr) == (code, False), said
        assert message.format(bucket=bucket) in said.stdout + said.stderr
        assert f"hint: {hint}" in said.stdout + said.stderr
        assert not {SECRET, "hidden-canary"} & {word.strip("'") for word in (said.stdout + said.stderr).split()}
        assert "hidden-canary" not in said.stdout + said.stderr + (project.path / "logs/migration.log").read_text()


def test_encrypted_backups_are_made_without_the_secret_key_and_read_with_it_only(
    linear: tuple[Project, str], objects: ObjectStore, tmp_path: Path
) -> None:
    project, bucket = linear
    ours, others = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    (project.path / "recipients.txt").write_text(f"# operations\n{ours.to_public()}\n")
    (tmp_path / "ours.txt").write_text(f"{ours}\n")
    (tmp_path / "others.txt").write_text(f"{others}\n")
    encrypting = {"SEACHANGE_BACKUP_ENCRYPT_TO": "recipients.txt"}
    made = _data(project.invoke("db.backup", "--format", "json", env=encrypting))

    stored = [key for key in objects.keys(bucket) if not key.endswith("manifest.json")]
    assert {key.rpartition(".")[2] for key in stored} == {"age"}
    assert objects.get(bucket, stored[0]).startswith(b"age-encryption.org/v1\n")
    manifest = json.loads(objects.get(bucket, f"backups/{made['backup']}/manifest.json"))
    assert manifest["encryption"] == [str(ours.to_public())]
    assert project.invoke("db.backups", "--check").exit_code == 0

    without = project.invoke("db.restore")
    wrong = project.invoke("db.restore", env={"SEACHANGE_BACKUP_IDENTITY": str(tmp_path / "others.txt")})
    right = project.invoke("db.restore", env={"SEACHANGE_BACKUP_IDENTITY": str(tmp_path / "ours.txt")})
    unverified = project.invoke("db.verify-backup")
    still = project.invoke("db.backups")
    verified = project.invoke("db.verify-backup", env={"SEACHANGE_BACKUP_IDENTITY": str(tmp_path / "ours.txt")})

    assert "the backup is encrypted, and there is no secret key to read it with" in without.stdout + without.stderr
    assert str(ours.to_public()) in without.stdout + without.stderr
    assert f".age is encrypted, and not to the key in {tmp_path}/others.txt" in wrong.stdout + wrong.stderr
    assert right.exit_code == 0, right
    assert (unverified.exit_code, "damaged" in still.stdout) == (1, False), (unverified, still)
    assert verified.exit_code == 0, verified
    said = "".join(one.stdout + one.stderr for one in (without, wrong, right, unverified, still, verified))
    for secret in (str(ours), str(others)):
        assert secret not in said + (project.path / "logs/migration.log").read_text()
    assert [path.name for path in (project.path / ".seachange").iterdir() if path.name.startswith(".partial-")] == []
