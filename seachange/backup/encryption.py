"""Encryption of backups with age on this machine: public keys to write, the file of a secret key to read."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from seachange.backup.files import open_new, open_to_read, sync_file
from seachange.config import Settings
from seachange.errors import BackupInvalidError, ConfigError, DecryptionFailedError, ExtraMissingError
from seachange.postgres.redaction import register_secret

__all__ = [
    "ByteReader",
    "ByteWriter",
    "Identities",
    "decrypt_file",
    "decrypt_stream",
    "encrypt_stream",
    "read_identities",
    "read_recipients",
]

_SECRET = re.compile(r"AGE-SECRET-KEY-|AGE-PLUGIN-|PRIVATE KEY", re.I)
_SSH_KINDS = ("ssh-ed25519", "ssh-rsa")
_PASSPHRASE = ("age-encryption.org/v1", "-----BEGIN AGE ENCRYPTED FILE-----")
_KEY_FILE_LIMIT = 1024**2


class ByteReader(Protocol):
    """What bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        ...


class ByteWriter(Protocol):
    """What bytes go to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identities:
    """The secret keys of one file; nothing of them is ever shown."""

    path: Path
    keys: tuple[Any, ...] = dataclasses.field(repr=False)


def read_recipients(settings: Settings) -> tuple[str, ...]:
    """Return the public keys that backups are encrypted to; none when they are not encrypted.

    :param settings: ``backup_encrypt_to`` holds keys and paths of files with one on each line.
    :raises ConfigError: an entry is no public key and no file of such; a secret key among them is refused, not shown.
    :raises ExtraMissingError: the library is not installed.
    """
    keys: dict[str, None] = {}
    for entry in settings.backup_encrypt_to:
        for text, where in _recipient_texts(entry, settings):
            keys[_public_key(text, where)] = None
    return tuple(keys)


def encrypt_stream(reader: ByteReader, writer: ByteWriter, recipients: Sequence[str]) -> None:
    """Encrypt all that a reader gives; anyone with the secret key of one recipient can read it.

    It is read in pieces of 8 KiB and written in pieces of 64 KiB. What the reader or the writer raises, Ctrl-C included, is
    raised as it was.

    :param reader: the plain bytes; compression happens in it.
    :param writer: takes the encrypted bytes; hashing happens in it.
    :param recipients: public keys, as :func:`read_recipients` returns them; at least one.
    """
    pyrage = _pyrage()
    source, target = _Watched(reader), _Watched(writer)
    try:
        pyrage.encrypt_io(source, target, [_recipient(key) for key in recipients])
    except pyrage.EncryptError as exc:
        raise source.failure or target.failure or ConfigError(f"encryption failed: {exc}") from exc


def read_identities(settings: Settings, *, recipients: Sequence[str]) -> Identities:
    """Return the secret keys that encrypted backups are read with.

    :param settings: ``backup_identity`` is the file: of age-keygen, or an OpenSSH key without a passphrase.
    :param recipients: the public keys that the backup was encrypted to, for messages.
    :raises DecryptionFailedError: no file is set.
    :raises ConfigError: it cannot be read, or holds no secret key.
    :raises ExtraMissingError: the library is not installed.
    """
    if not settings.backup_identity:
        raise DecryptionFailedError(
            "the backup is encrypted, and there is no secret key to read it with",
            hint="set backup_identity or SEACHANGE_BACKUP_IDENTITY to the file with the secret key of one of: "
            + ", ".join(recipients),
        )
    path = settings.path(settings.backup_identity)
    text = _key_file(path, "backup_identity")
    keys = _ssh_identity(text, path) if text.lstrip().startswith("-----BEGIN OPENSSH") else _age_identities(text, path)
    return Identities(path=path, keys=keys)


def decrypt_stream(reader: ByteReader, writer: ByteWriter, identities: Identities, *, name: str) -> None:
    """Decrypt all that a reader gives.

    What was written before a failure is authentic, but not all of it: keep it from sight until this returns.

    :param reader: the encrypted bytes.
    :param writer: takes the plain bytes.
    :param identities: the secret keys.
    :param name: what is decrypted, for messages.
    :raises DecryptionFailedError: it is encrypted to other keys.
    :raises BackupInvalidError: it was changed, or its end is missing.
    """
    pyrage = _pyrage()
    source, target = _Watched(reader), _Watched(writer)
    try:
        pyrage.decrypt_io(source, target, list(identities.keys))
    except (pyrage.DecryptError, OSError) as exc:
        raise source.failure or target.failure or _decryption_error(exc, name, identities) from exc


def decrypt_file(source: Path, target: Path, identities: Identities, *, name: str = "") -> None:
    """Decrypt a file into a new one, private to its owner, that has its name only when it is whole and on disk.

    :param source: the encrypted file.
    :param target: the plain file; it must not exist.
    :param identities: the secret keys.
    :param name: what messages call the encrypted file; its path by default.
    :raises DecryptionFailedError: it is encrypted to other keys.
    :raises BackupInvalidError: it was changed, or its end is missing.
    :raises OSError: a file cannot be read or written, or ``target`` exists.
    """
    partial = target.with_name(f".{target.name}.decrypting")
    try:
        with open_to_read(source) as reader, open_new(partial) as writer:
            decrypt_stream(reader, writer, identities, name=name or str(source))
            sync_file(writer)
        # Unlike renaming, this never replaces a file.
        os.link(partial, target)
    finally:
        partial.unlink(missing_ok=True)


class _Watched:
    """Passes reads and writes on and keeps what they raise: pyrage leaves only its text, even of Ctrl-C."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        with self._kept():
            data: bytes = self._inner.read(size)
        return data

    def write(self, data: bytes) -> int:
        with self._kept():
            self._inner.write(data)
        return len(data)

    def flush(self) -> None:
        """Leave it to whoever made the writer."""

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except BaseException as exc:
            self.failure = exc
            raise


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError as exc:
        raise ExtraMissingError(
            "encrypted backups need the library pyrage, which is not installed", hint="pip install 'seachange[encrypt]'"
        ) from exc
    return pyrage


