"""ALTER TABLE and what else changes tables: what it asks of rows, and what the table looks like afterwards."""

from __future__ import annotations

from seachange.postgres.catalog import qualified
from seachange.safety._data.asking import Asking
from seachange.safety._data.bounds import ask_attached
from seachange.safety._data.constraints import ask_constraint, ask_validation
from seachange.safety._data.texts import column_names, expression, last_cast, without_last_cast
from seachange.safety._data.types import made, spelled
from seachange.safety._data.values import Nulls, TypeChange, Values
from seachange.safety.parsing import Command, Node, commands, constraint_kind, enum_name, names, type_name

__all__ = ["alter_table", "rename", "set_schema"]

_SERIAL = ("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8")


def alter_table(asking: Asking, statement: Node) -> None:
    """Take in an ALTER TABLE, command by command.

    :param asking: where the checks go.
    :param statement: the AlterTableStmt.
    """
    if enum_name(statement, "objtype") not in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"):
        return
    relation = statement.relation
    table, alias = asking.picture.name(relation.schemaname, relation.relname), relation.relname
    for command in commands(statement):
        if command.kind == "AddColumn":
            _add_column(asking, table, command, alias=alias)
        elif command.kind == "DropColumn":
            _drop_column(asking, table, command.name, alias=alias)
        elif command.kind == "AlterColumnType":
            _change_type(asking, table, command, alias=alias)
        elif command.kind == "SetNotNull":
            probe = Nulls(columns=(command.name,))
            what = f"SET NOT NULL of {qualified(command.name)}"
            asking.ask("SC802", what, table=table, alias=alias, probe=probe, columns=probe.columns, only=not relation.inh)
        elif command.kind == "AddConstraint":
            ask_constraint(asking, table, command.constraint, alias=alias)
        elif command.kind == "ValidateConstraint":
            ask_validation(asking, table, command.name, alias=alias)
        elif command.kind == "DropConstraint":
            asking.picture.constraints.pop((table, command.name), None)
        elif command.kind == "AttachPartition":
            ask_attached(asking, table, getattr(command.node, "def").partition_cmd)


def rename(asking: Asking, statement: Node) -> None:
    """Take in a RENAME of a table, a column, a constraint or a type.

    :param asking: where it goes.
    :param statement: the RenameStmt.
    """
    picture, what = asking.picture, enum_name(statement, "rename_type")
    relation = statement.relation
    if what == "OBJECT_TYPE":
        parts = names(statement.object.list.items)
        schema = parts[-2] if len(parts) > 1 else ""
        old, new = picture.name(schema, parts[-1]), picture.name(schema, statement.newname)
        picture.rename_type(old, new)
        return
    table = picture.name(relation.schemaname, relation.relname)
    if what == "OBJECT_TABLE":
        picture.rename(table, picture.name(relation.schemaname or picture.schema_of(table), statement.newname))
    elif what == "OBJECT_COLUMN" and enum_name(statement, "relation_type") == "OBJECT_TABLE":
        picture.rename_column(table, statement.subname, statement.newname, alias=relation.relname)
    elif what == "OBJECT_TABCONSTRAINT" and (table, statement.subname) in picture.constraints:
        picture.constraints[table, statement.newname] = picture.constraints.pop((table, statement.subname))


def set_schema(asking: Asking, statement: Node) -> None:
    """Take in an ALTER TABLE ... SET SCHEMA.

    :param asking: where it goes.
    :param statement: the AlterObjectSchemaStmt.
    """
    if enum_name(statement, "object_type") == "OBJECT_TABLE":
        relation = statement.relation
        table = asking.picture.name(relation.schemaname, relation.relname)
        asking.picture.rename(table, qualified(statement.newschema, relation.relname))


def _add_column(asking: Asking, table: str, command: Command, *, alias: str) -> None:
    column = command.column
    asking.picture.change(table, alias=alias, values={command.name: _value_of(asking, column)})
    for constraint in command.constraints:
        ask_constraint(asking, table, constraint, alias=alias, columns=(command.name,))


def _value_of(asking: Asking, column: Node) -> str:
    """Return what rows that are there get in a new column."""
    kinds = {constraint_kind(each.constraint): each.constraint for each in column.constraints}
    text = type_name(column.type_name)
    if "IDENTITY" in kinds or names(column.type_name.names)[-1] in _SERIAL:
        # Numbers of a sequence: all there, all different.
        return "row_number() OVER ()"
    source = kinds.get("GENERATED") or kinds.get("DEFAULT")
    new = made(asking.picture, text)
    if source is None:
        return "NULL::text" if new else f"NULL::{spelled(asking.picture, text)}"
    given = source.raw_expr
    return without_last_cast(given) if new else f"({expression(given)})::{spelled(asking.picture, text)}"


def _drop_column(asking: Asking, table: str, column: str, *, alias: str) -> None:
    what = f"DROP COLUMN {qualified(column)}"
    asking.ask("SC602", what, table=table, alias=alias, probe=Values(column=column), columns=(column,))
    asking.picture.change(table, alias=alias, gone=[column])


def _change_type(asking: Asking, table: str, command: Command, *, alias: str) -> None:
    picture, column = asking.picture, command.name
    using = command.column.raw_default if command.column.HasField("raw_default") else None
    new = made(picture, command.type)
    cast = last_cast(using) if using is not None else ""
    plain = qualified(column)
    if using is not None:
        plain = without_last_cast(using) if new or cast == command.type else expression(using)
    probe = TypeChange(
        column=column,
        type=command.type if new else spelled(picture, command.type),
        using="" if plain == qualified(column) else plain,
        explicit=cast == command.type,
        labels=new.labels if new else None,
        checks=new.checks if new else (),
        base=new.base if new else "",
        added=picture.added_labels.get(picture.type_key(command.type), ()),
    )
    code = "SC611" if probe.labels is not None else "SC805"
    what = f"ALTER COLUMN {qualified(column)} TYPE {command.type}"
    used = (column,) if using is None else column_names(using)
    asking.ask(code, what, table=table, alias=alias, probe=probe, columns=used)
    after = f"({plain})::{probe.base or 'text'}" if new else f"({plain})::{probe.type}"
    picture.change(table, alias=alias, values={column: after})
