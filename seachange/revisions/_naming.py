"""Names of generated revisions: what they do in words, their id, and the name of their file."""

from __future__ import annotations

import dataclasses
import datetime
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic.operations import ops

from seachange.errors import ConfigError
from seachange.revisions._entities import entity_of
from seachange.revisions._enum_operations import EnumOp
from seachange.revisions._enum_plugin import plugin_change
from seachange.revisions._enums import EnumChange
from seachange.revisions._plain_sql import PlainSQLOp
from seachange.revisions._rename_operations import RenameOp
from seachange.revisions._sentences import flatten, table_of
from seachange.revisions.history import History

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

__all__ = ["Identity", "identify", "suggest_name"]

_EPOCH_MS = re.compile(r"[12]\d{12}")
_NUMBER = re.compile(r"\d{2,6}")
_LONGEST = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """What a new revision is called; ``path`` is where it will stand."""

    revision: str
    down_revision: str | None
    title: str
    created: datetime.datetime
    path: Path


def suggest_name(operations: Iterable[ops.MigrateOperation]) -> str:
    """Return a name made of the operations, such as ``add_phone_to_clients``."""
    flat = list(flatten(operations))
    main = [operation for operation in flat if isinstance(operation, _MAIN) or _labels(operation)]
    # Indexes of new columns, types of new tables and the like say nothing more; alone they give the name.
    tables = {table_of(operation) for operation in main} | {""}
    rest = [operation for operation in flat if operation not in main and (not main or table_of(operation) not in tables)]
    names = list(dict.fromkeys(name for operation in (*main, *rest) if (name := _name(operation))))
    if not names:
        return "change_schema"
    both = "_and_".join(names[:2])
    if len(names) == 2 and len(both) <= _LONGEST:
        return both
    return names[0] if len(names) == 1 else f"{names[0]}_and_{len(names) - 1}_more"


_MAIN = (RenameOp, ops.CreateTableOp, ops.DropTableOp, ops.AddColumnOp, ops.DropColumnOp, ops.AlterColumnOp)


def _labels(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, EnumOp) and operation.change.old is not None and operation.change.new is not None


def _name(operation: Any) -> str:
    table = table_of(operation).rpartition(".")[2]
    if (entity := entity_of(operation)) is not None:
        word = {"CreateOp": "create", "DropOp": "drop"}.get(type(operation).__name__, "replace")
        return f"{word}_{str(entity.signature).partition('(')[0]}"
    if (change := plugin_change(operation)) is not None:
        return _labels_name(change)
    return next((name(operation, table) for kind, name in _NAMES if isinstance(operation, kind)), "")


def _enum_name(operation: EnumOp, _: str) -> str:
    return _labels_name(operation.change)


def _labels_name(change: EnumChange) -> str:
    enum = change.new or change.old
    if change.old is None or change.new is None or enum is None:
        return f"{'create' if change.new else 'drop'}_{enum.name if enum else 'type'}"
    if len(change.added) == 1 and not change.removed:
        return f"add_{change.added[0]}_to_{enum.name}"
    return f"change_labels_of_{enum.name}"


def _rename_name(operation: RenameOp, table: str) -> str:
    if operation.kind == "table":
        return f"rename_{operation.old}_to_{operation.new}"
    # What follows from the name of a column or table says nothing more.
    return f"rename_{operation.old}_of_{table}_to_{operation.new}" if operation.kind == "column" else ""


_NAMES: tuple[tuple[type[Any], Callable[[Any, str], str]], ...] = (
    (EnumOp, _enum_name),
    (RenameOp, _rename_name),
    (PlainSQLOp, lambda operation, _: operation.name),
    (ops.CreateTableOp, lambda _, table: f"create_{table}"),
    (ops.DropTableOp, lambda _, table: f"drop_{table}"),
    (ops.AddColumnOp, lambda operation, table: f"add_{operation.column.name}_to_{table}"),
    (ops.DropColumnOp, lambda operation, table: f"drop_{operation.column_name}_from_{table}"),
    (ops.AlterColumnOp, lambda operation, table: f"change_{operation.column_name}_of_{table}"),
    (ops.CreateForeignKeyOp, lambda operation, table: f"reference_{operation.referent_table}_from_{table}"),
    (ops.CreateIndexOp, lambda _, table: f"index_{table}"),
    (ops.DropIndexOp, lambda _, table: f"drop_index_of_{table}"),
    (ops.AddConstraintOp, lambda _, table: f"constrain_{table}"),
    (ops.DropConstraintOp, lambda _, table: f"drop_constraint_of_{table}"),
    (ops.CreateTableCommentOp, lambda _, table: f"comment_{table}"),
    (ops.DropTableCommentOp, lambda _, table: f"comment_{table}"),
)


def identify(history: History, script: ScriptDirectory, *, name: str, location: str, taken: Iterable[str] = ()) -> Identity:
    """Return the next revision's id, title and file.

    :param history: the revisions there are; one head or none.
    :param script: Alembic's directory, for its ``file_template``.
    :param name: ``AddPhone``, ``add_phone`` or ``Add the phone of clients``.
    :param location: a version location to write to; that of the newest revision by default.
    :param taken: ids that are given to others at the same time.
    :raises ConfigError: there is no such location.
    """
    # By Alembic's option timezone, so that new dates compare with those that Alembic wrote.
    created = script._generate_create_date()
    words = _words(name)
    revision = _next_id((*history.by_id, *taken))
    folder = _folder(history, location)
    if _EPOCH_MS.fullmatch(revision):
        camel = "".join(word[:1].upper() + word[1:] for word in words)
        path = folder / f"{revision}-{camel}.py"
    else:
        path = Path(script._rev_path(folder, revision, " ".join(words), created))
    title = " ".join(words)
    return Identity(
        revision=revision,
        down_revision=history.heads[0] if history.heads else None,
        title=title[:1].upper() + title[1:],
        created=created,
        path=path,
    )


def _words(name: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.findall(r"\w+", spaced.replace("_", " "))
    camel = " " not in name and spaced != name
    return [word.lower() if camel and not word.isupper() else word for word in words] or ["change", "schema"]


def _next_id(ids: tuple[str, ...]) -> str:
    """Go on as the project does: timestamps of TypeORM, plain numbers, else a random id as Alembic makes it."""
    from alembic.util import rev_id

    if ids and all(_EPOCH_MS.fullmatch(name) for name in ids):
        return str(max(int(time.time() * 1000), *(int(name) + 1 for name in ids)))
    if ids and all(_NUMBER.fullmatch(name) for name in ids) and len({len(name) for name in ids}) == 1:
        return str(max(int(name) for name in ids) + 1).zfill(len(ids[0]))
    return str(rev_id())


def _folder(history: History, location: str) -> Path:
    if not location:
        newest = history.by_id[history.heads[0]].path if history.heads else None
        below = [place for place in history.locations if newest and newest.is_relative_to(place.resolve())]
        return below[0] if below else history.locations[0]
    wanted = (history.root / location).resolve()
    for place in history.locations:
        if place.resolve() == wanted or history.relative(place) == location or place.name == location:
            return place
    known = ", ".join(history.relative(place) for place in history.locations)
    raise ConfigError(f"{location!r} is no version location of this project", hint=f"choose one of {known}")
