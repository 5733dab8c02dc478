"""USING clauses for changes of type that PostgreSQL does not make by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import render_op_text, renderers
from alembic.operations import ops
from sqlalchemy import text

from seachange.revisions._enums import qualified

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext
    from sqlalchemy import Connection

__all__ = ["CastColumnOp", "add_casts"]

# ALTER TYPE without USING takes assignment casts; every type has one to the string category (documentation, 13.41 pg_cast).
_CASTS = text("""
select s.oid = t.oid or (t.typcategory = 'S' and s.typcategory <> 'S') or exists (
    select from pg_catalog.pg_cast c where c.castsource = s.oid and c.casttarget = t.oid and c.castcontext in ('a', 'i'))
from pg_catalog.pg_type s, pg_catalog.pg_type t where s.oid = to_regtype(:source) and t.oid = to_regtype(:target)
""")

_TYPED_CONSTANT = re.compile(r"""('(?:[^']|'')*')::[\w\s."\[\]()]+""")
_WITHOUT_ZONE, _WITH_ZONE = "timestamp without time zone", "timestamp with time zone"


class CastColumnOp(ops.AlterColumnOp):
    """A change of type with a USING clause, which Alembic runs but does not render.

    :param operation: the change.
    :param using: the expression.
    """

    def __init__(self, operation: ops.AlterColumnOp, *, using: str) -> None:
        vars(self).update(vars(operation))
        self.using = using


@renderers.dispatch_for(CastColumnOp)
def _render(context: AutogenContext, operation: CastColumnOp) -> str:
    plain = ops.AlterColumnOp(operation.table_name, operation.column_name)
    vars(plain).update({key: value for key, value in vars(operation).items() if key != "using"})
    return f"{render_op_text(context, plain).removesuffix(')')}, postgresql_using={operation.using!r})"


def add_casts(operations: list[Any], connection: Connection) -> None:
    """Give each change of type what PostgreSQL asks for; a default that is in the way is taken off and put on again.

    :param operations: operations of Alembic, changed in place.
    :param connection: where the types are known.
    """
    for container in operations:
        if isinstance(container, ops.ModifyTableOps):
            container.ops = [part for operation in container.ops for part in _with_cast(operation, connection)]


def _with_cast(operation: Any, connection: Connection) -> list[Any]:
    if not isinstance(operation, ops.AlterColumnOp) or operation.modify_type is None or operation.existing_type is None:
        return [operation]
    source, target = (_name(type_, connection) for type_ in (operation.existing_type, operation.modify_type))
    column = qualified(connection, "", operation.column_name)
    if {_plain(source), _plain(target)} == {_WITHOUT_ZONE, _WITH_ZONE}:
        # Without this the session's TimeZone decides what the values mean.
        return [CastColumnOp(operation, using=f"{column} AT TIME ZONE 'UTC'")]
    if connection.scalar(_CASTS, {"source": source, "target": target}):
        return [operation]
    return _around_default(CastColumnOp(operation, using=f"{column}::{target}"))


def _around_default(operation: ops.AlterColumnOp) -> list[Any]:
    old, new = operation.existing_server_default, operation.modify_server_default
    if old in (False, None):
        return [operation]
    wanted = _untyped(old) if new is False else new
    common: dict[str, Any] = {"schema": operation.schema}
    names = (operation.table_name, operation.column_name)
    off = ops.AlterColumnOp(*names, modify_server_default=None, existing_type=operation.existing_type, **common)
    operation.modify_server_default = False
    operation.existing_server_default = False
    if wanted is None:
        return [off, operation]
    on = ops.AlterColumnOp(*names, modify_server_default=wanted, existing_type=operation.modify_type, **common)
    return [off, operation, on]


def _untyped(default: Any) -> Any:
    """Return a default without the old type: PostgreSQL shows a constant as ``'x'::character varying``."""
    found = _TYPED_CONSTANT.fullmatch(str(getattr(getattr(default, "arg", None), "text", "")))
    return text(found[1]) if found else default


def _name(type_: Any, connection: Connection) -> str:
    return str(type_.compile(dialect=connection.dialect))


def _plain(name: str) -> str:
    lowered = name.lower()
    if not lowered.startswith("timestamp"):
        return lowered
    return _WITH_ZONE if "with time zone" in lowered else _WITHOUT_ZONE
