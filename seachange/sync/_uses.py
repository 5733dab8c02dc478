"""Where tables and views are used: foreign keys, views, policies, triggers, functions and named queries."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from seachange.config import Settings
from seachange.postgres.catalog import qualified
from seachange.sync._mentions import Mentions
from seachange.sync.model import Schema

__all__ = ["Use", "uses"]

_Key = tuple[str, str]
_QUERY = re.compile(r"^[ \t]*--[ \t]*name[ \t]*:[ \t]*([^\s(^$!<*]+).*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Use:
    """One place: ``title`` says of which kind, ``of`` is the table or view that it belongs to, ``name`` its own name."""

    title: str
    name: str = ""
    of: _Key | None = None


def uses(schema: Schema, settings: Settings) -> Mapping[_Key, tuple[Use, ...]]:
    """Return where each table and view is used.

    Functions, policies and triggers are searched for names; what they put together at run time is not found.

    :param schema: the schema.
    :param settings: where the named queries of target ``queries`` are.
    """
    found: dict[_Key, dict[Use, None]] = {}
    for key, use in (*_structural(schema), *_mentioned(schema, settings)):
        found.setdefault(key, {})[use] = None
    return {key: tuple(places) for key, places in found.items()}


def _structural(schema: Schema) -> Iterator[tuple[_Key, Use]]:
    parents = {table.qualified: table.key for table in schema.tables}
    for table in schema.tables:
        if table.is_partition:
            continue
        for key in table.foreign_keys:
            yield key.references, Use(title="Foreign key", name=qualified(key.name), of=table.key)
        for name in table.inherits:
            if name in parents:
                yield parents[name], Use(title="Inherited by", of=table.key)
    for view in schema.views:
        for used in view.uses:
            yield used, Use(title=view.kind.capitalize(), of=view.key)


def _mentioned(schema: Schema, settings: Settings) -> Iterator[tuple[_Key, Use]]:
    mentions = Mentions(schema.relations)
    for table in schema.tables:
        for policy in table.policies:
            for key in sorted(mentions.of(f"{policy.using} {policy.check}", home=table.schema) - {table.key}):
                yield key, Use(title="Policy", name=qualified(policy.name), of=table.key)
        for trigger in table.triggers:
            for key in sorted(mentions.of(trigger.definition, home=table.schema) - {table.key}):
                yield key, Use(title="Trigger", name=qualified(trigger.name), of=table.key)
    for function in schema.functions:
        name = f"{function.qualified}({function.arguments})"
        for key in sorted(mentions.of(function.definition, home=function.schema)):
            yield key, Use(title="Function", name=name)
    for name, sql in _queries(settings):
        for key in sorted(mentions.of(sql)):
            yield key, Use(title="Query", name=name)


def _queries(settings: Settings) -> Iterator[tuple[str, str]]:
    folder = _query_folder(settings)
    if folder is None:
        return
    for path in sorted(folder.rglob("*.sql")):
        parts = _QUERY.split(path.read_text(encoding="utf-8", errors="replace"))
        for name, sql in zip(parts[1::2], parts[2::2], strict=True):
            yield f"{name} in {path.relative_to(folder).as_posix()}", sql


def _query_folder(settings: Settings) -> Path | None:
    options = dict(settings.sync_options).get("queries", ())
    given = dict(options).get("folder")
    if isinstance(given, str):
        return settings.path(given)
    return settings.path("queries") if "queries" in (*settings.sync_targets, *settings.sync_clients) else None
