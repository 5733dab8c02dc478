"""Names of the classes, properties and types of TypeORM's entities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from seachange.sync._typescript import Casing, Names, default_schema
from seachange.sync.model import Enum, Schema, Table, View

__all__ = ["Naming", "naming"]

# What the files of entities import, or are called themselves.
_TAKEN = (
    *("Check", "Column", "DataSource", "Entity", "Exclusion", "ForeignKey", "Index", "JoinColumn", "JoinTable", "ManyToMany"),
    *("ManyToOne", "OneToMany", "OneToOne", "PrimaryColumn", "PrimaryGeneratedColumn", "Relation", "Types", "Unique"),
    *("ViewColumn", "ViewEntity", "entities"),
)
# What every object has already, with types of their own.
_INHERITED = ("hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Naming:
    """The names of one schema: classes and types of enums by schema and name, properties by column."""

    casing: Casing
    classes: Mapping[tuple[str, str], str]
    enums: Mapping[tuple[str, str], str]
    labels: Mapping[tuple[str, str], str]
    properties: Mapping[tuple[str, str], Mapping[str, str]]
    members: Mapping[tuple[str, str], Names]

    def relation(self, key: tuple[str, str], wanted: str) -> str:
        """Return the name of a relation of a class, which no property of it has yet.

        :param key: schema and name of the table.
        :param wanted: words for it.
        """
        return self.members[key].of_property(wanted, casing=self.casing)


def naming(schema: Schema, *, casing: Casing) -> Naming:
    """Name everything that is described.

    :param schema: the schema.
    :param casing: how columns are named.
    """
    usual = default_schema(schema)
    names = Names(_TAKEN)

    def words(one: Enum | Table | View) -> tuple[str, ...]:
        return (one.name,) if one.schema == usual else one.key

    tables = [table for table in schema.tables if table.columns and not table.is_partition]
    described: list[Table | View] = sorted([*tables, *schema.views], key=lambda one: one.key)
    classes = {one.key: names.of_type(*words(one)) for one in described}
    enums = {enum.key: names.of_type(*words(enum)) for enum in schema.enums}
    labels = {enum.key: names.of_constant(*words(enum), suffixes=("Labels",)) + "Labels" for enum in schema.enums}
    members = {key: Names(_INHERITED, exact=True) for key in classes}
    properties = {
        key: {column.name: members[key].of_property(column.name, casing=casing) for column in schema.relations[key].columns}
        for key in classes
    }
    return Naming(casing=casing, classes=classes, enums=enums, labels=labels, properties=properties, members=members)