def _recipient_texts(entry: str, settings: Settings) -> Iterator[tuple[str, str]]:
    if _SECRET.search(entry):
        raise _secret_given("backup_encrypt_to")
    if entry.startswith(("age1", "ssh-", "ecdsa-", "sk-")):
        yield entry, f"backup_encrypt_to: {entry!r}"
        return
    path = settings.path(entry)
    found = False
    for number, line in _lines(_key_file(path, "backup_encrypt_to")):
        found = True
        yield line, f"{path}:{number}"
    if not found:
        raise ConfigError(
            f"{path} of backup_encrypt_to holds no public key", hint="put one on each line: age1..., ssh-ed25519 ..."
        )


def _public_key(text: str, where: str) -> str:
    if _SECRET.search(text):
        raise _secret_given(where)
    key = " ".join(text.split()[:2]) if text.startswith("ssh-") else text
    try:
        _recipient(key)
    except _pyrage().RecipientError as exc:
        kinds = "age1... of age-keygen, ssh-ed25519 or ssh-rsa"
        raise ConfigError(f"{where} is no public key that backups can be encrypted to", hint=f"give {kinds}") from exc
    return key


def _recipient(key: str) -> Any:
    pyrage = _pyrage()
    return pyrage.ssh.Recipient.from_str(key) if key.startswith(_SSH_KINDS) else pyrage.x25519.Recipient.from_str(key)


def _secret_given(where: str) -> ConfigError:
    return ConfigError(
        f"{where} holds a secret key, where only public keys belong; it is not shown here",
        hint="`age-keygen -y FILE` prints the public key; keep the secret one away from the machine that makes backups",
    )


def _ssh_identity(text: str, path: Path) -> tuple[Any, ...]:
    pyrage = _pyrage()
    try:
        return (pyrage.ssh.Identity.from_buffer(text.encode()),)
    except pyrage.IdentityError as exc:
        if "decrypted first" in str(exc):
            raise _protected(path) from exc
        raise ConfigError(
            f"{path} of backup_identity is no secret key that backups can be read with", hint="use ssh-ed25519, ssh-rsa or age"
        ) from exc


def _age_identities(text: str, path: Path) -> tuple[Any, ...]:
    if text.startswith(_PASSPHRASE):
        raise _protected(path)
    pyrage, keys = _pyrage(), []
    for number, line in _lines(text):
        register_secret(line)
        try:
            keys.append(pyrage.x25519.Identity.from_str(line))
        except pyrage.IdentityError as exc:
            raise ConfigError(
                f"{path}:{number} of backup_identity is no secret key of age", hint="the line begins with AGE-SECRET-KEY-1"
            ) from exc
    if not keys:
        raise ConfigError(f"{path} of backup_identity holds no secret key", hint="`age-keygen -o FILE` makes one")
    return tuple(keys)


def _protected(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} of backup_identity is protected by a passphrase, which nobody can be asked for here",
        hint="give a copy without one, in a file that only you can read, and remove it afterwards",
    )


def _key_file(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_KEY_FILE_LIMIT).decode()
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path} of {setting} is no text file with keys", hint="`age-keygen -o FILE` makes one") from exc
    except OSError as exc:
        hint = (
            "it takes a path, or public keys: age1..., ssh-ed25519 ..." if setting == "backup_encrypt_to" else "it takes a path"
        )
        raise ConfigError(f"{path} of {setting} cannot be read: {exc.strerror}", hint=hint) from exc


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _decryption_error(exc: Exception, name: str, identities: Identities) -> Exception:
    if "No matching keys" in str(exc):
        return DecryptionFailedError(
            f"{name} is encrypted, and not to the key in {identities.path}",
            hint="set backup_identity to the file with the secret key of a recipient; its manifest names them",
        )
    return BackupInvalidError(
        f"{name} is damaged: it was changed or its end is missing since it was encrypted ({exc})", hint="use another backup"
    )
