"""What a text of SQL is, by PostgreSQL's own grammar: its statements, or the place where it does not parse."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["Parsed", "SqlError", "Statement", "parse"]

Control = Literal["", "begin", "commit", "rollback"]

_META = re.compile(r"^[ \t]*(\\[A-Za-z!?.][\w+]*)", re.MULTILINE)
_COPY_IN = re.compile(r"\bcopy\b[^;]*\bfrom\s+stdin\b", re.IGNORECASE)
_DETACH = "ALTER TABLE ... DETACH PARTITION CONCURRENTLY"
_MOVE = "ALTER DATABASE ... SET TABLESPACE"
_CONTROLS: dict[str, Control] = {
    "TRANS_STMT_BEGIN": "begin",
    "TRANS_STMT_START": "begin",
    "TRANS_STMT_COMMIT": "commit",
    "TRANS_STMT_PREPARE": "commit",
    "TRANS_STMT_ROLLBACK": "rollback",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement: ``control`` is what it does to the transaction, ``alone`` its name when it runs in none."""

    control: Control = ""
    alone: str = ""
    copies: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class SqlError:
    """Where a text does not parse: ``position`` counts characters from 0; ``meta`` is the command of psql that stands there."""

    message: str
    position: int
    meta: str = ""
    copies: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parsed:
    """The statements of a text, or its error."""

    statements: tuple[Statement, ...] = ()
    error: SqlError | None = None


@functools.lru_cache(maxsize=1024)
def parse(sql: str) -> Parsed:
    """Parse a text by the grammar of PostgreSQL 18.

    :param sql: the text as the server would get it.
    """
    import postgast

    try:
        result = postgast.parse(sql.replace("\0", ""))
    except postgast.PgQueryError as exc:
        return Parsed(error=_error(sql, exc.message, max(exc.cursorpos - 1, 0)))
    return Parsed(statements=tuple(_statement(raw.stmt) for raw in result.stmts))


def _error(sql: str, message: str, position: int) -> SqlError:
    begin = sql.rfind("\n", 0, position) + 1
    found = _META.match(sql, begin)
    meta = found[1] if found and not sql[begin:position].strip() else ""
    return SqlError(message=message, position=position, meta=meta, copies=bool(_COPY_IN.search(sql, 0, position)))


def _statement(node: Any) -> Statement:
    kind = node.WhichOneof("node") or ""
    inner: Any = getattr(node, kind) if kind else node
    if kind == "transaction_stmt":
        from postgast import pg_query_pb2

        return Statement(control=_CONTROLS.get(pg_query_pb2.TransactionStmtKind.Name(inner.kind), ""))
    if kind == "copy_stmt":
        return Statement(copies=not inner.filename)
    return Statement(alone=_alone(kind, inner))


def _alone(kind: str, node: Any) -> str:
    """Return the name of a statement that PostgreSQL refuses within a transaction block (PreventInTransactionBlock)."""
    decide = _ALONE.get(kind)
    return decide(node) if decide else ""


def _reindex(node: Any) -> str:
    from postgast import pg_query_pb2

    if any(_switched_on(option.def_elem, "concurrently") for option in node.params):
        return "REINDEX CONCURRENTLY"
    kind = pg_query_pb2.ReindexObjectType.Name(node.kind).removeprefix("REINDEX_OBJECT_")
    return f"REINDEX {kind}" if kind in ("SCHEMA", "SYSTEM", "DATABASE") else ""


def _switched_on(option: Any, name: str) -> bool:
    if option.defname != name:
        return False
    if not option.HasField("arg"):
        return True
    return option.arg.string.sval.lower() not in ("off", "false", "0") if option.arg.HasField("string") else True


def _detaches(command: Any) -> bool:
    return bool(getattr(command, "def").partition_cmd.concurrent)


_ALONE: dict[str, Callable[[Any], str]] = {
    "createdb_stmt": lambda _: "CREATE DATABASE",
    "dropdb_stmt": lambda _: "DROP DATABASE",
    "create_table_space_stmt": lambda _: "CREATE TABLESPACE",
    "drop_table_space_stmt": lambda _: "DROP TABLESPACE",
    "alter_system_stmt": lambda _: "ALTER SYSTEM",
    "index_stmt": lambda node: "CREATE INDEX CONCURRENTLY" if node.concurrent else "",
    "drop_stmt": lambda node: "DROP INDEX CONCURRENTLY" if node.concurrent else "",
    "reindex_stmt": _reindex,
    "vacuum_stmt": lambda node: "VACUUM" if node.is_vacuumcmd else "",
    "alter_table_stmt": lambda node: _DETACH if any(_detaches(each.alter_table_cmd) for each in node.cmds) else "",
    "cluster_stmt": lambda node: "" if node.HasField("relation") else "CLUSTER of the whole database",
    "alter_database_stmt": lambda node: _MOVE if any(each.def_elem.defname == "tablespace" for each in node.options) else "",
}
