"""A schema -> a module of pydantic models."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from seachange.sync._python_names import Names, docstring, literal
from seachange.sync._python_types import MODULES
from seachange.sync.model import Column, Schema, Table, View
from seachange.sync.targets.pydantic_models._annotations import ALIASES, Annotations
from seachange.sync.targets.pydantic_models._definitions import Definitions, definition_names
from seachange.sync.targets.pydantic_models._head import BUILT_IN, IMPORTED, SUPPORT, Options, head

__all__ = ["describe_models"]

# Attributes of every model of pydantic, which a field must not hide.
_ATTRIBUTES = (
    "construct",
    "copy",
    "dict",
    "from_orm",
    "json",
    "parse_file",
    "parse_obj",
    "parse_raw",
    "schema",
    "schema_json",
    "update_forward_refs",
    "validate",
    "model_computed_fields",
    "model_config",
    "model_construct",
    "model_copy",
    "model_dump",
    "model_dump_json",
    "model_extra",
    "model_fields",
    "model_fields_set",
    "model_json_schema",
    "model_parametrized_name",
    "model_post_init",
    "model_rebuild",
    "model_validate",
    "model_validate_json",
    "model_validate_strings",
)
_OMITTED = "default_factory=_omitted"


def describe_models(schema: Schema, *, options: Options) -> str:
    """Return a module with models for the rows, inserts and updates of each table, and for the rows of each view.

    Partitions have the rows of their table and get no model.

    :param schema: the schema.
    :param options: the choices of the user.
    """
    names = Names((*IMPORTED, *SUPPORT, *BUILT_IN, *ALIASES, *MODULES))
    annotations = Annotations(schema=schema, names=names, own=definition_names(schema, names))
    models = list(_Models(schema=schema, annotations=annotations).lines())
    types = list(Definitions(schema=schema, annotations=annotations).lines())
    return "\n".join(head(schema, options, annotations=annotations, body=[*types, *models])).rstrip("\n") + "\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Models:
    schema: Schema
    annotations: Annotations

    def lines(self) -> Iterator[str]:
        """Yield the models, sorted by the schemas and names of their tables."""
        tables = [table for table in self.schema.tables if not table.is_partition]
        relations: list[Table | View] = [*tables, *self.schema.views]
        for relation in sorted(relations, key=lambda relation: relation.key):
            prefix = () if relation.schema == "public" else (relation.schema,)
            yield from self._relation(relation, self.annotations.names.of_relation(*prefix, relation.name))

    def _relation(self, relation: Table | View, name: str) -> Iterator[str]:
        read = {column.name: self._annotation(column, given=False) for column in relation.columns}
        written = [column for column in relation.columns if column.insertable] if isinstance(relation, Table) else []
        given = {column.name: self._annotation(column, given=True) for column in written}
        fields = self._fields(relation)
        about = f"{relation.qualified}.\n\n{relation.comment}"
        yield from _class(
            f"{name}Row(_Row)", f"A row of {about}", [_line(fields[one.name], read[one.name], one) for one in relation.columns]
        )
        if isinstance(relation, Table):
            lines = [_line(fields[one.name], given[one.name], one, default=self._default(one)) for one in written]
            yield from _class(f"{name}Insert(_Given)", f"Values of a new row of {about}", lines)
            lines = [_line(fields[one.name], given[one.name], one, default=_OMITTED) for one in written]
            yield from _class(f"{name}Update(_Given)", f"Values that change in a row of {about}", lines)

    def _annotation(self, column: Column, *, given: bool) -> str:
        text = self.annotations.of(column.type, given=given)
        return f"{text} | None" if column.nullable and text != "Any" else text

    def _fields(self, relation: Table | View) -> dict[str, str]:
        # The name of one column must not be taken for the changed name of another.
        columns = {column.name for column in relation.columns}
        names = Names((*_ATTRIBUTES, *columns), known=self.annotations.names)
        plain = Names(_ATTRIBUTES, known=self.annotations.names)
        return {name: name if plain.of_public(name) == name else names.of_public(name) for name in sorted(columns)}

    def _default(self, column: Column) -> str:
        if column.filled or any(domain.default for domain in self.schema.domains_of(column.type)):
            return _OMITTED
        return "default=None" if column.nullable else ""


def _class(start: str, about: str, fields: Sequence[str]) -> Iterator[str]:
    yield from ("", "", f"class {start}:", *docstring(about, indent="    "))
    yield from ("", *fields) if fields else ()


def _line(field: str, annotation: str, column: Column, *, default: str = "") -> str:
    parts = [default] if default else []
    if field != column.name:
        # Type checkers know of no parameter by the name of a plain alias and its field's name at once.
        parts += [f"validation_alias={literal(column.name)}", f"serialization_alias={literal(column.name)}"]
    if column.comment:
        parts.append(f"description={literal(column.comment)}")
    if parts == ["default=None"]:
        return f"    {field}: {annotation} = None"
    return f"    {field}: {annotation} = Field({', '.join(parts)})" if parts else f"    {field}: {annotation}"
