"""pg_dump of the schema, or of the part that the settings choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seachange.postgres import binaries, programs
from seachange.postgres.catalog import OWN_SCHEMA
from seachange.postgres.connection import Session
from seachange.sync.target import Request
from seachange.sync.targets.sql._choice import Choice

__all__ = ["dump"]

_LONG_S = 3600.0


def dump(request: Request, choice: Choice) -> str:
    """Return the schema as SQL, as pg_dump of the server's own major version writes it.

    Owners, privileges and tablespaces are left out: roles and disks belong to a server, not to the schema, and a load would
    fail where they are missing.

    :param request: where from, and by which snapshot.
    :param choice: what is left out.
    :raises BinaryNotFoundError: no pg_dump for a server of this version is at hand.
    :raises ProgramFailedError: pg_dump failed.
    """
    settings = request.settings
    program = binaries.client(settings, "pg_dump", major=request.catalog.major)
    statement_timeout = settings.session_statement_timeout
    timeout_s = (statement_timeout + settings.migration_timeout) / 1000 if statement_timeout else _LONG_S
    schemas = settings.sync_schemas or settings.schemas
    arguments = [
        "--schema-only",
        "--no-owner",
        "--no-privileges",
        "--no-tablespaces",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--encoding=UTF8",
        f"--lock-wait-timeout={max(1, settings.migration_timeout)}",
        f"--snapshot={request.snapshot}",
        *(f"--exclude-schema={_pattern(name)}" for name in _foreign_schemas(request.session, schemas)),
        *(f"--exclude-table={_pattern(*key)}" for key in choice.left_out),
        *(f"--exclude-table={name}" for name in choice.sequences),
    ]
    # Constants of type timestamptz are printed in the session's time zone.
    done = programs.run(program, arguments, database=request.database, timeout_s=timeout_s, env={"PGTZ": "UTC"})
    return done.stdout.decode("utf-8")


def _foreign_schemas(session: Session, schemas: Sequence[str]) -> Iterator[str]:
    # Schemas are excluded rather than included: --schema would leave out the extensions and create `public` again.
    yield OWN_SCHEMA
    if schemas:
        query = "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> ALL (%s) ORDER BY 1"
        for (name,) in session.execute(query, [[*schemas, OWN_SCHEMA, "information_schema"]]).fetchall():
            yield str(name)


def _pattern(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
