"""Types of columns that SQLAlchemy does not know, or that sqlacodegen spells wrong: domains, composites, points and the like."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine, UserDefinedType

from seachange.sync.model import Domain, Schema, Type
from seachange.sync.targets.models._texts import call, text_call

__all__ = ["UNKNOWN", "UNKNOWN_CLASS", "DomainType", "Unknown", "declaration", "mended"]

_MODIFIERS = {
    "varchar": ("length",),
    "bpchar": ("length",),
    "bit": ("length",),
    "varbit": ("length",),
    "numeric": ("precision", "scale"),
    "time": ("precision",),
    "timetz": ("precision",),
    "timestamp": ("precision",),
    "timestamptz": ("precision",),
}

#: The class that stands in generated modules for types that SQLAlchemy has no name for.
UNKNOWN = "PostgreSQLType"
UNKNOWN_CLASS = f'''class {UNKNOWN}(UserDefinedType[Any]):
    """A type of PostgreSQL that SQLAlchemy has no class for."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name'''


class Unknown(UserDefinedType[Any]):
    """A type by its name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        """Return its name in SQL."""
        return self.name

    def __repr__(self) -> str:
        return call(UNKNOWN, repr(self.name))


class DomainType(UserDefinedType[Any]):
    """A domain over ``base``; ``variable`` is its name in the generated module."""

    cache_ok = True

    def __init__(self, domain: Domain, base: TypeEngine[Any]) -> None:
        self.domain = domain
        self.base = base
        self.variable = ""
        self.collation = ""

    def get_col_spec(self, **_: Any) -> str:
        """Return its name in SQL."""
        return self.domain.qualified

    def __repr__(self) -> str:
        return self.variable


def mended(reflected: TypeEngine[Any], type: Type, schema: Schema) -> TypeEngine[Any]:  # noqa: A002 - the word for it
    """Return the type of a column, with what SQLAlchemy's reflection left out.

    :param reflected: the type as SQLAlchemy has it.
    :param type: the same as we read it.
    :param schema: has the domains.
    """
    if type.array:
        item = reflected.item_type if isinstance(reflected, sa.ARRAY) else sa.types.NULLTYPE
        element = dataclasses.replace(type, array=False, text=type.text.removesuffix("[]"))
        return postgresql.ARRAY(mended(item, element, schema))
    if type.kind == "domain" and type.key in schema.domains_by_key:
        domain = schema.domains_by_key[type.key]
        base = reflected.data_type if isinstance(reflected, postgresql.DOMAIN) else sa.types.NULLTYPE
        return _domain(domain, mended(base, domain.type, schema))
    if isinstance(reflected, sa.types.NullType):
        return Unknown(type.text)
    if getattr(reflected, "collation", None) == "default":
        # What SQLAlchemy says of the type below a domain that has no collation of its own.
        reflected.collation = None  # type: ignore[attr-defined]
    return reflected


def _domain(domain: Domain, base: TypeEngine[Any]) -> DomainType:
    found = DomainType(domain, base)
    if isinstance(base, sa.String):
        # It is the domain's, which SQLAlchemy says of the type below.
        found.collation, base.collation = base.collation or "", None
    modifiers = [int(one) for one in domain.type.modifiers if one.lstrip("-").isdigit()]
    # SQLAlchemy strips them from the type below a domain.
    for name, value in zip(_MODIFIERS.get(domain.type.name, ()), modifiers, strict=False):
        setattr(base.item_type if isinstance(base, sa.ARRAY) else base, name, value)
    return found


def declaration(type: DomainType, base: str, *, schema: str | None) -> str:  # noqa: A002
    """Return the call that declares a domain.

    :param type: the domain with its checks; SQLAlchemy takes one, so several become one.
    :param base: the type below, as code.
    :param schema: None for the default one.
    """
    domain = type.domain
    checks = [check.expression for check in domain.checks]
    options = {
        "schema": repr(schema) if schema else "",
        "collation": repr(type.collation) if type.collation else "",
        "default": text_call(domain.default) if domain.default else "",
        "not_null": "True" if domain.not_null else "",
        "constraint_name": repr(domain.checks[0].name) if len(checks) == 1 else "",
        "check": text_call(" AND ".join(checks)) if checks else "",
    }
    return call("DOMAIN", repr(domain.name), base, **options)
