"""Encryption of backups: which keys are taken, what is said of others, and what damage does."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyrage
import pytest

from seachange.backup.encryption import (
    Identities,
    decrypt_file,
    decrypt_stream,
    encrypt_stream,
    read_identities,
    read_recipients,
)
from seachange.config import Settings
from seachange.errors import BackupInvalidError, ConfigError, DecryptionFailedError, ExtraMissingError, SeachangeError
from seachange.postgres.redaction import redact

_PLAIN = bytes(range(256)) * 1024  # four pieces of age, 64 KiB each


@pytest.fixture(scope="module")
def secret() -> str:
    return str(pyrage.x25519.Identity.generate())


def _public(secret: str) -> str:
    return str(pyrage.x25519.Identity.from_str(secret).to_public())


@pytest.fixture(scope="module")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ssh")
    kinds = {"ed25519": ["-t", "ed25519", "-N", ""], "rsa": ["-t", "rsa", "-b", "2048", "-N", ""]}
    kinds |= {"protected": ["-t", "ed25519", "-N", "a passphrase"], "ecdsa": ["-t", "ecdsa", "-N", ""]}
    for name, arguments in kinds.items():
        subprocess.run(["ssh-keygen", "-q", *arguments, "-C", "me@host", "-f", str(folder / name)], check=True)
    return folder


def _settings(root: Path, *recipients: str, identity: str = "") -> Settings:
    return Settings(root=root, backup_encrypt_to=recipients, backup_identity=identity)


def _identities(root: Path, *secrets: str) -> Identities:
    (root / "key.txt").write_text("# created: today\n\n" + "\n".join(secrets) + "\n")
    return read_identities(_settings(root, identity="key.txt"), recipients=())


def _encrypted(*recipients: str, plain: bytes = _PLAIN) -> bytes:
    out = io.BytesIO()
    encrypt_stream(io.BytesIO(plain), out, recipients)
    return out.getvalue()


def _decrypted(data: bytes, identities: Identities) -> bytes:
    out = io.BytesIO()
    decrypt_stream(io.BytesIO(data), out, identities, name="database.dump")
    return out.getvalue()


def test_without_recipients_nothing_is_encrypted(tmp_path: Path) -> None:
    assert read_recipients(_settings(tmp_path)) == ()


def test_recipients_come_as_keys_and_from_files_each_once(tmp_path: Path, secret: str, ssh_keys: Path) -> None:
    other = _public(str(pyrage.x25519.Identity.generate()))
    ssh = (ssh_keys / "ed25519.pub").read_text().strip()
    (tmp_path / "team.txt").write_text(f"# the team\n{other}\n\n  {ssh}\n{_public(secret)}\n")

    expected = (_public(secret), other, " ".join(ssh.split()[:2]))

    assert expected == read_recipients(_settings(tmp_path, _public(secret), "team.txt"))


@pytest.mark.parametrize(
    "size", [pytest.param(0, id="nothing"), pytest.param(1, id="a byte"), pytest.param(200_000, id="pieces")]
)
def test_what_is_encrypted_is_what_is_decrypted(tmp_path: Path, secret: str, size: int) -> None:
    plain = os.urandom(size)
    data = _encrypted(_public(secret), plain=plain)

    assert data.startswith(b"age-encryption.org/v1\n")
    assert _decrypted(data, _identities(tmp_path, secret)) == plain


def test_each_of_several_recipients_can_read_it(tmp_path: Path, secret: str, ssh_keys: Path) -> None:
    ssh = read_recipients(_settings(tmp_path, str(ssh_keys / "ed25519.pub"), str(ssh_keys / "rsa.pub")))
    data = _encrypted(_public(secret), *ssh)

    for identity in (ssh_keys / "ed25519", ssh_keys / "rsa"):
        assert _decrypted(data, read_identities(_settings(tmp_path, identity=str(identity)), recipients=())) == _PLAIN
    assert _decrypted(data, _identities(tmp_path, secret)) == _PLAIN


def test_a_file_with_several_secret_keys_reads_what_is_for_any_of_them(tmp_path: Path, secret: str) -> None:
    old = str(pyrage.x25519.Identity.generate())

    assert _decrypted(_encrypted(_public(secret)), _identities(tmp_path, old, secret)) == _PLAIN


def test_a_secret_key_as_a_recipient_is_refused_and_not_shown(tmp_path: Path, secret: str, ssh_keys: Path) -> None:
    (tmp_path / "key.txt").write_text(f"# public key: {_public(secret)}\n{secret}\n")
    for entry in (secret, secret.lower(), "key.txt", str(ssh_keys / "ed25519")):
        with pytest.raises(ConfigError, match="holds a secret key, where only public keys belong") as caught:
            read_recipients(_settings(tmp_path, entry))
        assert secret[20:].lower() not in f"{caught.value} {caught.value.hint}".lower()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param("age1notakey", "backup_encrypt_to: 'age1notakey' is no public key", id="mistyped age key"),
        pytest.param("ssh-ed25519 AAAA", "backup_encrypt_to: 'ssh-ed25519 AAAA' is no public key", id="mistyped ssh key"),
        pytest.param("ecdsa-sha2-nistp256 AAAA", "'ecdsa-sha2-nistp256 AAAA' is no public key", id="kind that age has not"),
        pytest.param("gone.txt", "{root}/gone.txt of backup_encrypt_to cannot be read: No such file", id="missing file"),
        pytest.param("empty.txt", "{root}/empty.txt of backup_encrypt_to holds no public key", id="file without keys"),
        pytest.param("bad.txt", "{root}/bad.txt:2 is no public key", id="line of a file, not shown"),
        pytest.param(".", "{root} of backup_encrypt_to cannot be read: Is a directory", id="folder"),
    ],
)
def test_a_recipient_that_is_none_is_named(tmp_path: Path, entry: str, message: str) -> None:
    (tmp_path / "empty.txt").write_text("# nobody\n")
    (tmp_path / "bad.txt").write_text("# somebody\nhunter2\n")
    with pytest.raises(ConfigError) as caught:
        read_recipients(_settings(tmp_path, entry))

    assert message.format(root=tmp_path) in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    assert "age1" in caught.value.hint


def test_without_an_identity_the_recipients_are_named(tmp_path: Path, secret: str) -> None:
    with pytest.raises(DecryptionFailedError, match="there is no secret key to read it with") as caught:
        read_identities(_settings(tmp_path), recipients=(_public(secret),))

    assert "SEACHANGE_BACKUP_IDENTITY" in caught.value.hint
    assert _public(secret) in caught.value.hint


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param(b"# nothing\n", "holds no secret key", id="empty"),
        pytest.param(b"# one\nhunter2\n", ":2 of backup_identity is no secret key of age", id="something else"),
        pytest.param(b"\xff\xfe\x00", "is no text file with keys", id="binary"),
        pytest.param(b"age-encryption.org/v1\n-> scrypt", "is protected by a passphrase", id="age -p"),
        pytest.param(b"-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n", "is no secret key that backups", id="broken ssh key"),
    ],
)
def test_an_identity_that_is_none_is_named_and_not_shown(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "key.txt").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_identities(_settings(tmp_path, identity="key.txt"), recipients=())

    assert str(tmp_path / "key.txt") in str(caught.value)
    assert message in str(caught.value)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("protected", "is protected by a passphrase", id="passphrase"),
        pytest.param("ecdsa", "is no secret key that backups can be read with", id="kind that age has not"),
    ],
)
def test_an_ssh_key_that_cannot_serve_is_named(tmp_path: Path, ssh_keys: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_identities(_settings(tmp_path, identity=str(ssh_keys / name)), recipients=())


def test_a_secret_key_that_was_read_is_masked_wherever_it_appears(tmp_path: Path, secret: str) -> None:
    identities = _identities(tmp_path, secret)

    assert redact(f"key {secret} found") == "key *** found"
    assert secret not in repr(identities)


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[:-1], id="last byte missing"),
        pytest.param(lambda data: data[:100_000], id="cut in the middle"),
        pytest.param(lambda data: data[: len(data) - (len(_PLAIN) % 65536 or 65536) - 16], id="last piece missing"),
        pytest.param(lambda data: data[:60], id="cut in the header"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda data: _flip(data, 100_000), id="flipped in a piece"),
        pytest.param(lambda data: _flip(data, 170), id="flipped in the header"),
        pytest.param(lambda data: data + b"x", id="something appended"),
        pytest.param(lambda data: b"PGDMP" + data, id="not age"),
    ],
)
def test_damage_is_found_and_nothing_is_left_under_the_name(tmp_path: Path, secret: str, damage: Any) -> None:
    (tmp_path / "database.dump.age").write_bytes(damage(_encrypted(_public(secret))))
    with pytest.raises(BackupInvalidError, match=f"{tmp_path}/database.dump.age is damaged"):
        decrypt_file(tmp_path / "database.dump.age", tmp_path / "database.dump", _identities(tmp_path, secret))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["database.dump.age", "key.txt"]


def test_another_key_is_named_and_leaves_nothing(tmp_path: Path, secret: str) -> None:
    (tmp_path / "x.age").write_bytes(_encrypted(_public(str(pyrage.x25519.Identity.generate()))))
    with pytest.raises(DecryptionFailedError, match=f"not to the key in {tmp_path}/key.txt"):
        decrypt_file(tmp_path / "x.age", tmp_path / "x", _identities(tmp_path, secret))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["key.txt", "x.age"]


def test_a_decrypted_file_is_private_and_whole(tmp_path: Path, secret: str) -> None:
    (tmp_path / "x.age").write_bytes(_encrypted(_public(secret)))
    decrypt_file(tmp_path / "x.age", tmp_path / "x", _identities(tmp_path, secret))

    assert (tmp_path / "x").read_bytes() == _PLAIN
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, secret: str) -> None:
    (tmp_path / "x.age").write_bytes(_encrypted(_public(secret)))
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        decrypt_file(tmp_path / "x.age", tmp_path / "x", _identities(tmp_path, secret))

    assert (tmp_path / "x").read_text() == "mine"


class _Broken:
    def __init__(self, failure: BaseException) -> None:
        self._failure = failure

    def read(self, _size: int = -1, /) -> bytes:
        raise self._failure

    def write(self, _data: bytes, /) -> int:
        raise self._failure


@pytest.mark.parametrize(
    "failure",
    [pytest.param(OSError(28, "No space left on device"), id="full disk"), pytest.param(KeyboardInterrupt(), id="Ctrl-C")],
)
def test_what_reading_and_writing_raise_comes_out_as_it_was(tmp_path: Path, secret: str, failure: BaseException) -> None:
    identities, public = _identities(tmp_path, secret), _public(secret)
    attempts: list[Callable[[], None]] = [
        lambda: encrypt_stream(_Broken(failure), io.BytesIO(), [public]),
        lambda: encrypt_stream(io.BytesIO(_PLAIN), _Broken(failure), [public]),
        lambda: decrypt_stream(_Broken(failure), io.BytesIO(), identities, name="x"),
        lambda: decrypt_stream(io.BytesIO(_encrypted(public)), _Broken(failure), identities, name="x"),
    ]
    for attempt in attempts:
        with pytest.raises(type(failure)) as caught:
            attempt()
        assert caught.value is failure


def test_without_the_library_the_extra_is_named(tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key.txt").write_text(secret)
    monkeypatch.setitem(sys.modules, "pyrage", None)
    for attempt in (
        lambda: read_recipients(_settings(tmp_path, "age1abc")),
        lambda: read_identities(_settings(tmp_path, identity="key.txt"), recipients=()),
    ):
        with pytest.raises(ExtraMissingError) as caught:
            attempt()
        assert isinstance(caught.value, SeachangeError)
        assert caught.value.hint == "pip install 'seachange[encrypt]'"


_MANY = 64 * 1024**2


class _Endless:
    left = _MANY

    def read(self, size: int = -1, /) -> bytes:
        piece = min(size, self.left)
        self.left -= piece
        return b"x" * piece


class _Counting:
    total = 0
    largest = 0

    def write(self, data: bytes, /) -> int:
        self.total, self.largest = self.total + len(data), max(self.largest, len(data))
        return len(data)


def test_nothing_is_held_in_memory_whole(secret: str) -> None:
    writer = _Counting()
    encrypt_stream(_Endless(), writer, [_public(secret)])

    assert writer.total > _MANY
    assert writer.largest <= 65_552
