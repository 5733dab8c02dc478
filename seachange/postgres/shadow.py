"""Shadow databases: a server with a template at a known state, from the cache in a fifth of a second instead of a replay."""

from __future__ import annotations

import contextlib
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from seachange.config import Settings
from seachange.errors import SeachangeError, ServerStartError
from seachange.postgres import interrupt
from seachange.postgres._shadow_store import ShadowStore, template_name
from seachange.postgres._throwaway import Run, Server, running
from seachange.postgres.connection import (
    Database,
    Session,
    clone_database,
    connect,
    create_database,
    drop_database,
    maintenance,
)
from seachange.postgres.server import lent_server, own_programs

__all__ = ["Build", "Shadow", "shadow"]

_log = logging.getLogger(__name__)

Build = Callable[[Database], None]

_OTHERS = """
select datname from pg_database
where datname not in ('postgres', 'template0', 'template1') and datname <> all (%s) order by datname
"""
_ROLES = "select array_agg(rolname::text order by rolname) from pg_roles"
_END_SESSIONS = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"


class Shadow:
    """A server of our own with a template database at a known state.

    Nobody may be connected to ``template`` while it is cloned; ``hit`` tells whether the state came from the cache.
    """

    def __init__(self, server: Server, template: Database, *, hit: bool) -> None:
        self.server = server
        self.template = template
        self.hit = hit
        self._numbers = itertools.count(1)
        self._kept: dict[str, Database] = {}

    def clone(self, name: str | None = None) -> Database:
        """Return a new database at the state.

        :param name: its name; one that is free by default.
        :raises DatabaseExistsError: there is one of that name.
        """
        wanted = self.server.database(name or f"clone_{next(self._numbers)}")
        return clone_database(self.template, wanted.name)

    def keep_as(self, key: str, database: Database) -> None:
        """Keep a database of this server as the state ``key`` when the block is left; it is gone from here then.

        :param key: the state, as for :func:`shadow`.
        :param database: a clone that was brought to that state.
        """
        self._kept[key] = database

    @property
    def kept(self) -> dict[str, Database]:
        """What is to be kept, by key."""
        return dict(self._kept)


@contextlib.contextmanager
def shadow(
    settings: Settings,
    *,
    key: str,
    build: Build,
    major: int | None = None,
    ancestors: Sequence[tuple[str, Build]] = (),
) -> Iterator[Shadow]:
    """Run a server with a template database at the state ``key`` for the length of the block.

    The state comes from the cache, or is built on its nearest ancestor that is there, or from nothing; then it is put into
    the cache when the block is left. On a server that ``SEACHANGE_ADMIN_URL`` names it is always built, and nothing is kept.

    :param settings: ``shadow_keep``, ``postgres_major`` and ``cache_dir`` count.
    :param key: stands for the state: whatever the state depends on is part of it.
    :param build: brings an empty database to the state, and leaves no session open.
    :param major: the version; 0 or None for that of the settings, or else the newest at hand.
    :param ancestors: earlier states, the nearest first, each with what leads from there to the state.
    :returns: the shadow, ready to be cloned.
    :raises SeachangeError: the server did not start, or ``build`` failed.
    """
    with lent_server(settings, major) as server:
        if server:
            template = create_database(server.database(template_name(key)))
            build(template)
            yield Shadow(server, template, hit=False)
            return
        installation, identity = own_programs(settings, major)
        store = ShadowStore(settings=settings, installation=installation, identity=identity)
        with contextlib.ExitStack() as stack:
            run, known, advance = _begin(stack, store, key, ancestors=(*ancestors, ("", build)))
            made = Shadow(run.server, run.server.database(template_name(key)), hit=known == key)
            if advance:
                _advance(made, known=known, advance=advance)
            with _stored_afterwards(store, key, run=run, made=made):
                yield made


def _begin(
    stack: contextlib.ExitStack, store: ShadowStore, key: str, *, ancestors: Sequence[tuple[str, Build]]
) -> tuple[Run, str, Build | None]:
    for known, advance in ((key, None), *ancestors):
        run = _run_cached(stack, store, known) if known else _run_empty(stack, store)
        if run:
            return run, known, advance
    raise AssertionError("the last ancestor is the empty database, which is always there")


def _run_empty(stack: contextlib.ExitStack, store: ShadowStore) -> Run:
    return stack.enter_context(_running(store))


def _running(store: ShadowStore, *, data_from: Path | None = None) -> contextlib.AbstractContextManager[Run]:
    return running(store.settings, store.installation, store.identity, data_from=data_from)


def _run_cached(stack: contextlib.ExitStack, store: ShadowStore, key: str) -> Run | None:
    with contextlib.ExitStack() as held:
        data_dir = store.find(held, key)
        if data_dir is None:
            return None
        try:
            return stack.enter_context(_running(store, data_from=data_dir))
        except ServerStartError as exc:
            _log.warning("the shadow database in %s is unusable and is built anew: %s", data_dir, exc)
    store.drop(key)
    return None


def _advance(made: Shadow, *, known: str, advance: Build) -> None:
    if known:
        with maintenance(made.template) as session:
            _rename(session, template_name(known), made.template.name)
    else:
        create_database(made.template)
    advance(made.template)


def _rename(session: Session, old: str, new: str) -> None:
    session.execute(_END_SESSIONS, [old])
    session.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(old), sql.Identifier(new)))


@contextlib.contextmanager
def _stored_afterwards(store: ShadowStore, key: str, *, run: Run, made: Shadow) -> Iterator[None]:
    before = None if made.hit else _roles(made.server)
    try:
        yield
    except Exception:
        _store(store, key, run=run, made=made, before=before)
        raise
    _store(store, key, run=run, made=made, before=before)


def _roles(server: Server) -> object:
    with connect(server.database(), autocommit=True) as session:
        return session.execute(_ROLES).fetchone()


def _store(store: ShadowStore, key: str, *, run: Run, made: Shadow, before: object) -> None:
    states = {kept: database.name for kept, database in made.kept.items()}
    try:
        with interrupt.shielded():
            # Roles belong to the whole server: those that came after the template are not part of its state.
            if before is not None and _roles(made.server) == before:
                states.setdefault(key, made.template.name)
            if states and store.settings.shadow_keep:
                _keep(store, states, run)
    except (SeachangeError, OSError, psycopg.Error) as exc:
        # The work is done; without the cache the next run takes longer, that is all.
        _log.warning("the shadow database was not kept: %s", exc)


def _keep(store: ShadowStore, states: dict[str, str], run: Run) -> None:
    with connect(run.server.database(), autocommit=True) as session:
        for (name,) in session.execute(_OTHERS, [list(states.values())]).fetchall():
            drop_database(run.server.database(name), force=True)
        for key, name in states.items():
            if name != template_name(key):
                _rename(session, name, template_name(key))
    if run.stop():
        for index, key in enumerate(states, start=1):
            store.keep(key, run.data_dir, move=index == len(states))
        store.prune()
