"""Enums, whose labels are never empty in DBML."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.sync.model import Enum, Schema
from seachange.sync.targets.dbml._words import comment, named, settings

__all__ = ["Labels"]

_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labels:
    """What stands for the empty label of the enums that have one."""

    empty: Mapping[_Key, str]

    @classmethod
    def of(cls, schema: Schema) -> Labels:
        """Return the labels of a schema."""
        return cls(empty={enum.key: _unused(enum) for enum in schema.enums if "" in enum.labels})

    def block(self, enum: Enum) -> Iterator[str]:
        """Yield the lines of an enum; one without labels, which DBML does not know, is a comment.

        :param enum: the enum.
        """
        if enum.comment:
            yield comment(enum.comment)
        if not enum.labels:
            yield from (comment(f"enum {enum.qualified} has no labels"), "")
            return
        yield f"Enum {named(enum.schema, enum.name)} {{"
        for label in enum.labels:
            note = "" if label else "stands for the empty label"
            yield f"  {named(label or self.empty[enum.key])}{settings(note=note)}"
        yield from ("}", "")


def _unused(enum: Enum) -> str:
    label = "(empty)"
    while label in enum.labels:
        label = f"({label})"
    return label
