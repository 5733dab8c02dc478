"""Relationships that sqlacodegen makes, with what it gets wrong of them mended."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlacodegen import generators
from sqlacodegen.models import Model, ModelClass, RelationshipAttribute, RelationshipType

from seachange.sync.targets.models._order import order_key

__all__ = ["Related"]


class Related(generators.DeclarativeGenerator):
    """A generator whose relationships configure without warnings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._writers: dict[sa.Column[Any], list[RelationshipAttribute]] = defaultdict(list)

    def generate_models(self) -> list[Model]:
        """Make the models; a table becomes a subclass only of one that it shares nothing but the key with."""
        models = super().generate_models()
        classes = [model for model in models if isinstance(model, ModelClass)]
        for model in classes:
            parent = model.parent_class
            if parent is not None and not _may_inherit(model.table, parent.table):
                parent.children.remove(model)
                model.parent_class = None
        for one in (one for model in classes for one in model.relationships):
            for column in _columns(one):
                self._writers[column].append(one)
        return models

    def generate_relationships(
        self, source: ModelClass, models_by_table_name: dict[str, Model], association_tables: list[Model]
    ) -> list[RelationshipAttribute]:
        """Make those of one model."""
        # sqlacodegen finds association tables by the name of the table without its schema.
        own = [model for model in association_tables if _first_referred(model.table) is source.table]
        with self._without_inheritance(source.table):
            found = super().generate_relationships(source, models_by_table_name, own)
        for one in source.relationships:
            if one.source is one.target and one.type is RelationshipType.MANY_TO_ONE and one.constraint is not None:
                # Not always the primary key, as sqlacodegen has it.
                one.remote_side = [source.get_column_attribute(element.column.name) for element in one.constraint.elements]
        return found

    @contextlib.contextmanager
    def _without_inheritance(self, table: sa.Table) -> Iterator[None]:
        key = {column.name for column in table.primary_key.columns}
        parents = [
            constraint.referred_table
            for constraint in table.foreign_key_constraints
            if {column.name for column in constraint.columns} == key
        ]
        before = set(self.options)
        if any(not _may_inherit(table, parent) for parent in parents):
            self.options.add("nojoined")
        try:
            yield
        finally:
            self.options = before

    def render_relationship_arguments(self, relationship: RelationshipAttribute) -> Mapping[str, Any]:
        """Add what SQLAlchemy asks for where two foreign keys have a column in common."""
        found = dict(super().render_relationship_arguments(relationship))
        near = (one for column in _columns(relationship) for one in self._writers[column])
        overlapping = sorted({one.name for one in near if not _is_same(one, relationship)})
        if overlapping:
            found["overlaps"] = repr(",".join(overlapping))
        return found


def _may_inherit(table: sa.Table, parent: sa.Table) -> bool:
    keys = {column.name for column in table.primary_key.columns}
    shared = {column.name for column in table.columns} & {column.name for column in parent.columns}
    referring = [one for one in table.foreign_key_constraints if one.referred_table is parent]
    back = [one for one in parent.foreign_key_constraints if one.referred_table is table]
    return table is not parent and shared <= keys and len(referring) == 1 and not back


def _first_referred(table: sa.Table) -> sa.Table:
    return sorted(table.foreign_key_constraints, key=order_key)[0].referred_table


def _columns(relationship: RelationshipAttribute) -> set[sa.Column[Any]]:
    link = relationship.association_table
    if link is not None:
        return {column for constraint in link.table.foreign_key_constraints for column in constraint.columns}
    return set(relationship.constraint.columns) if relationship.constraint is not None else set()


def _is_same(one: RelationshipAttribute, other: RelationshipAttribute) -> bool:
    """Say whether two are one, or both directions of one."""
    same_key = one.constraint is other.constraint and one.constraint is not None
    return one is other or one.backref is other or other.backref is one or same_key
