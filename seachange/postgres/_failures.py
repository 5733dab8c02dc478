"""What it means when a connection fails, told from the text, which is all that libpq gives."""

from __future__ import annotations

import dataclasses
import re

from seachange.errors import (
    AuthenticationFailedError,
    DatabaseMissingError,
    DatabaseUrlError,
    ReadOnlyServerError,
    SeachangeError,
    ServerUnreachableError,
    TlsFailedError,
)
from seachange.postgres._database import Database
from seachange.postgres.redaction import redact

__all__ = ["connection_failure", "speaks_of_connection"]

_PASSWORD_HINT = "check the user and the password in DATABASE_URL; a password file (PGPASSFILE, ~/.pgpass) must have mode 0600"  # noqa: S105
_BUSY_HINT = "wait for connections to end, or raise max_connections; select count(*) from pg_stat_activity shows them"
_UNREACHABLE_HINT = "check that the server runs and that host and port are right; in development `invoke db.start` starts one"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Kind:
    pattern: str
    error: type[SeachangeError]
    message: str
    hint: str


# In this order: with several hosts the text holds one failure for each, and the one that a user can mend counts.
_KINDS = (
    _Kind(
        pattern=(
            r"password authentication failed|authentication failed for user|no password supplied"
            r"|password retrieved from file|fe_sendauth|SCRAM|authentication method requirement|Ident authentication"
            r"|Peer authentication"
        ),
        error=AuthenticationFailedError,
        message="{target} refused the user or the password",
        hint=_PASSWORD_HINT,
    ),
    _Kind(
        pattern=r"role \".*\" does not exist|is not permitted to log in",
        error=AuthenticationFailedError,
        message="{target}: the user cannot log in",
        hint="create the role, or name another user in DATABASE_URL",
    ),
    _Kind(
        pattern=r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        error=AuthenticationFailedError,
        message="{target} does not let this user in from here",
        hint="add a line to pg_hba.conf, or try sslmode=require",
    ),
    _Kind(
        pattern=r"permission denied for database",
        error=AuthenticationFailedError,
        message="{target}: the user may not connect to the database",
        hint="grant connect on the database to the user",
    ),
    _Kind(
        pattern=r"database \".*\" does not exist",
        error=DatabaseMissingError,
        message="the database {name!r} does not exist at {target}",
        hint="create it with createdb, or check the name in DATABASE_URL; in development `invoke db.start` makes one",
    ),
    _Kind(
        pattern=(
            r"certificate|SSL error|server does not support SSL|sslmode value|SSL connection is required|TLS|root\.crt"
            r"|server does not support GSSAPI|channel binding"
        ),
        error=TlsFailedError,
        message="the encrypted connection to {target} cannot be made",
        hint="check sslmode, sslrootcert and the certificates; sslmode=disable does without encryption",
    ),
    _Kind(
        pattern=(
            r"definition of service|invalid connection option|invalid .* value|invalid integer value"
            r"|invalid port number|could not match \d+|bad value for"
        ),
        error=DatabaseUrlError,
        message="the parameters of {target} cannot be used",
        hint="check DATABASE_URL and the PG* variables",
    ),
    _Kind(
        pattern=r"(session|server) is (not )?(read-only|in hot standby mode)",
        error=ReadOnlyServerError,
        message="no server of {target} is as target_session_attrs asks",
        hint="name the primary",
    ),
    _Kind(
        pattern=r"too many clients|remaining connection slots|too many connections|no more connections allowed",
        error=ServerUnreachableError,
        message="{target} has no connection left",
        hint=_BUSY_HINT,
    ),
    _Kind(
        pattern=(
            r"database system is (starting up|shutting down|in recovery mode|not yet accepting)"
            r"|not accepting connections"
        ),
        error=ServerUnreachableError,
        message="{target} is not ready",
        hint="wait until the server has started; a larger MIGRATION_TIMEOUT waits longer",
    ),
    _Kind(
        pattern=(
            r"could not translate host name|failed to resolve host|Name or service not known|nodename nor servname"
            r"|Temporary failure in name resolution"
        ),
        error=ServerUnreachableError,
        message="the host of {target} has no address",
        hint="check the host in DATABASE_URL",
    ),
)


_UNREACHABLE = _Kind(pattern="", error=ServerUnreachableError, message="cannot reach {target}", hint=_UNREACHABLE_HINT)
_REFUSED = _Kind(
    pattern="", error=AuthenticationFailedError, message="{target} refused the user or the password", hint=_PASSWORD_HINT
)
_MISSING = _Kind(
    pattern="",
    error=DatabaseMissingError,
    message="the database {name!r} cannot be opened at {target}",
    hint="check its name in DATABASE_URL",
)


def connection_failure(database: Database, text: str) -> SeachangeError:
    """Return the error to raise when connecting to ``database`` failed with ``text``.

    :param database: where the connection should have gone.
    :param text: what libpq or a client program said; redacted here.
    """
    kind = _known(text) or _by_name(database, text) or _UNREACHABLE
    message = kind.message.format(target=database.redacted, name=database.name)
    return kind.error(f"{message}: {redact(_essence(text))}", hint=kind.hint)


def speaks_of_connection(text: str) -> bool:
    """Whether a client program says that it could not connect."""
    return bool(re.search(r"connection to (server|database) .*failed|could not (connect|translate)|failed to resolve", text))


def _known(text: str) -> _Kind | None:
    return next((kind for kind in _KINDS if re.search(kind.pattern, text)), None)


def _by_name(database: Database, text: str) -> _Kind | None:
    # A server with translated messages: all languages quote the user who was refused, or the database that is missing.
    if not re.search(r"failed: [^:\n]+:  ", text):
        return None
    if _quoted(database.parameters.get("user", ""), text):
        return _REFUSED
    return _MISSING if _quoted(database.name, text) else None


def _quoted(name: str, text: str) -> bool:
    return bool(name) and bool(re.search(rf"[\"'«»„“「]\s*{re.escape(name)}\s*[\"'«»“”」]", text))


def _essence(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if "Multiple connection attempts failed" in text:
        return "; ".join(line for line in lines if line.startswith("- "))
    wanted = next((line for line in lines if "failed:" in line or "error:" in line), lines[0] if lines else "")
    return re.sub(r"^(connection (failed|is bad): )+", "", wanted)
