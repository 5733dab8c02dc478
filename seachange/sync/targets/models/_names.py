"""Names in generated models: identifiers that hide nothing that the module needs."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection
from itertools import count

__all__ = ["RESERVED", "class_name", "free_name", "members"]

# What sqlacodegen writes into annotations and calls after it has chosen the names.
_WRITTEN = (
    "ARRAY Any CheckConstraint Column Computed DOMAIN Enum ExcludeConstraint Field ForeignKey ForeignKeyConstraint Identity "
    "Index Mapped MultiRange Optional PostgreSQLType PrimaryKeyConstraint Range Relationship SQLModel Sequence Table "
    "UniqueConstraint UserDefinedType bool bytes cls datetime decimal dict enum float int list literal_column mapped_column "
    "member object relationship sqlalchemy str text tuple uuid"
)
#: Names that neither a class nor an attribute may have.
RESERVED = frozenset(_WRITTEN.split())
_NO_WORD = re.compile(r"\W+")


def free_name(name: str, *taken: Collection[str], instead: str) -> str:
    """Return a name like ``name`` that is an identifier, public and free.

    :param name: of a table, column or relationship.
    :param taken: what it must not be.
    :param instead: what it is called, or begins with, where nothing of it can be kept.
    """
    # Python reads identifiers in this form; a leading underscore means something else to pydantic, two to Python.
    normal = unicodedata.normalize("NFKC", name)
    base = _NO_WORD.sub("_", normal).lstrip("_")
    if _NO_WORD.search(normal):
        base = base.rstrip("_")
    if not base.isidentifier():
        base = f"{instead}_{base}".rstrip("_") if base else instead
    if not base.isidentifier():
        base = instead
    if keyword.iskeyword(base):
        base += "_"
    variants = (base if not number else f"{base}_{number if number > 1 else ''}" for number in count())
    return next(one for one in variants if not any(one in names for names in taken))


def class_name(name: str, *, instead: str) -> str:
    """Return the name of a class for that of a table or type.

    :param name: such as ``order_lines``.
    :param instead: as for :func:`free_name`.
    """
    parts = [part for part in _NO_WORD.sub("_", unicodedata.normalize("NFKC", name)).split("_") if part]
    made = "".join(part[:1].upper() + part[1:] for part in parts)
    return made if made.isidentifier() else instead + made


def members(labels: Collection[str]) -> dict[str, str]:
    """Return the labels of an enum by names of members, each of its own.

    :param labels: in their order.
    """
    found: dict[str, str] = {}
    for label in labels:
        name = free_name(label, instead="EMPTY" if not label else "LABEL").upper().rstrip("_")
        name = name if name.isidentifier() else f"LABEL_{name}".rstrip("_")
        found[free_name(name, found, instead="LABEL")] = label
    return found
