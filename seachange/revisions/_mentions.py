"""Functions that name a renamed table or column in their text, where PostgreSQL does not follow a rename."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import text

from seachange.revisions._rename_operations import RenameOp

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["mentions"]

_FUNCTIONS = text(r"""
select p.oid\:\:regprocedure\:\:text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where n.nspname not in ('pg_catalog', 'information_schema')
and p.prosrc ~ ('\m' || regexp_replace(:name, '(\W)', '\\\1', 'g') || '\M')
and not exists (select from pg_catalog.pg_depend d
    where d.classid = 'pg_proc'\:\:regclass and d.objid = p.oid and d.deptype = 'e')
order by 1
""")


def mentions(renames: Iterable[RenameOp], connection: Connection) -> tuple[str, ...]:
    """Return a sentence for each function that mentions the old name of a table or column.

    :param renames: what is renamed.
    :param connection: where the functions are.
    """
    return tuple(
        f"function {name} has {rename.old} in its text, which PostgreSQL does not rename: look whether it means {rename.new}"
        for rename in renames
        if rename.kind in ("table", "column")
        for name in connection.scalars(_FUNCTIONS, {"name": rename.old})
    )
