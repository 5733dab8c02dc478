"""Indexes and constraints as code, with all that PostgreSQL knows of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from seachange.postgres.catalog import qualified
from seachange.sync.model import Index, IndexPart, Key, Table
from seachange.sync.targets.models._exclusions import Exclusion
from seachange.sync.targets.models._preparing import CYCLIC
from seachange.sync.targets.models._texts import call, escaped, text_call

__all__ = ["constraint_code", "exclusion_code", "index_code"]


def index_code(index: Index, reflected: sa.Index) -> str:
    """Return the call that declares an index.

    Operator classes go into ``postgresql_ops``, without which Alembic cannot compare. Of a descending key, and a collation that
    is not the column's, it cannot compare them at all: those are left out.

    :param index: as we read it.
    :param reflected: the same of SQLAlchemy, for its storage parameters.
    """
    classes: dict[str, str] = {}
    parts = [
        _part(part, _spelled(expression), classes) for part, expression in zip(index.parts, reflected.expressions, strict=True)
    ]
    storage = reflected.dialect_options["postgresql"].get("with")
    return call(
        "Index",
        repr(index.name),
        *parts,
        unique="True" if index.unique else "",
        postgresql_using=repr(index.method) if index.method != "btree" else "",
        postgresql_include=repr(list(index.include)) if index.include else "",
        postgresql_nulls_not_distinct="True" if index.nulls_not_distinct else "",
        postgresql_ops=repr(classes) if classes else "",
        postgresql_with=repr(dict(storage)) if storage else "",
        postgresql_where=text_call(index.predicate) if index.predicate else "",
    )


def _spelled(expression: Any) -> str:
    """Return an expression in the spelling that Alembic meets in the database: it compares texts."""
    while isinstance(expression, sa.UnaryExpression):
        expression = expression.element
    return str(getattr(expression, "text", ""))


def _part(part: IndexPart, expression: str, classes: dict[str, str]) -> str:
    order = _order(part)
    if part.column and not order:
        if part.operator_class:
            classes[part.column] = part.operator_class
        return repr(part.column)
    expression = qualified(part.column) if part.column else expression
    if part.operator_class and not order:
        label = f"key_{len(classes) + 1}"
        classes[label] = part.operator_class
        return f"literal_column({expression!r}).label({label!r})"
    return text_call(f"{expression}{order}")


def _order(part: IndexPart) -> str:
    if part.nulls_first == part.descending:
        return " DESC" if part.descending else ""
    return f"{' DESC' if part.descending else ''} NULLS {'FIRST' if part.nulls_first else 'LAST'}"


def constraint_code(constraint: sa.Constraint, table: Table) -> str:
    """Return the call that declares a constraint of a table.

    :param constraint: as SQLAlchemy reflected it.
    :param table: as we read it.
    """
    name = str(constraint.name) if constraint.name else ""
    if isinstance(constraint, sa.ForeignKeyConstraint):
        return call(
            "ForeignKeyConstraint", *_references(constraint), **_foreign_key_options(constraint, table), name=_literal(name)
        )
    if isinstance(constraint, sa.CheckConstraint):
        check = next((one for one in table.checks if one.name == name), None)
        return call(
            "CheckConstraint",
            repr(escaped(check.expression) if check else str(constraint.sqltext)),
            postgresql_not_valid="True" if check and not check.validated else "",
            comment=_literal(check.comment if check else ""),
            name=_literal(name),
        )
    columns = [repr(column.name) for column in getattr(constraint, "columns", ())]
    keys = [key for key in (table.primary_key, *table.unique_keys) if key and key.name == name]
    options = dict(_key_options(keys[0])) if keys else {}
    return call(type(constraint).__name__, *columns, **options, name=_literal(name))


def _references(constraint: sa.ForeignKeyConstraint) -> Iterator[str]:
    yield repr([column.name for column in constraint.columns])
    yield repr([f"{element.column.table.fullname}.{element.column.name}" for element in constraint.elements])


def _foreign_key_options(constraint: sa.ForeignKeyConstraint, table: Table) -> dict[str, str]:
    known = next((one for one in table.foreign_keys if one.name == constraint.name), None)
    options = {name: repr(value) for name in _FOREIGN_KEY if (value := getattr(constraint, name))}
    return options | {
        "use_alter": "True" if CYCLIC in constraint.info else "",
        "postgresql_not_valid": "True" if known and not known.validated else "",
        "comment": _literal(known.comment if known else ""),
    }


_FOREIGN_KEY = ("ondelete", "onupdate", "deferrable", "initially", "match")


def _key_options(key: Key) -> Iterator[tuple[str, str]]:
    yield "deferrable", "True" if key.deferrable else ""
    yield "initially", "'DEFERRED'" if key.initially_deferred else ""
    yield "postgresql_include", repr(list(key.include)) if key.include else ""
    yield "postgresql_nulls_not_distinct", "True" if key.nulls_not_distinct else ""
    yield "comment", _literal(key.comment)


def exclusion_code(exclusion: Exclusion) -> str:
    """Return the call that declares an exclusion constraint.

    :param exclusion: as it was read.
    """
    parts = zip(exclusion.columns, exclusion.expressions, exclusion.classes, exclusion.operators, strict=True)
    elements = []
    for column, expression, operator_class, operator in parts:
        plain = column is not None and not operator_class
        element = repr(column) if plain else text_call(" ".join(filter(None, (expression, operator_class))))
        elements.append(f"({element}, {operator!r})")
    return call(
        "ExcludeConstraint",
        *elements,
        using=repr(exclusion.method),
        where=text_call(exclusion.predicate) if exclusion.predicate else "",
        deferrable="True" if exclusion.deferrable else "",
        initially="'DEFERRED'" if exclusion.deferred else "",
        comment=_literal(exclusion.comment),
        name=repr(exclusion.name),
    )


def _literal(text: str) -> str:
    return repr(text) if text else ""
