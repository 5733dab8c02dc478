"""The rows of the detail queries, found by the object that they are about."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Details", "Row"]

# A named tuple with the columns of its query.
Row = Any
_Key = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Details:
    """What the catalogue does not tell, by schema and name of the object; ``constraints`` by schema, table and name."""

    constraints: Mapping[tuple[str, str, str], Row]
    domain_checks: Mapping[tuple[str, str, str], str]
    indexes: Mapping[_Key, Row]
    index_parts: Mapping[_Key, Sequence[Row]]
    view_uses: Mapping[_Key, Sequence[_Key]]
    view_texts: Mapping[_Key, str]
    dimensions: Mapping[tuple[str, str, str], int]
    partitions: Mapping[_Key, _Key]
    attributes: Mapping[_Key, Sequence[Row]]
    extension_types: Mapping[_Key, str]

    @classmethod
    def of(cls, found: Mapping[str, Sequence[Row]]) -> Details:
        """Return the details.

        :param found: the rows of each query by its name.
        """
        parts, uses, attributes = defaultdict(list), defaultdict(list), defaultdict(list)
        for row in found["index parts"]:
            parts[row.schema, row.name].append(row)
        for row in found["view uses"]:
            uses[row.schema, row.name].append((row.used_schema, row.used))
        for row in found["attributes"]:
            attributes[row.schema, row.composite].append(row)
        return cls(
            constraints={(row.schema, row.relation, row.name): row for row in found["constraints"]},
            domain_checks={(row.schema, row.relation, row.name): row.expression for row in found["domain checks"]},
            indexes={(row.schema, row.name): row for row in found["indexes"]},
            index_parts=parts,
            view_uses=uses,
            view_texts={(row.schema, row.name): row.text for row in found["view texts"]},
            dimensions={(row.schema, row.relation, row.name): row.dimensions for row in found["dimensions"]},
            partitions={(row.schema, row.name): (row.parent_schema, row.parent) for row in found["partitions"]},
            attributes=attributes,
            extension_types={(row.schema, row.name): row.extension for row in found["extension types"]},
        )
