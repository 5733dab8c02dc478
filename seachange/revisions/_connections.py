"""The connection that Alembic gets: env.py's own, or the one handed over, free of a transaction that env.py has begun on it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from seachange.errors import EnvironmentFailedError
from seachange.postgres.drivers import query

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from seachange.revisions._redirect import Redirect

__all__ = ["Listen", "Offered"]

Listen = Callable[["Engine"], AbstractContextManager[object]]

# What env.py may have set for the length of its transaction only: where names are looked up, and as whom.
_LOCAL = ("search_path", "role")


class Offered:
    """The connection that env.py is offered, and what becomes of the one that it configures Alembic with.

    :param connection: the one that env.py is offered.
    :param redirect: what sends env.py's own engines to the same place.
    :param listen: told each engine that revisions are run on, once.
    """

    def __init__(self, connection: Connection, *, redirect: Redirect, listen: Callable[[Engine], object]) -> None:
        self._offered = connection
        self._redirect = redirect
        self._listen = listen
        self._listened: list[Engine] = []

    def settled(self, given: Connection | None) -> Connection:
        """Return the connection for Alembic.

        :param given: what env.py passes to ``configure``.
        :raises EnvironmentFailedError: it leads to somewhere else, or is in a transaction that cannot be ended.
        """
        connection = self._offered if given is None else given
        if connection.engine.pool is not self._offered.engine.pool and not self._redirect.owns(connection):
            raise EnvironmentFailedError(
                "env.py configures Alembic with a connection that was opened before it ran, so that it may lead anywhere",
                hint="open it in env.py, or take config.attributes['connection'] when it is there",
            )
        if connection.engine not in self._listened:
            self._listened.append(connection.engine)
            self._listen(connection.engine)
        return _free(connection) if connection.in_transaction() else connection


def _free(connection: Connection) -> Connection:
    """Commit what env.py has begun, and return another face of the same session, whose transactions are Alembic's.

    Alembic leaves a transaction that it finds to whoever began it, and nothing is committed before that one. env.py's own
    object stays as it is, so that its ``commit()`` or its ``with`` block ends as it would.
    """
    from sqlalchemy import Connection, TwoPhaseTransaction

    if isinstance(connection.get_transaction(), TwoPhaseTransaction) or connection.in_nested_transaction():
        raise EnvironmentFailedError(
            "env.py configures Alembic inside a savepoint or a two-phase transaction, but each revision is committed by itself",
            hint="set USE_TWOPHASE = False in env.py, or call configure() outside of begin_nested()",
        )
    session = connection.connection
    settings = "select " + ", ".join(f"current_setting('{name}')" for name in _LOCAL)
    before = query(session, settings)[0]
    connection.dialect.do_commit(session)
    if (after := query(session, settings)[0]) != before:
        for name, wanted, found in zip(_LOCAL, before, after, strict=True):
            if wanted != found:
                quoted = str(wanted).replace("'", "''")
                query(session, f"select set_config('{name}', '{quoted}', false)")
    connection.dialect.do_commit(session)
    face = Connection(connection.engine, connection=session)
    options = {name: value for name, value in connection.get_execution_options().items() if name != "isolation_level"}
    return face.execution_options(**options)
