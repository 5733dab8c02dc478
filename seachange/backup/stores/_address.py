"""The address of a remote place for backups: which file system it is, with which options and which secrets."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from seachange.config import Settings
from seachange.errors import ConfigError, ExtraMissingError
from seachange.postgres.redaction import register_secret

__all__ = ["is_remote", "open_filesystem", "require_plain"]

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az"}
_SECRET_NAME = re.compile(r"secret|token|password|passwd|account_key|sas|connection_string|credential", re.I)
_SECRET_VARIABLE = re.compile(
    r"(?:AWS|FSSPEC|AZURE|GOOGLE|GCS)_.*(?:SECRET|TOKEN|PASSWORD|ACCOUNT_KEY|SAS|CONNECTION_STRING).*(?<!_FILE)"
)
_NOISY = ("stamina", "aiobotocore", "botocore", "s3fs", "gcsfs", "adlfs", "azure", "fsspec", "asyncio", "aiohttp", "urllib3")

# A client of S3 takes half a second to make; all stores of a process that are configured alike share one.
_AMBIENT = ("AWS_", "FSSPEC_", "AZURE_", "GOOGLE_")
_lock = threading.Lock()
_opened: dict[str, Any] = {}

# What boto reads of the environment itself, but not of the .env file of a project.
_AWS = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_PROFILE": "profile",
    "AWS_ENDPOINT_URL": "endpoint_url",
    "AWS_ENDPOINT_URL_S3": "endpoint_url",
}


def is_remote(backup_dir: str) -> bool:
    """Return whether ``backup_dir`` is a URL.

    :param backup_dir: the setting.
    """
    return "://" in backup_dir


def require_plain(url: str) -> str:
    """Return a URL without a slash at its end, if nothing but a place is in it.

    :param url: the setting ``backup_dir``.
    :raises ConfigError: it holds a user and password or a query, which are not shown; or names no bucket.
    """
    protocol, _, rest = url.partition("://")
    if "::" in url:
        raise ConfigError(
            f"backup_dir cannot be a chain of file systems ({protocol}://...)", hint="name one place: s3://bucket/folder"
        )
    netloc = rest.partition("/")[0]
    user, at, host = netloc.rpartition("@")
    if at and (":" in user or protocol not in ("abfs", "abfss")):
        raise ConfigError(
            f"backup_dir {protocol}://***@{host} holds a user or password; no secret may stand there",
            hint="give credentials in the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE or FSSPEC_S3_...",
        )
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ConfigError(
            f"backup_dir {protocol}://{netloc} has something after ? or #, which belongs to no folder",
            hint="give options in the environment: FSSPEC_S3_ENDPOINT_URL and the like",
        )
    if not rest.strip("/"):
        raise ConfigError(f"backup_dir {protocol}:// names no bucket", hint=f"{protocol}://bucket/folder")
    return url.rstrip("/")


def open_filesystem(url: str, settings: Settings) -> Any:
    """Return the file system of a URL; nothing is connected yet.

    :param url: of :func:`require_plain`.
    :param settings: for the environment, with what the project's .env file adds to it.
    :raises ExtraMissingError: its library is not installed.
    :raises ConfigError: there is no such file system, or its options are wrong.
    """
    protocol = url.partition("://")[0]
    _quieten()
    registry = _import("fsspec.registry", protocol)
    if protocol not in registry.available_protocols():
        raise ConfigError(
            f"backup_dir {url}: there is no file system {protocol}://", hint="s3://, gs:// or az:// with the extra of that name"
        )
    try:
        kind = registry.get_filesystem_class(protocol)
    except ImportError as exc:
        raise _missing(protocol) from exc
    options = _options(protocol, settings)
    ambient = {name: value for name, value in os.environ.items() if name.startswith(_AMBIENT)}
    given = json.dumps([os.getpid(), protocol, options, ambient], sort_keys=True, default=repr)
    key = hashlib.sha256(given.encode()).hexdigest()
    with _lock:
        if key not in _opened:
            _opened[key] = _open(kind, options, url)
        return _opened[key]


def _open(kind: Any, options: Mapping[str, Any], url: str) -> Any:
    protocol = url.partition("://")[0]
    try:
        filesystem = kind(**options, use_listings_cache=False, skip_instance_cache=True)
    except (TypeError, ValueError, KeyError, OSError) as exc:
        raise ConfigError(
            f"backup_dir {url}: the options of its file system are wrong: {type(exc).__name__}: {exc}",
            hint=f"look at the variables that begin with FSSPEC_{protocol.upper()}_",
        ) from exc
    if _EXTRAS.get(protocol) == "s3":
        # Its own attempts come on top of botocore's below and of ours above.
        filesystem.retries = 2
    return filesystem


def _import(name: str, protocol: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise _missing(protocol) from exc


def _missing(protocol: str) -> ExtraMissingError:
    extra = _EXTRAS.get(protocol)
    hint = f"pip install 'seachange[{extra}]'" if extra else f"install the library that fsspec uses for {protocol}://"
    return ExtraMissingError(f"backups at {protocol}:// need a library that is not installed", hint=hint)


def _options(protocol: str, settings: Settings) -> dict[str, Any]:
    """Return the options of fsspec's configuration and of the environment, each secret of them made known for redaction."""
    for name, value in {**os.environ, **settings.environment}.items():
        if _SECRET_VARIABLE.fullmatch(name):
            register_secret(value)
    options = _configured(protocol, settings.environment)
    for name, value in options.items():
        if _SECRET_NAME.search(name) and isinstance(value, str):
            register_secret(value)
    if protocol == "file":
        options["auto_mkdir"] = True
    if _EXTRAS.get(protocol) == "s3":
        return _s3_options(options, settings.environment)
    return options


def _configured(protocol: str, environment: Mapping[str, str]) -> dict[str, Any]:
    config = _import("fsspec.config", protocol)
    found = {name: dict(values) for name, values in config.conf.items()}
    config.set_conf_env(found, {name: value for name, value in environment.items() if name.startswith("FSSPEC_")})
    return {**found.get("s3" if protocol == "s3a" else protocol, {})}


def _s3_options(options: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    added = {name: value for name, value in environment.items() if value and os.environ.get(name) != value}
    for variable, option in _AWS.items():
        if variable in added:
            options.setdefault(option, added[variable])
    region = added.get("AWS_REGION") or added.get("AWS_DEFAULT_REGION")
    if region:
        options["client_kwargs"] = {"region_name": region, **options.get("client_kwargs", {})}
    # A request is repeated by botocore, so that one lost part does not begin a large file anew; files are repeated by us.
    patience = {"connect_timeout": 5, "read_timeout": 30, "retries": {"mode": "standard", "total_max_attempts": 3}}
    options["config_kwargs"] = {**patience, "max_pool_connections": 32, **options.get("config_kwargs", {})}
    return options


def _quieten() -> None:
    # What they would say is said by the error, once; whoever set a level wants to read more.
    for name in _NOISY:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)
