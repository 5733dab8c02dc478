"""The parts of a schema in Prisma's language, as they stand in a file and as they are written."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

__all__ = ["Attribute", "Block", "Field", "Item", "Kind", "Suffix", "Verbatim"]

Kind = Literal["model", "view", "enum", "type", "datasource", "generator"]
Suffix = Literal["", "?", "[]"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """An attribute, ``@name(...)`` of a field or ``@@name(...)`` of a block.

    ``arguments`` are the texts between the commas, each with its name or an empty one.
    """

    name: str
    arguments: tuple[tuple[str, str], ...] = ()
    comments: tuple[str, ...] = ()
    trailing: str = ""

    def argument(self, *names: str) -> str:
        """Return the text of the first argument of one of these names, the empty one being an argument without; or nothing."""
        return next((value for name, value in self.arguments if name in names), "")

    def text(self, *names: str) -> str | None:
        """Return the string that an argument is, or None."""
        found = self.argument(*names)
        try:
            value = json.loads(found, strict=False) if found.startswith('"') else None
        except ValueError:
            return found[1:-1]
        return value if isinstance(value, str) else None

    def names(self, *names: str) -> tuple[str, ...]:
        """Return the names of an argument that is a list, without what is said of each in parentheses."""
        inner = self.argument(*names).strip()
        parts = inner[1:-1].split(",") if inner.startswith("[") else [inner]
        return tuple(part.split("(")[0].strip() for part in parts if part.strip())

    def __str__(self) -> str:
        if not self.arguments:
            return self.name
        return f"{self.name}({', '.join(f'{name}: {value}' if name else value for name, value in self.arguments)})"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Named:
    name: str
    attributes: tuple[Attribute, ...] = ()
    comments: tuple[str, ...] = ()
    hidden: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return its attribute of this name."""
        for one in self.attributes:
            if one.name == name:
                return one
        return None

    @property
    def mapped(self) -> str:
        """Its name in the database."""
        attribute = self.attribute("map")
        found = attribute.text("", "name") if attribute else None
        return self.name if found is None else found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field(_Named):
    """A field of a model, or a value of an enum, which has no type; ``hidden`` when it stands in a comment.

    ``comments`` are the lines before it with their slashes, ``trailing`` is what follows it on its line.
    """

    type: str = ""
    suffix: Suffix = ""
    trailing: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block(_Named):
    """A block with what is in it; ``source`` is its text in the file, ``closing`` the comments before its brace."""

    kind: Kind
    fields: tuple[Field, ...] = ()
    closing: tuple[str, ...] = ()
    source: str = ""
    line: int = 0

    @property
    def schema(self) -> str | None:
        """The schema that it is in, when it says so."""
        attribute = self.attribute("schema")
        return attribute.text("", "map") if attribute else None

    @property
    def ignored(self) -> bool:
        """Whether the client passes it over."""
        return self.attribute("ignore") is not None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Verbatim:
    """Text between blocks that stays as it is: comments that belong to none of them."""

    text: str


Item = Block | Verbatim
