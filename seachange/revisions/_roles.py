"""Roles on a throwaway server: its databases stand for different servers, and share what a revision makes outside of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seachange.postgres.statements import StatementClass

__all__ = ["Roles"]

_EXISTS = "select 1 from pg_catalog.pg_roles where rolname = {}"

# Whoever needs the role in this database is the revision's own affair, and the server names it.
_NEEDED_ELSEWHERE = """
select 1 from pg_catalog.pg_shdepend d join pg_catalog.pg_roles r on r.oid = d.refobjid
where d.refclassid = 'pg_catalog.pg_authid'::regclass and r.rolname = any(array[{}]::text[])
having bool_and(d.dbid <> (select oid from pg_catalog.pg_database where datname = current_database())
    and not (d.classid = 'pg_catalog.pg_database'::regclass
        and d.objid = (select oid from pg_catalog.pg_database where datname = current_database())))
"""


class Roles:
    """Says which statements about roles another database of a throwaway server has run, or still forbids.

    A role that the same run makes twice is a fault of the revisions, and is left to the server.
    """

    def __init__(self) -> None:
        self._made: set[str] = set()

    def settled(self, found: StatementClass, query: Callable[[str], list[Any]]) -> bool:
        """Whether a statement need not be run here.

        :param found: the statement.
        :param query: runs SQL on its session.
        """
        if name := found.makes_role:
            again = name in self._made
            self._made.add(name)
            return not again and bool(query(_EXISTS.format(_literal(name))))
        if found.drops_roles:
            self._made.difference_update(found.drops_roles)
            return bool(query(_NEEDED_ELSEWHERE.format(", ".join(map(_literal, found.drops_roles)))))
        return False


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
