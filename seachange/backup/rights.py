"""Whether a role may read all that a dump takes: asked before pg_dump starts, and answered with every name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from seachange.backup.snapshot import READ_HINT
from seachange.errors import BackupFailedError

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["require_readable"]

_SHOWN = 5

# Where row security is in force for a role, a dump stops at an error; with --enable-row-security, which nobody here gives, it
# would leave rows out and call that success (9 of 20,000 rows, status 0).
_UNREADABLE = """
    SELECT format('%I.%I', n.nspname, c.relname), c.relkind = 'S',
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
           c.relrowsecurity AND row_security_active(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1
"""


def require_readable(session: Connection[Any], *, tables: Iterable[str] | None = None, rows: bool = True) -> None:
    """Make sure that the role of a session sees every row.

    :param session: to the database.
    :param tables: the qualified names of those that are taken; all, and all sequences, by default.
    :param rows: whether rows are taken at all; pg_dump locks the tables in any case, which needs the right to read them.
    :raises BackupFailedError: it may not read some, or row security hides rows from it; the message names them.
    """
    wanted = None if tables is None else frozenset(tables)
    found = [row for row in session.execute(_UNREADABLE) if wanted is None or row[0] in wanted]
    forbidden = [("sequence " if sequence else "") + name for name, sequence, readable, _ in found if not readable]
    user = session.info.user
    if forbidden:
        raise BackupFailedError(f"permission denied for {user}: it may not read {_list(forbidden)}", hint=READ_HINT)
    hidden = [name for name, _, _, active in found if active and rows]
    if hidden:
        raise BackupFailedError(
            f"row-level security would hide rows of {_list(hidden)} from {user}",
            hint="use a role with BYPASSRLS: a backup that leaves rows out is none",
        )


def _list(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
