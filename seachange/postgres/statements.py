"""What the text of a statement says about the locks that it takes and about how long it may work."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seachange.postgres._alter_table import alters_online, detaches

if TYPE_CHECKING:
    from postgast.pg_query_pb2 import Node

__all__ = ["Build", "Lock", "StatementClass", "Work", "classify", "without_placeholders"]


class Lock(enum.IntEnum):
    """How a statement's strongest lock on existing tables stands to the work of others.

    Of several statements in one text the highest decides.

    ``SESSION`` takes none and does nothing; ``ONLINE`` is SHARE UPDATE EXCLUSIVE, which lets readers and writers pass;
    ``FREE`` takes none on existing tables; ``DATA`` reads or writes rows; ``BLOCKING`` is SHARE and everything above,
    behind whose waiter readers or writers queue.
    """

    SESSION = 0
    ONLINE = 1
    FREE = 2
    DATA = 3
    BLOCKING = 4


class Work(enum.IntEnum):
    """How long a statement may work once it has its locks."""

    SHORT = 0
    LONG = 1
    BUILD = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """An index that is built or rebuilt concurrently; without ``index`` the server chooses the name, or all of a table are.

    ``table`` is empty when only the index is named; names are quoted where they have to be.
    """

    table: str = ""
    index: str = ""
    again: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatementClass:
    """What a text means to whoever runs it.

    ``concurrent``: it commits by itself and leaves something behind when it breaks off; ``atomic``: on its own it is done
    wholly or not at all, or can be given again; ``sets``: the parameters that it sets, with whether that is for its
    transaction only. Roles, unlike all else, belong to every database of the server.
    """

    lock: Lock
    work: Work
    concurrent: bool = False
    atomic: bool = True
    build: Build | None = None
    makes_role: str = ""
    drops_roles: tuple[str, ...] = ()
    sets: Mapping[str, bool] = dataclasses.field(default_factory=dict)


# Only what is one statement for certain; parsing each of a thousand inserts would cost more than sending them.
_DATA = re.compile(r"\s*(insert|update|delete|merge|select|values|copy|show)\b[^;]*;?\s*\Z", re.IGNORECASE)
_SETS = re.compile(r"set_config", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%s")
_UNKNOWN = StatementClass(lock=Lock.BLOCKING, work=Work.LONG, atomic=False)
_PLAIN_DATA = StatementClass(lock=Lock.DATA, work=Work.LONG)


@functools.lru_cache(maxsize=1024)
def classify(text: str) -> StatementClass:
    """Return what ``text`` means; what cannot be parsed counts as blocking.

    :param text: one or more statements, with placeholders of a driver or without.
    """
    if _DATA.match(text) and not _SETS.search(text):
        return _PLAIN_DATA
    import postgast

    try:
        parsed = postgast.parse(without_placeholders(text))
    except postgast.PgQueryError:
        return _UNKNOWN
    found = [_classify(raw.stmt) for raw in parsed.stmts]
    if len(found) == 1:
        return found[0]
    return StatementClass(
        lock=max((each.lock for each in found), default=Lock.SESSION),
        work=max((each.work for each in found), default=Work.SHORT),
        concurrent=any(each.concurrent for each in found),
        atomic=all(each.atomic for each in found),
        sets={name: local for each in found for name, local in each.sets.items()},
    )


def without_placeholders(text: str) -> str:
    """Return a text for a driver as a text that the server could parse: NULL in place of each value.

    :param text: SQL with ``%s`` or ``%(name)s``, or without.
    """
    return _PLACEHOLDER.sub("NULL", text).replace("%%", "%")


def _classify(node: Node) -> StatementClass:
    kind = node.WhichOneof("node") or ""
    statement = getattr(node, kind)
    if kind in _SPECIAL:
        return _SPECIAL[kind](statement)
    lock, work = _BY_KIND.get(kind, (Lock.BLOCKING, Work.SHORT))
    return StatementClass(lock=lock, work=work, atomic=kind not in _NOT_ATOMIC)


def _of(lock: Lock, work: Work = Work.SHORT) -> StatementClass:
    return StatementClass(lock=lock, work=work)


def _alter_table(statement: Any) -> StatementClass:
    if not alters_online(statement):
        return _of(Lock.BLOCKING)
    # Broken off, it leaves a partition that is half detached; only FINALIZE goes on from there.
    half = detaches(statement)
    return StatementClass(lock=Lock.ONLINE, work=Work.BUILD, concurrent=half, atomic=not half)


def _index(statement: Any) -> StatementClass:
    if not statement.concurrent:
        return _of(Lock.BLOCKING, Work.LONG)
    build = Build(table=_name(statement.relation), index=_quoted(statement.idxname) if statement.idxname else "")
    return StatementClass(lock=Lock.ONLINE, work=Work.BUILD, concurrent=True, build=build)


def _reindex(statement: Any) -> StatementClass:
    if not any(each.def_elem.defname == "concurrently" for each in statement.params):
        return _of(Lock.BLOCKING, Work.LONG)
    from postgast import pg_query_pb2 as pg

    build = None
    if statement.kind == pg.REINDEX_OBJECT_TABLE:
        build = Build(table=_name(statement.relation), again=True)
    elif statement.kind == pg.REINDEX_OBJECT_INDEX:
        build = Build(index=_name(statement.relation), again=True)
    return StatementClass(lock=Lock.ONLINE, work=Work.BUILD, concurrent=True, build=build)


def _drop(statement: Any) -> StatementClass:
    from postgast import pg_query_pb2 as pg

    if statement.concurrent:
        return StatementClass(lock=Lock.ONLINE, work=Work.BUILD, concurrent=True)
    if statement.remove_type == pg.OBJECT_STATISTIC_EXT:
        return _of(Lock.ONLINE, Work.LONG)
    free = statement.remove_type in (
        *(pg.OBJECT_FUNCTION, pg.OBJECT_PROCEDURE, pg.OBJECT_ROUTINE, pg.OBJECT_AGGREGATE, pg.OBJECT_EXTENSION, pg.OBJECT_SCHEMA),
        *(pg.OBJECT_TYPE, pg.OBJECT_DOMAIN, pg.OBJECT_COLLATION, pg.OBJECT_CAST, pg.OBJECT_OPERATOR, pg.OBJECT_EVENT_TRIGGER),
    )
    return _of(Lock.FREE if free and statement.behavior != pg.DROP_CASCADE else Lock.BLOCKING)


def _rename(statement: Any) -> StatementClass:
    from postgast import pg_query_pb2 as pg

    if statement.rename_type == pg.OBJECT_INDEX:
        return _of(Lock.ONLINE)
    tables = (
        *(pg.OBJECT_TABLE, pg.OBJECT_COLUMN, pg.OBJECT_TABCONSTRAINT, pg.OBJECT_VIEW, pg.OBJECT_MATVIEW, pg.OBJECT_SEQUENCE),
        *(pg.OBJECT_TRIGGER, pg.OBJECT_POLICY, pg.OBJECT_RULE, pg.OBJECT_FOREIGN_TABLE, pg.OBJECT_ATTRIBUTE),
    )
    return _of(Lock.BLOCKING if statement.rename_type in tables else Lock.FREE)


def _create_table(statement: Any) -> StatementClass:
    from postgast import pg_query_pb2 as pg

    parts = [each.constraint for each in statement.table_elts] + [each.constraint for each in statement.constraints]
    parts += [part.constraint for each in statement.table_elts for part in each.column_def.constraints]
    refers = any(part.contype == pg.CONSTR_FOREIGN for part in parts)
    # A partition takes ACCESS EXCLUSIVE on its parent, a foreign key SHARE ROW EXCLUSIVE on the table that it refers to.
    return _of(Lock.BLOCKING if refers or statement.inh_relations else Lock.FREE)


def _view(statement: Any) -> StatementClass:
    return _of(Lock.BLOCKING if statement.replace else Lock.FREE)


def _refresh(statement: Any) -> StatementClass:
    # CONCURRENTLY takes EXCLUSIVE, which lets readers pass, and nobody else writes into a materialized view.
    return _of(Lock.ONLINE if statement.concurrent else Lock.BLOCKING, Work.BUILD)


def _vacuum(statement: Any) -> StatementClass:
    full = any(each.def_elem.defname == "full" for each in statement.options)
    return _of(Lock.BLOCKING if full else Lock.ONLINE, Work.BUILD)


def _lock_table(statement: Any) -> StatementClass:
    share_update_exclusive = 4
    if statement.mode > share_update_exclusive:
        return _of(Lock.BLOCKING)
    return _of(Lock.ONLINE if statement.mode == share_update_exclusive else Lock.DATA)


def _alter_domain(statement: Any) -> StatementClass:
    adds, validates = statement.subtype == "C", statement.subtype == "V"
    checks = validates or (adds and not getattr(statement, "def").constraint.skip_validation)
    return _of(Lock.BLOCKING, Work.LONG) if checks else _of(Lock.FREE)


def _set(statement: Any) -> StatementClass:
    return StatementClass(lock=Lock.SESSION, work=Work.SHORT, sets={statement.name.lower(): bool(statement.is_local)})


def _select(statement: Any) -> StatementClass:
    if statement.HasField("into_clause"):
        return _of(Lock.DATA, Work.LONG)
    sets: dict[str, bool] = {}
    for target in statement.target_list:
        call = target.res_target.val.func_call
        if call.funcname and call.funcname[-1].string.sval == "set_config" and call.args:
            local = call.args[2].a_const.boolval.boolval if len(call.args) > 2 else True
            sets[call.args[0].a_const.sval.sval.lower()] = bool(local)
    return StatementClass(lock=Lock.DATA, work=Work.LONG, sets=sets)


def _create_role(statement: Any) -> StatementClass:
    return StatementClass(lock=Lock.FREE, work=Work.SHORT, makes_role=statement.role)


def _drop_role(statement: Any) -> StatementClass:
    names = tuple(each.role_spec.rolename for each in statement.roles)
    return StatementClass(lock=Lock.FREE, work=Work.SHORT, drops_roles=names)


def _name(relation: Any) -> str:
    return ".".join(_quoted(part) for part in (relation.schemaname, relation.relname) if part)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


_SPECIAL = {
    "alter_table_stmt": _alter_table,
    "index_stmt": _index,
    "reindex_stmt": _reindex,
    "drop_stmt": _drop,
    "rename_stmt": _rename,
    "create_stmt": _create_table,
    "view_stmt": _view,
    "refresh_mat_view_stmt": _refresh,
    "vacuum_stmt": _vacuum,
    "lock_stmt": _lock_table,
    "alter_domain_stmt": _alter_domain,
    "variable_set_stmt": _set,
    "select_stmt": _select,
    "create_role_stmt": _create_role,
    "drop_role_stmt": _drop_role,
}

# A procedure or a block may commit half of its work before it fails.
_NOT_ATOMIC = ("do_stmt", "call_stmt", "transaction_stmt")

_BY_KIND: Mapping[str, tuple[Lock, Work]] = {
    **dict.fromkeys(("transaction_stmt", "variable_show_stmt", "discard_stmt", "notify_stmt"), (Lock.SESSION, Work.SHORT)),
    **dict.fromkeys(("listen_stmt", "unlisten_stmt", "constraints_set_stmt"), (Lock.SESSION, Work.SHORT)),
    **dict.fromkeys(("insert_stmt", "update_stmt", "delete_stmt", "merge_stmt", "copy_stmt"), (Lock.DATA, Work.LONG)),
    **dict.fromkeys(("explain_stmt", "prepare_stmt", "execute_stmt", "declare_cursor_stmt"), (Lock.DATA, Work.LONG)),
    **dict.fromkeys(("fetch_stmt", "close_portal_stmt", "deallocate_stmt", "load_stmt"), (Lock.DATA, Work.LONG)),
    "create_table_as_stmt": (Lock.DATA, Work.LONG),
    **dict.fromkeys(("do_stmt", "call_stmt"), (Lock.BLOCKING, Work.LONG)),
    "cluster_stmt": (Lock.BLOCKING, Work.BUILD),
    **dict.fromkeys(("comment_stmt", "create_stats_stmt", "alter_stats_stmt"), (Lock.ONLINE, Work.LONG)),
    **dict.fromkeys(("create_publication_stmt", "alter_publication_stmt"), (Lock.ONLINE, Work.LONG)),
    **dict.fromkeys(
        (
            *("create_schema_stmt", "create_extension_stmt", "alter_extension_stmt", "alter_role_stmt"),
            *("alter_role_set_stmt", "grant_stmt", "grant_role_stmt", "alter_default_privileges_stmt"),
            *("create_seq_stmt", "define_stmt", "create_domain_stmt", "create_function_stmt", "alter_function_stmt"),
            *("composite_type_stmt", "create_enum_stmt", "create_range_stmt", "alter_enum_stmt", "create_cast_stmt"),
            *("create_op_class_stmt", "create_op_family_stmt", "create_foreign_server_stmt", "create_fdw_stmt"),
            *("create_foreign_table_stmt", "create_user_mapping_stmt", "import_foreign_schema_stmt", "create_event_trig_stmt"),
            *("create_plang_stmt", "create_conversion_stmt", "create_transform_stmt", "alter_owner_stmt", "alter_database_stmt"),
            *("alter_database_set_stmt", "alter_system_stmt", "check_point_stmt", "alter_collation_stmt", "sec_label_stmt"),
            *("alter_tsdictionary_stmt", "alter_tsconfiguration_stmt", "alter_object_depends_stmt", "alter_event_trig_stmt"),
        ),
        (Lock.FREE, Work.SHORT),
    ),
}
