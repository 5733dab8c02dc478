"""Manifests: what is written is read back, and everything wrong is found and named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from seachange.backup.manifest import BackupFile, describe_file, parse_manifest
from seachange.errors import BackupInvalidError
from tests.backups import make_manifest

PATH = Path("/backups/one/manifest.json")


def _signed(document: dict[str, Any]) -> bytes:
    document = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**document, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def test_a_manifest_reads_back_as_it_was_written() -> None:
    manifest = make_manifest()

    assert parse_manifest(manifest.to_json().encode(), path=PATH) == manifest


def test_a_manifest_with_names_in_any_script_reads_back() -> None:
    manifest = make_manifest(database='größe "a=b" 犬 \\')

    assert parse_manifest(manifest.to_json().encode(), path=PATH) == manifest


def test_every_flipped_byte_of_a_manifest_is_found() -> None:
    text = make_manifest().to_json().encode()
    unnoticed = []
    for index in range(len(text)):
        damaged = text[:index] + bytes([text[index] ^ 1]) + text[index + 1 :]
        try:
            read = parse_manifest(damaged, path=PATH)
        except BackupInvalidError:
            continue
        if read != make_manifest():
            unnoticed.append((index, text[index : index + 1]))

    assert unnoticed == []


@pytest.mark.parametrize("length", [0, 1, 100, -2])
def test_a_truncated_manifest_is_found(length: int) -> None:
    with pytest.raises(BackupInvalidError, match=r"^/backups/one/manifest.json is damaged: "):
        parse_manifest(make_manifest().to_json().strip().encode()[:length], path=PATH)


def test_an_unknown_format_version_is_named() -> None:
    text = make_manifest().to_json().replace("seachange.backup/2", "seachange.backup/9")
    said = "has the format 'seachange.backup/9'; this version reads 'seachange.backup/1' and 'seachange.backup/2'"

    with pytest.raises(BackupInvalidError, match=said):
        parse_manifest(text.encode(), path=PATH)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"files": []}, "it lists no files", id="no files"),
        pytest.param({"files": [{"path": "../x", "size_bytes": 1, "sha256": ""}]}, "'../x' is not a file", id="file outside"),
        pytest.param({"files": [{"path": "/etc/passwd", "size_bytes": 1, "sha256": ""}]}, "'/etc/passwd' is not", id="absolute"),
        pytest.param({"files": [{"path": "manifest.json", "size_bytes": 1, "sha256": ""}]}, "'manifest.json' is", id="itself"),
        pytest.param({"files": [{"path": "x", "size_bytes": "1", "sha256": ""}]}, r"\[0\].size_bytes is '1'", id="text size"),
        pytest.param({"sequence": True}, "manifest.sequence is True", id="boolean number"),
        pytest.param({"started": "yesterday"}, "Invalid isoformat string: 'yesterday'", id="not a time"),
        pytest.param({"scope": "half"}, "manifest.scope is 'half', not one of database, schema-only", id="unknown word"),
        pytest.param({"contents": []}, r"manifest.contents is \[\]", id="not an object"),
        pytest.param({"server": {}}, "manifest.server.version is missing", id="missing key"),
    ],
)
def test_a_manifest_that_is_signed_but_wrong_is_refused(change: dict[str, Any], message: str) -> None:
    document = make_manifest().to_dict() | change

    with pytest.raises(BackupInvalidError, match=f"manifest.json is not a manifest: .*{message}"):
        parse_manifest(_signed(document), path=PATH)


@pytest.mark.parametrize("text", [b"[]", b"3", b"null", b'{"schema": 1}'])
def test_json_of_another_kind_is_not_a_manifest(text: bytes) -> None:
    with pytest.raises(BackupInvalidError, match="has the format"):
        parse_manifest(text, path=PATH)


def test_what_a_later_version_adds_is_left_out() -> None:
    document = make_manifest().to_dict()
    document["lsn"] = "0/16B3748"
    document["server"]["timeline"] = 3

    assert parse_manifest(_signed(document), path=PATH) == make_manifest()


def test_a_manifest_of_the_first_version_is_read() -> None:
    document = make_manifest().to_dict() | {"schema": "seachange.backup/1"}
    for added in ("scope", "encryption", "snapshot_lsn", "fingerprint", "tables", "large_objects", "notes"):
        del document[added]
    del document["contents"]["collations"]
    read = parse_manifest(_signed(document), path=PATH)

    assert (read.scope, read.encryption, read.tables, read.large_objects) == ("database", (), {}, None)
    assert read.files == make_manifest().files


def test_a_file_is_described_by_its_size_and_digest(tmp_path: Path) -> None:
    data = b"x" * 3_000_000
    (tmp_path / "file").write_bytes(data)

    expected = BackupFile(path="file", size_bytes=3_000_000, sha256=hashlib.sha256(data).hexdigest())

    assert expected == describe_file(tmp_path, "file")


def test_a_link_is_not_described(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("x")
    (tmp_path / "file").symlink_to("target")

    with pytest.raises(OSError, match="symbolic links"):
        describe_file(tmp_path, "file")
