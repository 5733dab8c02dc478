"""What statements say that they do, one act after the other, with the table that each concerns."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping

from seachange.plan import Severity
from seachange.postgres.catalog import Catalog, Table, View, qualified
from seachange.safety import parsing
from seachange.safety.facts import LockMode, RevisionFacts, StatementFacts
from seachange.safety.parsing import Command, Node
from seachange.safety.rules._registry import Verdict

__all__ = [
    "Act",
    "acts",
    "acts_of",
    "existed",
    "find_acts",
    "new_lock",
    "relation_after",
    "relation_before",
    "table_after",
    "table_before",
]

_ON_TABLES = ("TRIGGER", "POLICY", "RULE")
_WITHOUT_SCHEMA = ("SCHEMA", "EXTENSION", "EVENT_TRIGGER", "FOREIGN_SERVER", "FDW", "LANGUAGE", "PUBLICATION", "SUBSCRIPTION")
_WORDS = {"MATVIEW": "materialized view", "TABCONSTRAINT": "constraint", "DOMCONSTRAINT": "domain constraint"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Act:
    """One act of a statement.

    ``kind`` is that of a command of ALTER TABLE (``DropColumn``), ``drop table`` or ``rename column`` in the words of SQL, or
    else the kind of the node (``TruncateStmt``). ``target`` is the relation or object with its schema, ``name`` the part of it
    that is named, ``new`` its new name.
    """

    kind: str
    statement: StatementFacts
    node: Node = dataclasses.field(repr=False)
    target: str = ""
    name: str = ""
    new: str = ""
    cascade: bool = False
    command: Command | None = None

    def verdict(self, rule: str, message: str, *, hint: str = "", severity: Severity | None = None) -> Verdict:
        """Return what a rule says of this act.

        :param rule: its id.
        :param message: what, to what, with which value.
        :param hint: the remedy, where it is not the rule's own.
        :param severity: where it is not the rule's own.
        """
        return Verdict(rule=rule, message=message, statement=self.statement, table=self.target, hint=hint, severity=severity)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Read:
    """An act as the text gives it; ``parts`` are the names that make its target, which needs a schema if it is a ``relation``."""

    kind: str
    node: Node
    parts: tuple[str, ...] = ()
    relation: bool = True
    name: str = ""
    new: str = ""
    cascade: bool = False
    command: Command | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Index:
    """The acts of a revision, by the number of their statement too, the names that relations had before it, and what it made."""

    revision: RevisionFacts
    acts: tuple[Act, ...]
    by_number: Mapping[int, tuple[Act, ...]]
    former: Mapping[str, str]
    created: frozenset[str]


_latest: _Index | None = None


def acts(revision: RevisionFacts) -> tuple[Act, ...]:
    """Return all acts of a revision, in order; none for a statement that does not parse.

    :param revision: its facts.
    """
    return _index(revision).acts


def acts_of(revision: RevisionFacts, statement: StatementFacts) -> tuple[Act, ...]:
    """Return the acts of one statement.

    :param revision: its facts.
    :param statement: one of its statements.
    """
    return _index(revision).by_number.get(statement.number, ())


def find_acts(revision: RevisionFacts, *kinds: str) -> Iterator[Act]:
    """Yield the acts of some kinds.

    :param revision: its facts.
    :param kinds: such as ``DropColumn``, ``drop table``.
    """
    return (act for act in acts(revision) if act.kind in kinds)


def relation_before(revision: RevisionFacts, name: str) -> Table | View | None:
    """Return a relation as it was before the revision, None when it was not there or nobody looked."""
    return revision.before.relations.get(name) if revision.before else None


def relation_after(revision: RevisionFacts, name: str) -> Table | View | None:
    """Return a relation as the revision leaves it, None when it is gone or nobody looked."""
    return revision.after.relations.get(name) if revision.after else None


def table_before(revision: RevisionFacts, name: str) -> Table | None:
    """Return a table as it was before the revision."""
    found = relation_before(revision, name)
    return found if isinstance(found, Table) else None


def table_after(revision: RevisionFacts, name: str) -> Table | None:
    """Return a table as the revision leaves it."""
    found = relation_after(revision, name)
    return found if isinstance(found, Table) else None


def existed(revision: RevisionFacts, name: str) -> bool:
    """Whether a relation was there before the revision; without a catalogue, whether no statement of the revision made it.

    What the revision renamed counts under its new name as well.

    :param revision: its facts.
    :param name: with schema, quoted where needed.
    """
    name = _index(revision).former.get(name, name)
    if revision.before is not None:
        return name in revision.before.relations
    return name not in _index(revision).created


def new_lock(statement: StatementFacts, relation: str) -> LockMode | None:
    """Return the strongest mode in which a statement locked a relation anew."""
    return max((lock.mode for lock in statement.new_locks if lock.relation == relation), default=None)


def _index(revision: RevisionFacts) -> _Index:
    global _latest  # noqa: PLW0603 - every rule asks for the same revision, one after the other
    known = _latest
    if known is None or known.revision is not revision:
        found = tuple(_acts(revision))
        by_number: dict[int, list[Act]] = {}
        for act in found:
            by_number.setdefault(act.statement.number, []).append(act)
        known = _latest = _Index(
            revision=revision,
            acts=found,
            by_number={number: tuple(group) for number, group in by_number.items()},
            former={_beside(act.target, act.new): act.target for act in found if act.kind in ("rename table", "rename view")},
            created=frozenset(name for statement in revision.statements for name in statement.created),
        )
    return known


def _beside(target: str, name: str) -> str:
    return f"{target.rpartition('.')[0]}.{qualified(name)}"


def _acts(revision: RevisionFacts) -> Iterator[Act]:
    for statement in revision.statements:
        for read in _read(statement.sql):
            yield Act(
                kind=read.kind,
                statement=statement,
                node=read.node,
                target=_target(read, statement, revision),
                name=read.name,
                new=read.new,
                cascade=read.cascade,
                command=read.command,
            )


def _target(read: _Read, statement: StatementFacts, revision: RevisionFacts) -> str:
    if not read.parts:
        return ""
    if len(read.parts) > 1 or not read.relation:
        return qualified(*read.parts)
    path = _search_path(statement.settings.get("search_path", ""))
    names = [qualified(schema, read.parts[0]) for schema in path]
    catalogs = [catalog for catalog in (revision.before, revision.after) if catalog]
    return next((name for name in names if any(_holds(catalog, name) for catalog in catalogs)), names[0])


def _holds(catalog: Catalog, name: str) -> bool:
    return name in catalog.relations


@functools.lru_cache(maxsize=64)
def _search_path(text: str) -> tuple[str, ...]:
    names = (name.strip().strip('"') for name in text.split(","))
    return tuple(name for name in names if name and name not in ("$user", "pg_catalog")) or ("public",)


@functools.lru_cache(maxsize=2048)
def _read(sql: str) -> tuple[_Read, ...]:
    return tuple(read for node in parsing.parse(sql) for read in _read_node(node))


def _read_node(node: Node) -> Iterator[_Read]:
    kind = parsing.kind(node)
    if kind == "AlterTableStmt":
        for command in parsing.commands(node):
            yield _Read(
                kind=command.kind,
                node=node,
                parts=_names(node.relation),
                name=command.name,
                cascade=command.cascade,
                command=command,
            )
    elif kind == "DropStmt":
        yield from _drops(node)
    elif kind == "RenameStmt":
        yield _rename(node)
    elif kind in ("TruncateStmt", "LockStmt"):
        cascade = kind == "TruncateStmt" and parsing.enum_name(node, "behavior") == "DROP_CASCADE"
        for relation in node.relations:
            yield _Read(kind=kind, node=node, parts=_names(relation.range_var), cascade=cascade)
    else:
        yield _Read(kind=kind, node=node, parts=_named(node))


def _drops(node: Node) -> Iterator[_Read]:
    what = parsing.enum_name(node, "remove_type").removeprefix("OBJECT_")
    cascade = parsing.enum_name(node, "behavior") == "DROP_CASCADE"
    kind = f"drop {_word(what)}"
    for each in node.objects:
        parts, name = _object_parts(each), ""
        if what in _ON_TABLES:
            *table, name = parts
            parts = tuple(table)
        yield _Read(kind=kind, node=node, parts=parts, relation=what not in _WITHOUT_SCHEMA, name=name, cascade=cascade)


def _rename(node: Node) -> _Read:
    what = parsing.enum_name(node, "rename_type").removeprefix("OBJECT_")
    kind = f"rename {_word(what)}"
    if node.HasField("relation"):
        return _Read(kind=kind, node=node, parts=_names(node.relation), name=node.subname, new=node.newname)
    if node.HasField("object"):
        return _Read(kind=kind, node=node, parts=_object_parts(node.object), name=node.subname, new=node.newname)
    return _Read(kind=kind, node=node, parts=(node.subname,), relation=False, new=node.newname)


def _named(node: Node) -> tuple[str, ...]:
    for field in ("relation", "table", "view", "sequence"):
        if field in node.DESCRIPTOR.fields_by_name and parsing.kind(getattr(node, field)) == "RangeVar" and node.HasField(field):
            return _names(getattr(node, field))
    return ()


def _names(relation: Node) -> tuple[str, ...]:
    return tuple(part for part in (relation.schemaname, relation.relname) if part)


def _object_parts(node: Node) -> tuple[str, ...]:
    kind = node.WhichOneof("node")
    inner = getattr(node, kind)
    if kind == "string":
        return (inner.sval,)
    if kind == "list" and inner.items and inner.items[0].HasField("type_name"):
        return parsing.names(inner.items[0].type_name.names)
    field = {"list": "items", "type_name": "names", "object_with_args": "objname"}.get(kind)
    return parsing.names(getattr(inner, field)) if field else ()


def _word(what: str) -> str:
    return _WORDS.get(what, what.replace("_", " ").lower())
