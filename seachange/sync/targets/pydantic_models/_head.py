"""The upper part of the module: what it says of itself, imports, support and aliases of types."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence

from seachange.postgres.catalog import qualified
from seachange.sync._python_names import docstring, literal
from seachange.sync._python_types import imports
from seachange.sync.model import Schema, Type
from seachange.sync.target import header
from seachange.sync.targets.pydantic_models import _support as support
from seachange.sync.targets.pydantic_models._annotations import Annotations

__all__ = ["BUILT_IN", "IMPORTED", "SUPPORT", "Options", "head"]

#: Names of Python's own that annotations mention.
BUILT_IN = ("bool", "bytes", "float", "int", "list", "str")
#: Names that the module defines for types of PostgreSQL, where it uses them.
SUPPORT = ("Array", "JsonInput", "JsonbInput", "MultirangeOf", "RangeOf", "register_types", "register_types_async")
_FROM = {
    "collections.abc": ("Callable",),
    "enum": ("StrEnum",),
    "typing": ("TYPE_CHECKING", "Annotated", "Any", "Final", "Literal", "NamedTuple", "TypeAlias", "TypeVar", "get_args"),
    "psycopg.pq": ("Format",),
    "psycopg.types": ("TypeInfo",),
    "psycopg.types.composite": ("CompositeInfo", "register_composite"),
    "psycopg.types.json": ("Json", "Jsonb"),
    "psycopg.types.multirange": ("Multirange", "MultirangeInfo", "register_multirange"),
    "psycopg.types.range": ("Range", "RangeInfo", "register_range"),
    "pydantic": (
        "AwareDatetime",
        "BaseModel",
        "ConfigDict",
        "Field",
        "GetCoreSchemaHandler",
        "JsonValue",
        "NaiveDatetime",
        "PlainSerializer",
        "ValidationError",
    ),
    "pydantic_core": ("core_schema",),
}
_FOR_CHECKERS = (
    "",
    "if TYPE_CHECKING:",
    "    from psycopg import AsyncConnection, Connection",
    "    from psycopg.abc import AdaptContext",
)
#: Names that the module may import.
IMPORTED = (*(name for names in _FROM.values() for name in names), "AdaptContext", "AsyncConnection", "Connection")

_ABOUT = """\
For psycopg: connection.cursor(row_factory=class_row(XRow)) reads rows, and model_dump(exclude_unset=True) of an XInsert or
XUpdate is what goes to SQL: what was not given is not in it, so that defaults of the database apply. Keys are the columns'
names; a field whose column has no name that pydantic can use takes both.
"""
_REGISTER = """\

register_types(connection) first: psycopg then loads values of the types in _TYPES as what they are, not as text.
"""
_COMMON = """\
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        protected_namespaces=(),
        ser_json_bytes="base64",
        val_json_bytes="base64",
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """What users may choose: the module and name of the base class, what rows do with other columns and with objects."""

    base: tuple[str, str] = ("pydantic", "BaseModel")
    extra: str = "ignore"
    from_attributes: bool = True


def head(schema: Schema, options: Options, *, annotations: Annotations, body: Sequence[str]) -> Iterator[str]:
    """Yield all lines of the module, the body among them.

    :param schema: the schema.
    :param options: the choices of the user.
    :param annotations: what the body mentions.
    :param body: enums, domains, composite types and models.
    """
    registered = list(_registered(annotations))
    if registered:
        registered += support.REGISTER.splitlines()
    aliases = [f"{name}: TypeAlias = {text}" for name, text in annotations.aliases.items()]
    own = "\n".join([*aliases, *body])
    parts = list(_support(own))
    about = [
        "Rows, inserts and updates of the database as models of pydantic.",
        "",
        *header(schema, target="pydantic"),
        "",
        _ABOUT,
    ]
    yield from docstring("\n".join(about) + (_REGISTER if registered else ""))
    yield from ("", "# ruff: noqa", "# fmt: off", "", "from __future__ import annotations", "")
    yield from _imports(own, "\n".join([*parts, *registered, _bases(options)]), options)
    yield from (line for part in parts for line in part.splitlines())
    yield from ("", "", *aliases) if aliases else ()
    yield from _bases(options).splitlines()
    yield from body
    yield from registered


def _support(text: str) -> Iterator[str]:
    if "_omitted" in text:
        yield support.OMITTED
    if "Array[" in text or "angeOf[" in text:
        yield support.VARIABLE
    if "Array[" in text:
        yield support.ARRAY
    if "JsonInput" in text or "JsonbInput" in text or "_AS_JSON" in text:
        yield support.JSON_INPUT
    if "RangeOf[" in text or "MultirangeOf[" in text:
        yield support.RANGES


def _imports(own: str, supporting: str, options: Options) -> Iterator[str]:
    yield from imports(own)
    needed = set(re.findall(r"\w+", "\n".join([supporting, *_FOR_CHECKERS]) if "register_types" in supporting else supporting))
    for module, names in _FROM.items():
        # What a comment of the database mentions is no reason to need the driver.
        optional = module.startswith("psycopg")
        used = [name for name in names if name in needed or (not optional and name in own)]
        yield from [f"from {module} import {', '.join(used)}"] if used else ()
    module, name = options.base
    yield f"from {module} import {name} as _Base"
    yield from _FOR_CHECKERS if "register_types" in needed else ()


def _bases(options: Options) -> str:
    return f'''

class _Row(_Base):
    model_config = ConfigDict(
        extra="{options.extra}",
        from_attributes={options.from_attributes},
{_COMMON}    )


class _Given(_Base):
    model_config = ConfigDict(
        extra="forbid",
{_COMMON}    )
'''


def _registered(annotations: Annotations) -> Iterator[str]:
    entries = sorted(filter(None, (_entry(annotations, pg_type) for pg_type in annotations.registered)))
    if entries:
        yield from ("", "", "_TYPES: Final[tuple[tuple[type[TypeInfo], str, Any], ...]] = (")
        yield from (f"    {entry}," for _, _, entry in entries)
        yield ")"


def _entry(annotations: Annotations, pg_type: Type) -> tuple[int, str, str] | None:
    """Return the line that registers a type, with what it is sorted by: domains last."""
    name = qualified(*pg_type.key)
    kinds = {"range": "RangeInfo", "multirange": "MultirangeInfo", "composite": "CompositeInfo"}
    meant: str | None = None
    if pg_type.kind == "domain":
        base = annotations.schema.base_type(pg_type)
        plain = base.array or base.kind in ("domain", "enum") or (base.kind == "base" and not base.system)
        meant = None if plain else literal(base.name if base.system else qualified(*base.key))
    elif pg_type.kind == "composite":
        meant = annotations.own.get(pg_type.key)
        if meant is None:
            return None
    return int(pg_type.kind == "domain"), name, f"({kinds.get(pg_type.kind, 'TypeInfo')}, {literal(name)}, {meant})"
