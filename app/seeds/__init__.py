"""Seed data: one INSERT ... SELECT for each table, the same rows on every server."""

from __future__ import annotations

from sqlalchemy import Connection, text

from app.seeds._tables import TABLES

__all__ = ["seed"]


def seed(connection: Connection, scale: int = 1) -> dict[str, int]:
    """Insert about 1,000 rows for each unit of ``scale``; what is there already stays as it is.

    The caller commits. A later call with a larger scale only adds rows.

    :param connection: a connection to a database at head.
    :param scale: how many units of 1,000 rows there shall be, from 1.
    :returns: the number of rows inserted by table.
    :raises ValueError: the scale is below 1.
    """
    if scale < 1:
        raise ValueError(f"scale is {scale}; it must be 1 or more")
    return {table.name: connection.execute(text(table.statement), {"units": scale}).rowcount for table in TABLES}
