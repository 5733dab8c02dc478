"""A catalogue and its details -> tables, views and types of the schema."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any, Literal

from seachange.postgres import catalog as pg
from seachange.postgres.catalog import Catalog, TypeRef, qualified, short_type
from seachange.sync import model
from seachange.sync._details import Details, Row

__all__ = ["Builder"]

_ACTIONS: Mapping[str, model.Action] = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_MATCHES: Mapping[str, Literal["simple", "full", "partial"]] = {"s": "simple", "f": "full", "p": "partial"}
_MODIFIERS = re.compile(r"\(([^()]*)\)")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_KINDS: Mapping[str, model.TypeKind] = {
    "b": "base",
    "e": "enum",
    "d": "domain",
    "c": "composite",
    "r": "range",
    "m": "multirange",
    "p": "pseudo",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Builder:
    """Makes the schema of one read."""

    catalog: Catalog
    details: Details

    def schema(self, *, revision: str) -> model.Schema:
        """Return the schema.

        :param revision: the revision of the database.
        """
        catalog = self.catalog
        return model.Schema(
            fingerprint=catalog.fingerprint,
            revision=revision,
            server_major=catalog.major,
            schemas=tuple(one.name for one in catalog.schemas),
            comments={one.name: one.comment for one in catalog.schemas if one.comment},
            tables=tuple(map(self._table, catalog.tables)),
            views=tuple(map(self._view, catalog.views)),
            enums=tuple(model.Enum(**_named(one), labels=one.labels) for one in catalog.enums),
            domains=tuple(map(self._domain, catalog.domains)),
            composites=tuple(model.Composite(**_named(one), columns=self._attributes(one)) for one in catalog.composites),
            ranges=tuple(model.Range(**_named(one), subtype=short_type(one.subtype)) for one in catalog.ranges),
            sequences=tuple(
                model.Sequence(**{field.name: getattr(one, field.name) for field in dataclasses.fields(one)})
                for one in catalog.sequences
            ),
            functions=tuple(
                model.Function(**_named(one), arguments=one.arguments, definition=one.definition) for one in catalog.functions
            ),
            extensions=tuple(one.name for one in catalog.extensions),
        )

    @functools.cached_property
    def _domains(self) -> Mapping[tuple[str, str], pg.Domain]:
        return {(one.schema, one.name): one for one in self.catalog.domains}

    @functools.cached_property
    def _serial(self) -> Mapping[str, str]:
        return {one.owned_by: one.qualified for one in self.catalog.sequences if one.owned_by and not one.identity}

    @functools.cached_property
    def _types(self) -> dict[tuple[str, TypeRef], model.Type]:
        return {}

    def _type(self, text: str, reference: TypeRef) -> model.Type:
        # A handful of types stand behind ten thousands of columns.
        found = self._types.get((text, reference))
        if found is None:
            modifiers = _MODIFIERS.search(_QUOTED.sub("", text))
            found = self._types[text, reference] = model.Type(
                text=short_type(text),
                schema=reference.schema,
                name=reference.name,
                kind=reference.kind,
                array=reference.array,
                modifiers=tuple(part.strip() for part in modifiers[1].split(",")) if modifiers else (),
                extension=self.details.extension_types.get((reference.schema, reference.name), ""),
            )
        return found

    def _is_filled(self, reference: TypeRef) -> bool:
        domain = None if reference.array else self._domains.get((reference.schema, reference.name))
        return domain is not None and (domain.not_null or self._is_filled(domain.type_ref))

    def _column(self, relation: pg.Table | pg.View, column: pg.Column, *, of_view: bool = False) -> model.Column:
        sequence = self._serial.get(f"{relation.qualified}.{qualified(column.name)}", "")
        serial = bool(sequence) and column.default.startswith("nextval(")
        return model.Column(
            name=column.name,
            type=self._type(column.type, column.type_ref),
            dimensions=self._dimensions(relation, column),
            position=column.position,
            not_null=column.not_null,
            nullable=of_view or not (column.not_null or self._is_filled(column.type_ref)),
            default="" if column.generated else column.default,
            identity=column.identity,
            generated=column.generated,
            expression=column.default if column.generated else "",
            serial=serial,
            sequence=sequence if serial else "",
            collation=column.collation,
            comment=column.comment,
        )

    def _dimensions(self, relation: pg.Table | pg.View, column: pg.Column) -> int:
        return self.details.dimensions.get((relation.schema, relation.name, column.name), int(column.type_ref.array))

    def _table(self, table: pg.Table) -> model.Table:
        keys = [(one.kind, self._key(table, one)) for one in table.constraints if one.kind in ("primary key", "unique")]
        return model.Table(
            **_named(table),
            kind=table.kind,
            columns=tuple(self._column(table, column) for column in table.columns),
            primary_key=next((key for kind, key in keys if kind == "primary key"), None),
            unique_keys=tuple(key for kind, key in keys if kind == "unique"),
            foreign_keys=tuple(self._foreign_key(table, one) for one in table.foreign_keys),
            checks=tuple(self._check(table, one) for one in table.constraints if one.kind == "check"),
            exclusions=tuple(
                model.Exclusion(name=one.name, columns=one.columns, definition=one.definition, comment=one.comment)
                for one in table.constraints
                if one.kind == "exclusion"
            ),
            indexes=tuple(self._index(table.schema, one) for one in table.indexes),
            triggers=table.triggers,
            policies=table.policies,
            row_security=table.row_security,
            force_row_security=table.force_row_security,
            unlogged=table.unlogged,
            inherits=() if table.partition_bound else table.inherits,
            partition_key=table.partition_key,
            partition_bound=table.partition_bound,
            partition_of=self.details.partitions.get((table.schema, table.name)),
            server=table.server,
            estimated_rows=table.estimated_rows,
            estimated_bytes=table.estimated_bytes,
        )

    def _view(self, view: pg.View) -> model.View:
        return model.View(
            **_named(view),
            kind=view.kind,
            columns=tuple(self._column(view, column, of_view=True) for column in view.columns),
            indexes=tuple(self._index(view.schema, one) for one in view.indexes),
            triggers=view.triggers,
            definition=view.definition,
            text=self.details.view_texts.get((view.schema, view.name), ""),
            options=view.options,
            uses=tuple(self.details.view_uses.get((view.schema, view.name), ())),
            estimated_rows=view.estimated_rows,
            estimated_bytes=view.estimated_bytes,
        )

    def _detail(self, table: pg.Table, constraint: pg.Constraint) -> Row:
        return self.details.constraints[table.schema, table.name, constraint.name]

    def _key(self, table: pg.Table, constraint: pg.Constraint) -> model.Key:
        row = self._detail(table, constraint)
        return model.Key(
            name=constraint.name,
            columns=constraint.columns,
            include=tuple(row.include or ()),
            nulls_not_distinct=row.nulls_not_distinct,
            deferrable=row.deferrable,
            initially_deferred=row.initially_deferred,
            definition=constraint.definition,
            comment=constraint.comment,
        )

    def _foreign_key(self, table: pg.Table, constraint: pg.Constraint) -> model.ForeignKey:
        row = self._detail(table, constraint)
        return model.ForeignKey(
            name=constraint.name,
            columns=constraint.columns,
            references_schema=constraint.references_schema,
            references_table=constraint.references_table,
            references_columns=constraint.references_columns,
            on_update=_ACTIONS[row.on_update],
            on_delete=_ACTIONS[row.on_delete],
            match=_MATCHES[row.match],
            deferrable=row.deferrable,
            initially_deferred=row.initially_deferred,
            validated=constraint.validated,
            enforced=constraint.enforced,
            definition=constraint.definition,
            comment=constraint.comment,
        )

    def _check(self, table: pg.Table, constraint: pg.Constraint) -> model.Check:
        return _check(constraint, expression=self._detail(table, constraint).expression)

    def _index(self, schema: str, index: pg.Index) -> model.Index:
        row = self.details.indexes[schema, index.name]
        parts = self.details.index_parts[schema, index.name]
        return model.Index(
            name=index.name,
            method=row.method,
            unique=index.unique,
            parts=tuple(_index_part(part) for part in parts if not part.included),
            include=tuple(part.column for part in parts if part.included),
            predicate=row.predicate or "",
            nulls_not_distinct=row.nulls_not_distinct,
            valid=index.valid,
            definition=index.definition,
            comment=index.comment,
            estimated_bytes=row.bytes,
        )

    def _domain(self, domain: pg.Domain) -> model.Domain:
        checks = self.details.domain_checks
        return model.Domain(
            **_named(domain),
            type=self._type(domain.type, domain.type_ref),
            not_null=domain.not_null or self._is_filled(domain.type_ref),
            default=domain.default,
            collation=domain.collation,
            checks=tuple(
                _check(one, expression=checks[domain.schema, domain.name, one.name])
                for one in domain.constraints
                if one.kind == "check"
            ),
        )

    def _attributes(self, composite: pg.CompositeType) -> tuple[model.Column, ...]:
        return tuple(
            model.Column(
                name=row.name,
                type=self._type(
                    row.text, TypeRef(schema=row.type_schema, name=row.type_name, kind=_KINDS[row.kind], array=row.array)
                ),
                position=row.number,
                comment=row.comment or "",
            )
            for row in self.details.attributes.get((composite.schema, composite.name), ())
        )


def _named(one: Any) -> dict[str, Any]:
    return {"schema": one.schema, "name": one.name, "comment": one.comment}


def _check(constraint: pg.Constraint, *, expression: str) -> model.Check:
    return model.Check(
        name=constraint.name,
        expression=expression or "",
        columns=constraint.columns,
        validated=constraint.validated,
        enforced=constraint.enforced,
        definition=constraint.definition,
        comment=constraint.comment,
    )


def _index_part(row: Row) -> model.IndexPart:
    return model.IndexPart(
        column=row.column or "",
        expression=row.expression or "",
        descending=bool(row.descending),
        nulls_first=bool(row.nulls_first),
        operator_class="" if row.default_operator_class else row.operator_class or "",
        default_operator_class=row.operator_class or "" if row.default_operator_class else "",
        collation=row.collation or "",
    )
