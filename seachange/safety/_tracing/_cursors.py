"""Cursors of the driver that a revision uses itself, past SQLAlchemy and its events."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["Around", "watch_cursors"]

Around = Callable[[str, list[Any]], AbstractContextManager[None]]

# Who sends for everybody: what goes through them is seen elsewhere, or is not the revision's.
_OTHERS = ("sqlalchemy.", "seachange.")
_DRIVERS = ("psycopg.", "psycopg2.")


def watch_cursors(proxied: Any, around: Around) -> None:
    """Put ``around`` around each statement that is sent on a cursor of a connection directly.

    :param proxied: SQLAlchemy's proxy of the connection.
    :param around: given the text and the rows of parameters.
    """
    dbapi, driver = proxied.dbapi_connection, proxied.driver_connection
    if dbapi is not driver:
        # SQLAlchemy's face of an asynchronous driver: its cursors are made by a method, and instances have room for nothing.
        dbapi.__class__ = _watched_face(type(dbapi), around)
    elif hasattr(driver, "cursor_factory"):
        # psycopg2 has none unless it was given one.
        driver.cursor_factory = _watched(driver.cursor_factory or type(driver.cursor()), around)


def _watched_face(face: type[Any], around: Around) -> type[Any]:
    def cursor(self: Any, *args: Any, **kwargs: Any) -> Any:
        made = face.cursor(self, *args, **kwargs)
        made.__class__ = _watched(type(made), around)
        return made

    return type(face.__name__, (face,), {"__slots__": (), "cursor": cursor})


def _watched(cursor: type[Any], around: Around) -> type[Any]:
    def execute(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        rows = [args[0] if args else next(iter(kwargs.values()), None)]
        with _around(around, _text(query, self), rows):
            return cursor.execute(self, query, *args, **kwargs)

    def executemany(self: Any, query: Any, rows: Any, *args: Any, **kwargs: Any) -> Any:
        given = list(rows)
        with _around(around, _text(query, self), given):
            return cursor.executemany(self, query, given, *args, **kwargs)

    @contextlib.contextmanager
    def copy(self: Any, statement: Any, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with _around(around, _text(statement, self), [None]), cursor.copy(self, statement, *args, **kwargs) as copied:
            yield copied

    def copy_expert(self: Any, sql: Any, *args: Any, **kwargs: Any) -> Any:
        with _around(around, _text(sql, self), [None]):
            return cursor.copy_expert(self, sql, *args, **kwargs)

    methods = {"execute": execute, "executemany": executemany, "copy": copy, "copy_expert": copy_expert}
    own = {name: method for name, method in methods.items() if hasattr(cursor, name)}
    return type(cursor.__name__, (cursor,), {"__slots__": (), **own})


def _around(around: Around, text: str, rows: list[Any]) -> AbstractContextManager[None]:
    return contextlib.nullcontext() if _by_others() else around(text, rows)


def _by_others() -> bool:
    """Say whether SQLAlchemy or we send, and not the revision by a driver or a library of its own."""
    frame = sys._getframe(3)
    while frame.f_back is not None and _module(frame).startswith(_DRIVERS):
        frame = frame.f_back
    return _module(frame).startswith(_OTHERS)


def _module(frame: Any) -> str:
    return f"{frame.f_globals.get('__name__', '')}."


def _text(query: Any, cursor: Any) -> str:
    if hasattr(query, "as_string"):
        return str(query.as_string(cursor))
    return query.decode() if isinstance(query, bytes) else str(query)
