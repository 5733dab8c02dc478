"""URLs of places for backups: which are taken, what is said of others, and what stays unseen."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from seachange.backup.stores import LocalStore, RemoteStore, open_store
from seachange.config import Settings
from seachange.errors import ConfigError, SeachangeError
from seachange.postgres.redaction import redact

_CANARY = "canary-never-to-be-seen"


def _told(caught: pytest.ExceptionInfo[SeachangeError]) -> str:
    return f"{caught.value} hint: {caught.value.hint}"


@pytest.mark.parametrize(
    ("backup_dir", "location"),
    [
        pytest.param("s3://bucket/backups/", "s3://bucket/backups", id="slash at the end"),
        pytest.param("s3://bucket", "s3://bucket", id="bucket alone"),
        pytest.param(
            "abfs://container@account.dfs.core.windows.net/x", "abfs://container@account.dfs.core.windows.net/x", id="Azure"
        ),
        pytest.param("memory://x/y", "memory://x/y", id="another that fsspec knows"),
    ],
)
def test_a_url_is_a_remote_store(tmp_path: Path, backup_dir: str, location: str) -> None:
    store = open_store(Settings(root=tmp_path, backup_dir=backup_dir))

    assert isinstance(store, RemoteStore)
    assert store.location == location
    assert list(tmp_path.iterdir()) == []


def test_a_path_is_a_local_store(tmp_path: Path) -> None:
    assert isinstance(open_store(Settings(root=tmp_path, backup_dir="some/folder")), LocalStore)


@pytest.mark.parametrize(
    ("backup_dir", "message"),
    [
        pytest.param(f"s3://user:{_CANARY}@bucket/x", r"backup_dir s3://\*\*\*@bucket holds a user or password", id="password"),
        pytest.param(f"s3://{_CANARY}@bucket", r"backup_dir s3://\*\*\*@bucket holds a user or password", id="user"),
        pytest.param(f"s3://a:{_CANARY}@x@bucket", r"backup_dir s3://\*\*\*@bucket holds a user", id="password with an @"),
        pytest.param(f"abfs://c:{_CANARY}@host/x", r"backup_dir abfs://\*\*\*@host holds a user", id="password for Azure"),
        pytest.param(f"s3://bucket/x?secret={_CANARY}", r"backup_dir s3://bucket has something after \?", id="query"),
        pytest.param(f"s3://bucket/x#{_CANARY}", r"backup_dir s3://bucket has something after \? or #", id="fragment"),
        pytest.param("s3://", "backup_dir s3:// names no bucket", id="no bucket"),
        pytest.param("simplecache::s3://bucket", "backup_dir cannot be a chain of file systems", id="chain"),
    ],
)
def test_a_url_that_backups_cannot_go_to_is_refused_and_no_secret_shown(tmp_path: Path, backup_dir: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        open_store(Settings(root=tmp_path, backup_dir=backup_dir))

    assert _CANARY not in _told(caught)


def test_a_file_system_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file system s4://") as caught:
        open_store(Settings(root=tmp_path, backup_dir="s4://bucket")).list()

    assert caught.value.hint == "s3://, gs:// or az:// with the extra of that name"


@pytest.mark.parametrize(
    ("backup_dir", "module", "hint"),
    [
        pytest.param("s3://bucket", "s3fs", "pip install 'seachange[s3]'", id="s3"),
        pytest.param("gs://bucket", "gcsfs", "pip install 'seachange[gs]'", id="gs"),
        pytest.param("az://container", "adlfs", "pip install 'seachange[az]'", id="az"),
        pytest.param("s3://bucket", "fsspec", "pip install 'seachange[s3]'", id="not even fsspec"),
    ],
)
def test_a_missing_library_is_named_by_its_extra(backup_dir: str, module: str, hint: str) -> None:
    code = (
        f"import sys, pathlib; sys.modules[{module!r}] = None\n"
        "from seachange.backup.stores import open_store; from seachange.config import Settings\n"
        "from seachange.errors import ExtraMissingError\n"
        f"try: open_store(Settings(root=pathlib.Path('/'), backup_dir={backup_dir!r})).list()\n"
        "except ExtraMissingError as exc: print(exc.message, exc.hint, sep='\\n')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == f"backups at {backup_dir.partition(':')[0]}:// need a library that is not installed\n{hint}\n"


def test_options_that_are_wrong_are_named_without_a_secret(tmp_path: Path) -> None:
    environment = {"FSSPEC_S3_KEY": "key", "FSSPEC_S3_USERNAME": "both", "FSSPEC_S3_SECRET": "another canary"}
    with pytest.raises(ConfigError, match="the options of its file system are wrong") as caught:
        open_store(Settings(root=tmp_path, backup_dir="s3://bucket", environment=environment)).list()

    assert "another canary" not in _told(caught)
    assert "FSSPEC_S3_" in caught.value.hint


@pytest.mark.parametrize(
    "variable", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "FSSPEC_S3_SECRET", "AZURE_STORAGE_ACCOUNT_KEY"]
)
def test_secrets_of_the_environment_are_masked_in_every_text(tmp_path: Path, variable: str) -> None:
    secret = f"{variable.lower()}+/of=a canary"
    store = open_store(Settings(root=tmp_path, backup_dir="memory://x", environment={variable: secret}))

    assert store.list() == ()
    assert redact(f"said {secret} in passing") == "said *** in passing"
    assert secret not in repr(store)


def test_options_come_from_the_environment_of_the_project(tmp_path: Path) -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "from .env",
        "FSSPEC_S3_SECRET": "from fsspec",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_REGION": "eu-central-1",
    }
    store = RemoteStore.of(Settings(root=tmp_path, backup_dir="s3://bucket", environment=environment))
    filesystem = store.place.filesystem

    assert (filesystem.key, filesystem.secret, filesystem.endpoint_url) == ("from .env", "from fsspec", "http://127.0.0.1:9")
    assert filesystem.client_kwargs == {"region_name": "eu-central-1"}
    assert not filesystem.dircache.use_listings_cache


def test_the_libraries_of_a_store_are_quiet(tmp_path: Path) -> None:
    logging.getLogger("s3fs").setLevel(logging.NOTSET)
    logging.getLogger("fsspec").setLevel(logging.INFO)
    try:
        open_store(Settings(root=tmp_path, backup_dir="memory://x")).list()

        assert logging.getLogger("s3fs").level == logging.CRITICAL
        assert logging.getLogger("fsspec").level == logging.INFO
    finally:
        logging.getLogger("fsspec").setLevel(logging.NOTSET)


def test_nothing_remote_is_imported_before_it_is_used(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; import seachange.tasks, seachange.backup; from seachange.config import Settings;"
        f"from seachange.backup.stores import open_store; here = pathlib.Path({str(tmp_path)!r});"
        "open_store(Settings(root=here)).list(); open_store(Settings(root=here, backup_dir='s3://bucket'));"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'fsspec', 's3fs', 'botocore', 'stamina', 'pyrage'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"
