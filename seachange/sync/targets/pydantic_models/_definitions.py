"""Enums, domains and composite types -> classes and aliases of the module, each below those that it is made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from seachange.sync._domain_checks import Limits, limits_of
from seachange.sync._python_names import Names, docstring, literal
from seachange.sync.model import Composite, Domain, Enum, Schema
from seachange.sync.targets.pydantic_models._annotations import Annotations

__all__ = ["Definitions", "definition_names"]

_OPERATORS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
# Methods of every tuple, which a field must not hide.
_TUPLE = ("count", "index")


def definition_names(schema: Schema, names: Names) -> Mapping[tuple[str, str], str]:
    """Return a name for each enum, domain and composite type, by schema and name.

    :param schema: the schema.
    :param names: the names of the module.
    """
    ones = (*schema.enums, *schema.domains, *schema.composites)
    return {one.key: names.of_class(*(() if one.schema == "public" else (one.schema,)), one.name) for one in ones}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definitions:
    """The classes and aliases of one schema."""

    schema: Schema
    annotations: Annotations

    def lines(self) -> Iterator[str]:
        """Yield the definitions; the order is that of the names where none needs another."""
        for enum in self.schema.enums:
            yield from self._enum(enum)
        waiting: dict[tuple[str, str], Domain | Composite] = {one.key: one for one in self.schema.domains}
        waiting.update({one.key: one for one in self.schema.composites})
        for key in sorted(waiting):
            yield from self._with_needs(key, waiting)

    def _with_needs(self, key: tuple[str, str], waiting: dict[tuple[str, str], Domain | Composite]) -> Iterator[str]:
        one = waiting.pop(key, None)
        if one is None:
            return
        for pg_type in [one.type] if isinstance(one, Domain) else [column.type for column in one.columns]:
            yield from self._with_needs(pg_type.key, waiting)
        yield from self._domain(one) if isinstance(one, Domain) else self._composite(one)

    def _enum(self, enum: Enum) -> Iterator[str]:
        names = Names()
        yield from ("", "", f"class {self.annotations.own[enum.key]}(StrEnum):")
        yield from docstring(f"The enum {enum.qualified}.\n\n{enum.comment}", indent="    ")
        yield from ("", *(f"    {names.of_label(label)} = {literal(label)}" for label in enum.labels)) if enum.labels else ()

    def _domain(self, domain: Domain) -> Iterator[str]:
        limits = limits_of(self.schema, domain)
        of = f"Literal[{', '.join(map(literal, limits.labels))}]" if limits.labels else self.annotations.of(domain.type)
        checks = [check.definition for check in domain.checks]
        about = "\n".join(filter(None, [f"The domain {domain.qualified} over {domain.type.text}.", domain.comment, *checks]))
        arguments = [*_arguments(limits), f"description={literal(about)}"]
        yield from ("", "", f"{self.annotations.own[domain.key]}: TypeAlias = Annotated[{of}, Field({', '.join(arguments)})]")

    def _composite(self, composite: Composite) -> Iterator[str]:
        fields = Names(_TUPLE, known=self.annotations.names)
        yield from ("", "", f"class {self.annotations.own[composite.key]}(NamedTuple):")
        yield from docstring(f"The composite type {composite.qualified}.\n\n{composite.comment}", indent="    ")
        if composite.columns:
            yield ""
        for column in composite.columns:
            text = self.annotations.within(column.type)
            yield f"    {fields.of_public(column.name)}: {text if text == 'Any' else f'{text} | None'}"


def _arguments(limits: Limits) -> Iterator[str]:
    yield from (f"{_OPERATORS[operator]}={_number(number)}" for operator, number in limits.bounds)
    if limits.labels:
        return
    lengths = [(operator, number) for operator, number in limits.lengths]
    at_least = [number + (operator == ">") for operator, number in lengths if operator in (">", ">=")]
    at_most = [number - (operator == "<") for operator, number in lengths if operator in ("<", "<=")]
    yield from [f"min_length={max(at_least)}"] if at_least else ()
    yield from [f"max_length={max(min(at_most), 0)}"] if at_most else ()
    yield from [f"pattern={literal(limits.pattern)}"] if limits.pattern else ()


def _number(text: str) -> str:
    return f'_decimal.Decimal("{text}")' if "." in text else text
