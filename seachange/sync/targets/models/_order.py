"""One order of the constraints of a table, which SQLAlchemy keeps in sets."""

from __future__ import annotations

import sqlalchemy as sa
from sqlacodegen import generators, utils

__all__ = ["keep_order", "order_key"]


def keep_order() -> None:
    """Have sqlacodegen order constraints by :func:`order_key`."""
    # By its own key those over the same columns are equal, and their order would be another one in each run.
    vars(generators)["get_constraint_sort_key"] = order_key


def order_key(constraint: sa.Constraint) -> str:
    """Return what constraints are sorted by: sqlacodegen's own key, then the name.

    :param constraint: of a table.
    """
    return f"{utils.get_constraint_sort_key(constraint)}\0{constraint.name or ''}"
