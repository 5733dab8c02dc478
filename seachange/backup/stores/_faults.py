"""What goes wrong at a remote place: what it means for a user, and what is worth another attempt."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from seachange.errors import SeachangeError, StoreFailedError, StoreUnreachableError
from seachange.postgres import interrupt
from seachange.postgres.redaction import redact

__all__ = ["Patience", "told"]

log = logging.getLogger(__name__)

_T = TypeVar("_T")

# Of botocore, aiohttp, gcsfs and azure, by name: importing them to compare classes would take longer than the command.
_UNREACHABLE = {
    "BusyError",
    "ClientConnectionError",
    "ClientPayloadError",
    "ConnectionError",
    "FSTimeoutError",
    "HTTPClientError",
    "IncompleteRead",
    "ResponseParserError",
    "ServiceRequestError",
    "ServiceResponseError",
    "TimeoutError",
}
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "NoAuthTokenError",
}
_REFUSED = {"PermissionError", "ClientAuthenticationError", "RefreshError", "DefaultCredentialsError"}
_BUSY = (errno.EBUSY, errno.EIO, getattr(errno, "EREMOTEIO", errno.EIO), errno.ETIMEDOUT, errno.EPIPE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How often, and for how long, something that a busy or vanished server refused is tried again."""

    attempts: int = 4
    timeout_s: float = 30.0

    def do(self, action: Callable[[], _T], *, what: str, url: str, moving: Callable[[], bool] | None = None) -> _T:
        """Return what ``action`` returns, after several attempts if need be.

        :param action: safe to repeat.
        :param what: what is done, for messages: "reading the list of backups".
        :param url: where.
        :param moving: for what takes long, whether it still gets on; decides about another attempt in place of the time.
        :raises SeachangeError: it failed for good.
        """
        import stamina

        def worth_another(exc: Exception) -> bool:
            return _is_worth_another(exc) and (moving is None or moving())

        timeout_s = self.timeout_s if moving is None else None
        with told(what, url=url):
            for attempt in stamina.retry_context(
                on=worth_another, attempts=self.attempts, timeout=timeout_s, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2
            ):
                with attempt:
                    if attempt.num > 1:
                        log.warning("%s at %s is tried again (%d of %d)", what, url, attempt.num, self.attempts)
                    return action()
        raise AssertionError("an attempt returns or raises")


@contextlib.contextmanager
def told(what: str, *, url: str) -> Iterator[None]:
    """Turn what a file system raises into an error that says what to do.

    :param what: what is done: "reading the list of backups".
    :param url: where.
    :raises SeachangeError: for every failure.
    """
    try:
        yield
    except SeachangeError:
        raise
    except Exception as exc:
        raise _meaning(exc, what, url) from exc


def _is_worth_another(exc: Exception) -> bool:
    return not interrupt.interrupted() and not isinstance(exc, SeachangeError) and _is_passing(exc)


def _is_passing(exc: BaseException) -> bool:
    return bool(_names(exc) & _UNREACHABLE) or (isinstance(exc, OSError) and exc.errno in _BUSY)


def _names(exc: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(exc).__mro__}


def _meaning(exc: Exception, what: str, url: str) -> SeachangeError:
    names, said = _names(exc), _said(exc)
    protocol, _, rest = url.partition("://")
    bucket = f"{protocol}://{rest.partition('/')[0]}"
    if names & _NO_CREDENTIALS or "No Credentials" in said:
        return StoreFailedError(f"{what} at {url} failed: there are no credentials ({said})", hint=_credentials(protocol))
    if names & _REFUSED or "Forbidden" in said or "AccessDenied" in said:
        return StoreFailedError(f"{what} at {url} failed: access was denied ({said})", hint=_credentials(protocol))
    if isinstance(exc, FileNotFoundError) and "bucket" in said.lower():
        return StoreFailedError(f"{what} at {url} failed: {bucket} does not exist", hint="make the bucket, or correct backup_dir")
    if isinstance(exc, FileNotFoundError):
        return StoreFailedError(f"{what} at {url} failed: it is gone ({said})", hint="`invoke db.backups` lists what is there")
    if _is_passing(exc):
        return StoreUnreachableError(
            f"{what} at {url} failed: the server does not answer as it should ({said})",
            hint="try again, or look at the network and at the endpoint (AWS_ENDPOINT_URL_S3 or FSSPEC_S3_ENDPOINT_URL)",
        )
    return StoreFailedError(
        f"{what} at {url} failed: {type(exc).__name__}: {said}", hint="look at backup_dir and its credentials"
    )


def _said(exc: Exception) -> str:
    text = str(exc) or str(exc.__cause__ or "") or type(exc).__name__
    return redact(" ".join(text.split()))[:300]


def _credentials(protocol: str) -> str:
    if protocol in ("gs", "gcs"):
        return "give credentials by GOOGLE_APPLICATION_CREDENTIALS or FSSPEC_GS_TOKEN"
    if protocol in ("az", "abfs", "abfss"):
        return "give credentials by AZURE_STORAGE_ACCOUNT_NAME with AZURE_STORAGE_ACCOUNT_KEY, or by FSSPEC_AZ_..."
    return "give credentials by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, by AWS_PROFILE, or by FSSPEC_S3_..."
