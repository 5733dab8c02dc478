"""Types of the server -> annotations of Python, and what a value of them needs on its way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from seachange.sync._python_names import Names
from seachange.sync._python_types import Types
from seachange.sync.model import Schema, Type, TypeKind
from seachange.sync.targets.queries._catalog import Catalogue, ServerType

__all__ = ["Annotation", "Annotations"]

_KINDS: Mapping[str, TypeKind] = {"e": "enum", "c": "composite", "r": "range", "m": "multirange", "p": "pseudo"}
_TEXT_ARRAY = 1009
# psycopg sends a range as the type of its bounds looks, which may be a smaller one; these say which it is.
_RANGES = {"int4": "Int4", "int8": "Int8", "num": "Numeric", "date": "Date", "ts": "Timestamp", "tstz": "Timestamptz"}
_WRAPPERS = {"json": "_json.Json", "jsonb": "_json.Jsonb"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotation:
    """How a value is written in Python.

    ``array`` is the OID of the array that a text of it reads like, which the driver leaves as text; ``wrapper`` the class of
    psycopg that a value is sent in, ``each`` that its elements are, ``cast`` the type that the query casts it to.
    """

    text: str
    array: int = 0
    wrapper: str = ""
    each: bool = False
    cast: str = ""


class Annotations:
    """The annotations of one package.

    :param catalogue: of the server.
    :param names: names of the module that defines the enums.
    """

    def __init__(self, catalogue: Catalogue, names: Names) -> None:
        self._catalogue = catalogue
        self._names = names
        self._enums: dict[tuple[str, str], str] = {}
        self._types = Types(
            schema=Schema(fingerprint=""),
            enums=self._enums,
            range_of="_range.Range[{}]",
            multirange_of="_multirange.Multirange[{}]",
        )
        self.labels: dict[str, tuple[str, ...]] = {}

    def name_enums(self, oids: Iterable[int]) -> None:
        """Give the enums among some types their names, sorted by schema and name.

        :param oids: the types.
        """
        found = {self._below(oid)[0] for oid in oids}
        enums = {(one.schema, one.name): one for one in found if one.kind == "e"}
        for key, enum in sorted(enums.items()):
            name = self._names.of_class(*(() if enum.schema == "public" else (enum.schema,)), enum.name)
            self._enums[key] = name
            self.labels[name] = enum.labels

    def column(self, oid: int, *, nullable: bool) -> Annotation:
        """Return the annotation of a value that the server returns.

        :param oid: its type.
        :param nullable: whether it may be NULL.
        """
        element, array = self._below(oid)
        text = self._types.of_row(self._type(element, array=array), nullable=nullable)
        if not array or self._catalogue.base(oid).system:
            return Annotation(text=text)
        return Annotation(text=text, array=(element.array_oid if element.system else 0) or _TEXT_ARRAY)

    def parameter(self, oid: int, *, nullable: bool) -> Annotation:
        """Return the annotation of a value for the server.

        :param oid: its type.
        :param nullable: whether it may be None.
        """
        element, array = self._below(oid)
        text = self._of_parameter(element)
        text = f"list[{text}]" if array else text
        return Annotation(
            text=f"{text} | None" if nullable else text,
            wrapper=_WRAPPERS.get(element.name, "") if element.system else "",
            each=array,
            # An array of small numbers is sent as one of the smallest type that holds them.
            cast=self._catalogue.type(oid).text if array and element.system else "",
        )

    def _of_parameter(self, element: ServerType) -> str:
        if element.system and element.kind in "rm" and (prefix := _RANGES.get(element.name.removesuffix(_suffix(element)))):
            module, end = ("_range", "Range") if element.kind == "r" else ("_multirange", "Multirange")
            return f"{module}.{prefix}{end}"
        text = self._types.of_row(self._type(element, array=False))
        return f"{text} | int" if element.system and element.name == "numeric" else text

    def _below(self, oid: int) -> tuple[ServerType, bool]:
        """Return a type without the domains, and whether it is an array of it."""
        base = self._catalogue.base(oid)
        return (self._catalogue.base(base.element), True) if base.element else (base, False)

    def _type(self, found: ServerType, *, array: bool) -> Type:
        kind = _KINDS.get(found.kind, "base")
        return Type(text=found.text, schema=found.schema, name=found.name, kind=kind, array=array)


def _suffix(found: ServerType) -> str:
    return "range" if found.kind == "r" else "multirange"
