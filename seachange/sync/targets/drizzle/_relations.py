"""relations.ts: what refers to what, for the relational queries of drizzle-orm."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from seachange.sync._typescript import Names, access, camel_case, key, line_comment, literal, pascal_case
from seachange.sync.model import ForeignKey, Schema, Table
from seachange.sync.target import header
from seachange.sync.targets.drizzle._names import Naming

__all__ = ["relations_file"]

_REFERENCE = re.compile(r"(?<=[^_])(_?(id|uuid|fk|key|no|number|code)|Id|ID|Uuid)$")
_Key = tuple[str, str]


def relations_file(schema: Schema, naming: Naming) -> str:
    """Return the text of relations.ts.

    :param schema: what it describes.
    :param naming: what everything is called.
    """
    return _File(schema, naming).text()


class _File:
    def __init__(self, schema: Schema, naming: Naming) -> None:
        self._schema = schema
        self._naming = naming
        # The rows of a partition are found through the table that it is a part of.
        self._tables = {one.key: one for one in schema.tables if one.key in naming.relations and not one.is_partition}
        self._pairs = Counter(
            frozenset((one.key, to.references)) for one in self._tables.values() for to in self._references(one)
        )
        self._names = {table: Names(naming.properties[table].values(), exact=True) for table in self._tables}
        self._lines: dict[_Key, list[str]] = defaultdict(list)
        self._kinds: dict[_Key, set[str]] = defaultdict(set)

    def text(self) -> str:
        """Return the whole file."""
        for table in self._tables.values():
            for reference in self._references(table):
                self._one(table, reference)
        for table in self._tables.values():
            for reference in self._references(table):
                self._back(table, reference)
        head = "\n".join(line_comment("\n".join(header(self._schema, target="drizzle"))))
        if not self._lines:
            return f"{head}\n\nexport {{}};\n"
        used = ", ".join(self._naming.relations[table] for table in self._tables if table in self._lines)
        imports = f'import {{ relations }} from "drizzle-orm";\nimport {{ {used} }} from "./schema";'
        return "\n\n".join([head, imports, *self._blocks()]) + "\n"

    def _blocks(self) -> Iterator[str]:
        for table in self._tables:
            if table in self._lines:
                name, kinds = self._naming.relations[table], ", ".join(sorted(self._kinds[table], reverse=True))
                start = f"export const {name}Relations = relations({name}, ({{ {kinds} }}) => ({{"
                yield "\n".join([start, *self._lines[table], "}));"])

    def _references(self, table: Table) -> Sequence[ForeignKey]:
        return [one for one in table.foreign_keys if one.references in self._tables]

    def _one(self, table: Table, reference: ForeignKey) -> None:
        ours, theirs = self._naming.relations[table.key], self._naming.relations[reference.references]
        name = self._names[table.key].of_property(self._name_of_one(table, reference), casing="preserve")
        parts = [
            f"fields: [{self._columns(ours, table.key, reference.columns)}]",
            f"references: [{self._columns(theirs, reference.references, reference.references_columns)}]",
            *self._relation_name(table, reference),
        ]
        self._kinds[table.key].add("one")
        self._lines[table.key].append(f"  {key(name)}: one({theirs}, {{ {', '.join(parts)} }}),")

    def _back(self, table: Table, reference: ForeignKey) -> None:
        ours, kind = self._naming.relations[table.key], "one" if table.is_unique(reference.columns) else "many"
        wanted = ours
        if self._is_one_of_several(table, reference):
            wanted = f"{ours}By{pascal_case(self._name_of_one(table, reference))}"
        name = self._names[reference.references].of_property(wanted, casing="preserve")
        options = ", ".join(self._relation_name(table, reference))
        self._kinds[reference.references].add(kind)
        self._lines[reference.references].append(f"  {key(name)}: {kind}({ours}{f', {{ {options} }}' if options else ''}),")

    def _name_of_one(self, table: Table, reference: ForeignKey) -> str:
        """Return ``client`` for ``client_id``; the name of the table where the column says nothing else."""
        theirs = self._naming.relations[reference.references]
        if len(reference.columns) != 1:
            same = [one for one in self._references(table) if one.references == reference.references]
            return theirs if len(same) == 1 else camel_case(theirs, "by", *reference.columns)
        column = reference.columns[0]
        short = _REFERENCE.sub("", column)
        return camel_case(short) if short != column else camel_case(column, theirs)

    def _is_one_of_several(self, table: Table, reference: ForeignKey) -> bool:
        return self._pairs[frozenset((table.key, reference.references))] > 1 or table.key == reference.references

    def _relation_name(self, table: Table, reference: ForeignKey) -> list[str]:
        if not self._is_one_of_several(table, reference):
            return []
        ours, theirs = self._naming.relations[table.key], self._naming.relations[reference.references]
        return [f"relationName: {literal('_'.join([ours, *reference.columns, theirs, *reference.references_columns]))}"]

    def _columns(self, what: str, table: _Key, columns: Sequence[str]) -> str:
        return ", ".join(access(what, self._naming.properties[table][column]) for column in columns)
