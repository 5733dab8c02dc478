"""What Prisma's introspection says of a model that needs more than its language can tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["HIDDEN_FIELD", "NO_COLUMNS", "added", "database_comments", "kept_comments", "renamed", "sentences"]

HIDDEN_FIELD = (
    "This field was commented out because of an invalid name. Please provide a valid one that matches [a-zA-Z][a-zA-Z0-9_]*"
)
NO_COLUMNS = (
    "We could not retrieve columns for the underlying table. Either it has none or you are missing rights to see them."
    " Please check your privileges."
)
# A label of an enum that Prisma cannot name.
_HIDDEN_VALUE = re.compile(r'// .* ?@map\(".*"\)')


def added(comments: Sequence[str], docs: Sequence[str]) -> tuple[str, ...]:
    """Return comments with those sentences behind them that they do not have yet.

    :param comments: the lines in the file.
    :param docs: the sentences.
    """
    present = "\n".join(comments)
    return (*comments, *(f"/// {text}" for text in docs if text not in present))


def kept_comments(comments: Sequence[str]) -> tuple[str, ...]:
    """Return comments without fields and values that are only shown in them, which are written anew.

    :param comments: the lines before a field, value or attribute, or before the end of a block.
    """
    found = []
    for place, line in enumerate(comments):
        behind = line.startswith("// ") and place > 0 and HIDDEN_FIELD in comments[place - 1]
        if not behind and HIDDEN_FIELD not in line and not _HIDDEN_VALUE.fullmatch(line):
            found.append(line)
    return tuple(found)


def sentences(facts: Mapping[str, bool]) -> tuple[str, ...]:
    """Return what is said of a model, in the order of the engine.

    :param facts: which of the facts are true.
    """
    return tuple(text for name, text in _SENTENCES.items() if facts[name])


def renamed(kind: str, *, to: str, original: str) -> str:
    """Return the sentence about a name that Prisma reserves.

    :param kind: ``model`` or ``view``.
    """
    return f"This {kind} has been renamed to '{to}' during introspection, because the original name '{original}' is reserved."


def database_comments(kind: str) -> str:
    """Return the sentence about comments in the database.

    :param kind: ``model`` or ``view``.
    """
    return (
        f"This {kind} or at least one of its fields has comments in the database, and requires an additional setup for"
        " migrations: Read more: https://pris.ly/d/database-comments"
    )


_MORE = "requires additional setup for migrations. Visit https://pris.ly/d/"
_SENTENCES = {
    "partitioned": f"This table is a partition table and {_MORE}partition-tables for more info.",
    "inherited": f"This table has subclasses and {_MORE}table-inheritance for more info.",
    "checks": f"This table contains check constraints and {_MORE}check-constraints for more info.",
    "exclusions": f"This table contains exclusion constraints and {_MORE}exclusion-constraints for more info.",
    "empty": NO_COLUMNS,
    "unidentified": (
        "The underlying table does not contain a valid unique identifier and can therefore currently not be handled by"
        " Prisma Client."
    ),
    "commented": database_comments("model"),
    "deferred": f"This model has constraints using non-default deferring rules and {_MORE}constraint-deferring for more info.",
    "secured": f"This model contains row level security and {_MORE}row-level-security for more info.",
    "odd_nulls": (
        f"This model contains an index with non-default null sort order and {_MORE}default-index-null-ordering for more info."
    ),
    "expressions": f"This model contains an expression index which {_MORE}expression-indexes for more info.",
}
