"""sqlacodegen's generators, with what they lose or spoil of PostgreSQL mended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlacodegen import generators
from sqlacodegen.models import ColumnAttribute, RelationshipAttribute

from seachange.sync.targets.models._job import Job
from seachange.sync.targets.models._mended import Mended
from seachange.sync.targets.models._order import keep_order
from seachange.sync.targets.models._preparing import FILLED, prepare
from seachange.sync.targets.models._reflecting import Found
from seachange.sync.targets.models._texts import call

__all__ = ["generate"]


class _Declarative(Mended, generators.DeclarativeGenerator):
    """Ordinary models."""


class _Dataclasses(Mended, generators.DataclassGenerator):
    """Models that are dataclasses: what the database fills in is no argument, or not a required one."""

    def generate_base(self) -> None:
        super().generate_base()
        name = self.base_class_name
        # By keyword only, so that columns keep their order: fields without default may stand after those that have one.
        self.base.declarations[0] = f"class {name}(MappedAsDataclass, DeclarativeBase, kw_only=True):"

    def column_arguments(self, column: sa.Column[Any]) -> dict[str, str]:
        if FILLED in column.info:
            return {"init": "False"}
        return {"default": "None"} if column.nullable or column.server_default or column.default else {}

    def render_relationship_arguments(self, relationship: RelationshipAttribute) -> Mapping[str, Any]:
        # As an argument it would set the key of the other side to null where it is not given.
        return {**super().render_relationship_arguments(relationship), "init": "False", "repr": "False"}


class _SQLModels(Mended, generators.SQLModelGenerator):
    """Models of SQLModel."""

    of_sqlmodel = True

    def reserved(self) -> Collection[str]:
        from sqlmodel import SQLModel

        return {*super().reserved(), *dir(SQLModel)}

    def may_be_missing(self, column: sa.Column[Any]) -> bool:
        return FILLED in column.info or bool(column.server_default or column.default)

    def render_column_attribute(self, column_attr: ColumnAttribute) -> str:
        column = column_attr.column
        missing = column.nullable or self.may_be_missing(column)
        field = call("Field", default="None" if missing else "", sa_column=self.render_column(column, show_name=True))
        return f"{column_attr.name}: {self.render_column_python_type(column)} = {field}"


_GENERATORS: dict[str, Any] = {"models": _Declarative, "dataclasses": _Dataclasses, "sqlmodel": _SQLModels}


def generate(found: Found, job: Job) -> str:
    """Return the module with the models.

    :param found: the tables; changed by it.
    :param job: which generator, with which options and header.
    """
    prepare(found)
    keep_order()
    options = {name for name, value in job.options.items() if value is True} | {"nosyntheticenums"}
    if job.target == "sqlmodel":
        # SQLModel has no joined inheritance.
        options.add("nojoined")
    arguments = {} if job.target == "sqlmodel" else {"base_class_name": job.options.get("base_class") or "Base"}
    generator = _GENERATORS[job.target](found.metadata, found.connection, sorted(options), **arguments)
    generator.found = found
    header = "".join(f"# {line}\n" for line in job.header)
    return f"{header}\n{generator.generate().rstrip()}\n"
